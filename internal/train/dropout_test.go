package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/checkpoint"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// dropping trains the tutorial's network with half of its features dropped.
func dropping(t *testing.T, dev device.Device, batch int, lr float64) *Trainer {
	t.Helper()
	set := few(70)
	cfg := Config{
		Network: tutorialNet(len(set.Classes)), Epochs: 2, Batch: batch, Seed: 7, EvalBatch: 16,
		Optimizer: optim.SGD{LR: lr, Momentum: 0.9}, SaveEvery: Interval{Steps: 4},
	}
	net := slices.Clone(cfg.Network.Model.Net.(layers.Seq))
	cfg.Network.Model.Net = slices.Insert(net, len(net)-1, layers.Named{Layer: layers.Dropout{Rate: 0.5}})
	tr, err := New(dev, set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// What is dropped depends neither on threads nor on where a run was stopped.
func TestDropoutResumes(t *testing.T) {
	whole := dropping(t, cpu.New(2), 8, 0.01)
	if err := whole.Run(context.Background(), Hooks{}); err != nil {
		t.Fatal(err)
	}
	want := parameters(t, whole)
	plain := augmented(t, cpu.New(2), augment.Policy{}, 8, 0.01)
	if err := plain.Run(context.Background(), Hooks{}); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(parameters(t, plain), want) {
		t.Error("nothing was dropped")
	}
	for step := 4; step < 18; step += 4 {
		first, then := dropping(t, cpu.New(1), 8, 0.01), dropping(t, cpu.New(3), 8, 0.01)
		var state checkpoint.State
		stopped := errors.New("stopped")
		err := first.Run(context.Background(), Hooks{Pause: func() error {
			if first.place.Step < step {
				return nil
			}
			if err := state.Capture(first.graph, first.prog.Read); err != nil {
				return err
			}
			return stopped
		}})
		if !errors.Is(err, stopped) || first.place.Step != step {
			t.Fatalf("%v at step %d, want a stop at %d", err, first.place.Step, step)
		}
		if err := then.back(&state, first.place); err != nil {
			t.Fatal(err)
		}
		if err := then.Run(context.Background(), Hooks{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(parameters(t, then), want) {
			t.Errorf("a run that was stopped at step %d ends with other bits", step)
		}
	}
}

// A sample loses the same features in a batch of any size, and others in another epoch:
// with a learning rate of nearly nothing the mean loss says so.
func TestDropoutOfSamples(t *testing.T) {
	sameInAnyBatch(t, func(dev device.Device, batch int) *Trainer { return dropping(t, dev, batch, 1e-30) })
}
