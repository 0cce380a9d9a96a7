package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/optim"
)

// everything is a policy of all kinds.
var everything = augment.Policy{
	Crop: 4, Reflect: true, Flip: augment.Alternate, Brightness: 0.2, Contrast: 0.2, Saturation: 0.2, Cutout: 8,
}

func augmented(t *testing.T, dev device.Device, p augment.Policy, batch int, lr float64) *Trainer {
	t.Helper()
	set := few(70)
	tr, err := New(dev, set, Config{
		Network: tutorialNet(len(set.Classes)), Epochs: 2, Batch: batch, Seed: 7, EvalBatch: 16,
		Optimizer: optim.SGD{LR: lr, Momentum: 0.9}, Augment: p,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// mixes is a policy that mixes pictures besides.
var mixes = augment.Policy{Crop: 4, Flip: augment.RandomFlip, Mixup: 0.2, Cutmix: 1}

// Augmented pictures, too, give the same bits on any number of threads, and others than
// those that are left as they are.
func TestSameBitsAugmented(t *testing.T) {
	bits := func(threads int, p augment.Policy) []uint32 {
		tr := augmented(t, cpu.New(threads), p, 8, 0.01)
		if err := tr.Run(context.Background(), Hooks{}); err != nil {
			t.Fatal(err)
		}
		return parameters(t, tr)
	}
	plain := bits(1, augment.Policy{})
	for _, p := range []augment.Policy{everything, mixes} {
		want := bits(1, p)
		for _, threads := range []int{2, 3, 8} {
			if !slices.Equal(bits(threads, p), want) {
				t.Errorf("%v: %d threads give other bits than one", p, threads)
			}
		}
		if slices.Equal(plain, want) {
			t.Errorf("%v gives the same bits as nothing", p)
		}
	}
}

// A sample becomes the same picture in a batch of any size and in a short one, and another
// picture in another epoch: with a learning rate of nearly nothing the mean loss says so.
func TestSamePictures(t *testing.T) {
	sameInAnyBatch(t, func(dev device.Device, batch int) *Trainer { return augmented(t, dev, everything, batch, 1e-30) })
}

// sameInAnyBatch expects the mean losses of two epochs of 70 samples to be the same by
// every device and size of batch, and to differ from each other.
func sameInAnyBatch(t *testing.T, trainer func(dev device.Device, batch int) *Trainer) {
	t.Helper()
	losses := func(dev device.Device, batch int) (all []float64) {
		err := trainer(dev, batch).Run(context.Background(), Hooks{Epoch: func(e Epoch) error { all = append(all, e.TrainLoss); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := losses(cpu.New(1), 70)
	if math.Abs(want[0]-want[1]) < 1e-5 {
		t.Errorf("losses %v: both epochs draw the same", want)
	}
	for _, c := range []struct {
		dev   device.Device
		batch int
	}{{cpu.New(2), 1}, {cpu.New(2), 9}, {cpu.New(1), 32}, {ref.New(), 32}} {
		for i, got := range losses(c.dev, c.batch) {
			if math.Abs(got-want[i]) > 1e-6 {
				t.Errorf("%s, batches of %d: mean loss %v in epoch %d, want %v", c.dev, c.batch, got, i+1, want[i])
			}
		}
	}
}
