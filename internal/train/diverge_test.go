package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/fault"
	"imgcls/internal/optim"
	"imgcls/internal/run"
)

// Row 13: whatever leaves the finite numbers, at whatever step, is found at that
// step and named; the checkpoint is that of the step before, all of it finite,
// and a run that goes on from it finds the same.
func TestDivergenceAtAnyStep(t *testing.T) {
	const huge = 3e38 // a number that single precision still holds
	kinds := []struct {
		what    string
		cells   map[string]float32
		culprit string
	}{
		{"an activation", map[string]float32{"conv1.weight": huge}, "the loss"},
		{"the logits", map[string]float32{"fc3.weight": huge}, "the loss"},
		{"an update", map[string]float32{"momentum.fc3.bias": huge, "scalars": 100}, "the update of a parameter"},
	}
	for step := 1; step <= 21; step++ {
		c := kinds[step%len(kinds)]
		t.Run(fmt.Sprintf("%s at step %d", c.what, step+1), func(t *testing.T) {
			set := few(40)
			tr, err := New(cpu.New(1), set, Config{
				Network: tutorialNet(len(set.Classes)), Epochs: 4, Batch: 5, Seed: 7, EvalBatch: 16,
				Accum: 1 + step%2, Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9}, SaveEvery: Interval{Steps: 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			folder := newFolder(t, set)
			_, err = tr.Into(context.Background(), folder, Saving{Keep: 2}, func(run.Event) error { return nil }, func(at int, _ float64) {
				for cell, x := range c.cells {
					if at == step {
						poison(t, tr, cell, x)
					}
				}
			})
			want := fmt.Sprintf("%s is not finite at step %d (learning rate 0.01)", c.culprit, step+1)
			if fault.KindOf(err) != fault.Diverged || !strings.Contains(err.Error(), want) {
				t.Fatalf("error %v", err)
			}
			state := newestOf(t, folder)
			if state.Step != step {
				t.Errorf("the checkpoint is of step %d", state.Step)
			}
			for _, tensor := range state.Tensors {
				if n := safetensors.NonFinite(tensor); n > 0 {
					t.Errorf("%d numbers of %s in the checkpoint are not finite", n, tensor.Name)
				}
			}
			tr.Close()
		})
	}
}

// What was saved before the numbers ran away is what a run goes on from: neither the
// only checkpoint nor the model makes room for parameters that are finite and lost. A
// run that has no model yet gets those, and no checkpoint: it begins anew.
func TestDivergenceKeepsWhatWasBefore(t *testing.T) {
	for epoch := range 3 {
		set := few(40)
		cfg := Config{
			Network: tutorialNet(len(set.Classes)), Epochs: 4, Batch: 5, Seed: 7, EvalBatch: 16,
			Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9}, SaveEvery: Interval{Epochs: 1},
		}
		cfg.Network.Classes = set.Classes
		tr, err := New(cpu.New(1), set, cfg)
		if err != nil {
			t.Fatal(err)
		}
		folder := newFolder(t, set)
		_, err = tr.Into(context.Background(), folder, Saving{Keep: 1}, func(run.Event) error { return nil }, func(at int, _ float64) {
			if at >= epoch*8+3 {
				poison(t, tr, "fc3.weight", 3e38)
			}
		})
		if fault.KindOf(err) != fault.Diverged {
			t.Fatalf("error %v", err)
		}
		var want []int
		if epoch > 0 {
			want = []int{8 * epoch}
		}
		if steps, err := folder.Checkpoints(1).Steps(); err != nil || !slices.Equal(steps, want) {
			t.Errorf("checkpoints of steps %v, want %v: %v", steps, want, err)
		}
		file, err := checkpoint.Open(folder.Model())
		if err != nil {
			t.Fatal(err)
		}
		r := folder.Record()
		if epoch > 0 && r.Step != 8*epoch {
			t.Errorf("epoch %d: the model is of step %d", epoch+1, r.Step)
		}
		if r.TestLoss.Defined() != (epoch > 0) || file.SHA256 != r.ModelSHA256 {
			t.Errorf("epoch %d: the model is %s, run.json says %s and a loss of %v", epoch+1, file.SHA256, r.ModelSHA256, r.TestLoss)
		}
		for _, tensor := range file.Tensors {
			if n := safetensors.NonFinite(tensor); n > 0 {
				t.Errorf("%d numbers of %s in the model are not finite", n, tensor.Name)
			}
		}
		tr.Close()
	}
}

// poison sets the first number of a cell.
func poison(t *testing.T, tr *Trainer, cell string, x float32) {
	t.Helper()
	v := tr.graph.Named(cell)
	values := make([]float32, tr.graph.Tensor(v).Len())
	if err := tr.prog.Read(v, device.Bytes(values)); err != nil {
		t.Fatal(err)
	}
	for i := range values {
		values[i] = x
		if cell == "scalars" {
			break // the learning rate
		}
	}
	if err := tr.prog.Write(v, device.Bytes(values)); err != nil {
		t.Fatal(err)
	}
}

func newestOf(t *testing.T, folder *run.Folder) *checkpoint.State {
	t.Helper()
	state, err := folder.Checkpoints(1).Newest(func(err error) { t.Error(err) })
	if err != nil || state == nil {
		t.Fatalf("no checkpoint: %v", err)
	}
	return state
}

// A best model that is lost is made again from its checkpoint, and one that the
// run knows nothing of does not take its place.
func TestBestIsRecovered(t *testing.T) {
	set := few(60)
	if err := set.HoldOut(0.2, 7); err != nil {
		t.Fatal(err)
	}
	folder := newFolder(t, set)
	cfg := Config{
		Network: tutorialNet(len(set.Classes)), Epochs: 3, Batch: 8, Seed: 7, EvalBatch: 16,
		Optimizer: optim.SGD{LR: 1e-30}, SaveEvery: Interval{Epochs: 1},
	}
	cfg.Network.Classes = set.Classes
	train := func(epochs int) *Trainer {
		cfg.Epochs = epochs
		tr, err := New(cpu.New(1), set, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		if epochs > 3 {
			if err := tr.Resume(newestOf(t, folder)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tr.Into(context.Background(), folder, Saving{Keep: 1}, func(run.Event) error { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		return tr
	}
	before := train(3)
	m := before.place.Model
	if m == nil || m.Weights != "best" || folder.Record().Weights != "best" || before.place.Best.Step != m.Step {
		t.Fatalf("model %+v, best %+v", m, before.place.Best)
	}
	other := few(12)
	if _, err := checkpoint.Save(folder.Model(), infoOf(before), newTrainer(t, cpu.New(1), other, 1, 4, 0.1).graph, before.prog.Read); err != nil {
		t.Fatal(err)
	}
	after := train(4)
	file, err := checkpoint.Open(folder.Model())
	if err != nil {
		t.Fatal(err)
	}
	if after.place.Model.Step != m.Step || file.SHA256 != m.SHA256 { // nothing is learnt: the first stays the best
		t.Errorf("the model is %s of step %d, the best was %s of step %d", file.SHA256, after.place.Model.Step, m.SHA256, m.Step)
	}
	if file.SHA256 != folder.Record().ModelSHA256 || math.IsNaN(float64(file.Info.Figures.Loss)) {
		t.Errorf("the file is %s, run.json says %s", file.SHA256, folder.Record().ModelSHA256)
	}
}
