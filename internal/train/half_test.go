package train

import (
	"context"
	"math"
	"strings"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/ref"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/optim"
)

// halfTrainer trains 24 pictures in batches of four on a reference that rounds as
// half precision does.
func halfTrainer(t *testing.T, precision graph.DType) *Trainer {
	t.Helper()
	return halfClipped(t, precision, 0)
}

// halfClipped does so with the norm of the gradients held to clip.
func halfClipped(t *testing.T, precision graph.DType, clip float64) *Trainer {
	t.Helper()
	set := few(24)
	set.Test.Images, set.Test.Labels = nil, nil
	n := tutorialNet(len(set.Classes))
	tr, err := New(ref.NewRounding(), set, Config{
		Network: n, Epochs: 2, Batch: 4, Seed: 7, EvalBatch: 4, Precision: precision,
		Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9}, ClipGrad: clip,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// The norm that is clipped is that of the gradients without the scale of the loss.
func TestClippedHalfPrecision(t *testing.T) {
	want, got := epochLosses(t, halfClipped(t, graph.F32, 0.5)), epochLosses(t, halfClipped(t, graph.F16, 0.5))
	plain := epochLosses(t, halfTrainer(t, graph.F32))
	for i := range want {
		d, moved := math.Abs(got[i]-want[i]), math.Abs(plain[i]-want[i])
		if d > 4*0x1p-11*want[i] || moved < 4*d {
			t.Errorf("epoch %d: loss %v, in f32 %v, and %v without clipping", i+1, got[i], want[i], plain[i])
		}
	}
}

// epochLosses trains to the end and returns the mean loss of each epoch.
func epochLosses(t *testing.T, tr *Trainer) (losses []float64) {
	t.Helper()
	err := tr.Run(context.Background(), Hooks{Epoch: func(e Epoch) error { losses = append(losses, e.TrainLoss); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

// The losses of half precision are those of full precision but for its rounding, and
// parameters stay f32.
func TestHalfPrecisionLearnsTheSame(t *testing.T) {
	want := epochLosses(t, halfTrainer(t, graph.F32))
	for precision, eps := range map[graph.DType]float64{graph.BF16: 0x1p-8, graph.F16: 0x1p-11} {
		tr := halfTrainer(t, precision)
		got := epochLosses(t, tr)
		for i := range want {
			if d := math.Abs(got[i] - want[i]); d == 0 || d > 4*eps*want[i] {
				t.Errorf("%s: epoch %d: loss %v, in f32 %v: %.2g of eps", precision, i+1, got[i], want[i], d/want[i]/eps)
			}
		}
		if tr.place.Skipped != 0 || tr.place.Step != 12 {
			t.Errorf("%s: %d of %d steps skipped", precision, tr.place.Skipped, tr.place.Step)
		}
	}
}

// setScale sets the scale of the loss.
func setScale(t *testing.T, tr *Trainer, scale float32) {
	t.Helper()
	if err := tr.prog.Write(tr.cells.scale, device.Bytes([]float32{scale})); err != nil {
		t.Fatal(err)
	}
}

// A scale that is too large is halved by a skipped step each until it is not; these
// steps count and teach nothing. A power of two changes no bit of what is learnt where
// nothing under- or overflows.
func TestScaleThatOverflows(t *testing.T) {
	tr := halfTrainer(t, graph.F16)
	setScale(t, tr, 0x1p24)
	losses := epochLosses(t, tr)
	var scale [1]float32
	if err := tr.prog.Read(tr.cells.scale, device.Bytes(scale[:])); err != nil {
		t.Fatal(err)
	}
	skipped := tr.place.Skipped
	if skipped == 0 || skipped >= rescale.Patience || tr.place.Step != 12 || float64(scale[0]) != math.Ldexp(1, 24-skipped) {
		t.Errorf("%d of %d steps skipped, scale %g", skipped, tr.place.Step, scale[0])
	}
	if !(losses[1] < 5) {
		t.Errorf("losses %v", losses)
	}
}

// Ten skipped steps in a row are a divergence, which names step, culprit and scale; the
// parameters are those of the beginning.
func TestScaleThatNeverFits(t *testing.T) {
	tr := halfTrainer(t, graph.F16)
	before := parameters(t, tr)
	setScale(t, tr, 0x1p120)
	err := tr.Run(context.Background(), Hooks{})
	const want = "is not finite at step 10 (learning rate 0.01, loss scale 2.5961484e+33, 9 steps in a row skipped before it)"
	if fault.KindOf(err) != fault.Diverged || !strings.Contains(err.Error(), "the gradient of ") || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	if tr.place.Step != 9 || tr.place.Skipped != 9 {
		t.Errorf("%d steps, %d skipped", tr.place.Step, tr.place.Skipped)
	}
	for i, bits := range parameters(t, tr) {
		if bits != before[i] {
			t.Fatalf("parameter %d has changed", i)
		}
	}
}
