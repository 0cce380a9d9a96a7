package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/fault"
	"imgcls/internal/infer"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/models"
	"imgcls/internal/optim"
	"imgcls/internal/run"
)

// few is a set of n training pictures that is learnt quickly.
func few(n int) *data.Set {
	set, err := data.Shapes(data.ShapesOptions{Seed: 3, Train: n, Test: 50, Side: 32})
	if err != nil {
		panic(err)
	}
	return set
}

func newTrainer(t *testing.T, dev device.Device, set *data.Set, epochs, batch int, lr float64) *Trainer {
	t.Helper()
	n := tutorialNet(len(set.Classes))
	n.Classes = set.Classes
	trainer, err := New(dev, set, Config{
		Network: n, Epochs: epochs, Batch: batch, Seed: 7, EvalBatch: 16,
		Optimizer: optim.SGD{LR: lr, Momentum: 0.9},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trainer.Close() })
	return trainer
}

// parameters returns the bits of all parameters.
func parameters(t *testing.T, tr *Trainer) (bits []uint32) {
	t.Helper()
	for _, p := range tr.graph.Params() {
		values := make([]float32, tr.graph.Tensor(p).Len())
		if err := tr.prog.Read(p, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			bits = append(bits, math.Float32bits(v))
		}
	}
	return bits
}

func TestLearns(t *testing.T) {
	tr := newTrainer(t, cpu.New(2), data.Digits(), 4, 32, 0.01)
	var epochs []Epoch
	err := tr.Run(context.Background(), Hooks{Epoch: func(e Epoch) error { epochs = append(epochs, e); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	first, last := epochs[0], epochs[len(epochs)-1]
	if len(epochs) != 4 || last.Step != 4*46 || last.TrainLoss > first.TrainLoss/4 || last.Test.Top1 < 0.85 {
		t.Errorf("%d epochs, %d steps, loss %.3f → %.3f, top1 %.3f", len(epochs), last.Step, first.TrainLoss, last.TrainLoss, last.Test.Top1)
	}
}

// The last, short batch counts by its samples: with a learning rate of nearly
// nothing the epoch's mean loss is the mean over all samples, in any order.
func TestShortBatch(t *testing.T) {
	set := few(11)
	mean := func(batch int) float64 {
		var loss float64
		tr := newTrainer(t, cpu.New(1), set, 1, batch, 1e-30)
		if err := tr.Run(context.Background(), Hooks{Epoch: func(e Epoch) error { loss = e.TrainLoss; return nil }}); err != nil {
			t.Fatal(err)
		}
		if want := (11 + batch - 1) / batch; tr.place.Step != want {
			t.Errorf("batch %d: %d steps, want %d", batch, tr.place.Step, want)
		}
		return loss
	}
	whole := mean(11)
	for _, batch := range []int{1, 4, 5, 10} {
		if got := mean(batch); math.Abs(got-whole) > 1e-6 {
			t.Errorf("batch %d: mean loss %v, want %v", batch, got, whole)
		}
	}
}

// Neither the number of threads nor the cutting of work into slices changes a
// bit, nor does the instruction set among those in assembly.
func TestSameBits(t *testing.T) {
	set := few(70)
	devices := []device.Device{cpu.New(1), cpu.New(2), cpu.New(8)}
	for _, s := range tile.Sets() {
		if s.Native() {
			devices = append(devices, cpu.With(2, s))
		}
	}
	var want []uint32
	for _, dev := range devices {
		tr := newTrainer(t, dev, set, 2, 8, 0.01)
		if err := tr.Run(context.Background(), Hooks{}); err != nil {
			t.Fatal(err)
		}
		if got := parameters(t, tr); want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%s: other bits", dev)
		}
	}
	tr := newTrainer(t, cpu.New(1), set, 2, 8, 0.01)
	for epoch := 1; epoch <= 2; epoch++ {
		tr.place.Epoch, tr.place.Done = epoch, 0
		if err := tr.shuffle(); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			if _, err := tr.steps(tr.full, 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tr.steps(tr.short, 1); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(parameters(t, tr), want) {
		t.Error("steps one by one give other bits than slices")
	}
}

// The gate keeps the last finite parameters, however many steps are started
// after the one that diverged: where loss or gradients left the finite numbers,
// and where only the update would.
func TestDivergence(t *testing.T) {
	for _, c := range []struct {
		name    string
		std, lr float64 // of the pixels, and the learning rate
		step    string
	}{
		{"loss", 0.5, 1e18, "the loss is not finite at step "},
		{"update", 1e-4, 3e38, "the update of a parameter is not finite at step 1 "}, // gradients of large pixels are finite
	} {
		t.Run(c.name, func(t *testing.T) {
			set := few(400)
			n := tutorialNet(len(set.Classes))
			n.Preprocess.Std = []float64{c.std, c.std, c.std}
			tr, err := New(cpu.New(1), set, Config{
				Network: n, Epochs: 5, Batch: 4, Seed: 7, EvalBatch: 16, Optimizer: optim.SGD{LR: c.lr, Momentum: 0.9},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			checkDivergence(t, tr, c.step)
		})
	}
}

func checkDivergence(t *testing.T, tr *Trainer, step string) {
	t.Helper()
	err := tr.Run(context.Background(), Hooks{})
	if fault.KindOf(err) != fault.Diverged || !strings.Contains(err.Error(), step) {
		t.Fatalf("error %v, want divergence at %s", err, step)
	}
	before := parameters(t, tr)
	for _, b := range before {
		if v := float64(math.Float32frombits(b)); math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatal("a parameter is not finite")
		}
	}
	if losses, err := tr.steps(tr.full, 20); len(losses) > 0 || err == nil {
		t.Errorf("went on after the divergence: %v", err)
	}
	if !slices.Equal(parameters(t, tr), before) {
		t.Error("a shut gate let parameters change")
	}
}

func newFolder(t *testing.T, set *data.Set) *run.Folder {
	t.Helper()
	return newFolderThatWarns(t, set, func(s string) { t.Error(s) })
}

func newFolderThatWarns(t *testing.T, set *data.Set, warn func(string)) *run.Folder {
	t.Helper()
	folder, err := run.Create(run.Options{Output: t.TempDir(), Name: "r", Classes: set.Classes, Warn: warn},
		run.Record{Model: "cifar-net", Data: run.Data{Name: set.Name, Fingerprint: set.Fingerprint()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

// What a run saves is what evaluating it again finds, to the last bit.
func TestIntoSavesWhatItEvaluated(t *testing.T) {
	set := few(60)
	folder := newFolder(t, set)
	tr := newTrainer(t, cpu.New(2), set, 2, 8, 0.01)
	var events []string
	last, err := tr.Into(context.Background(), folder, Saving{}, func(e run.Event) error {
		events = append(events, string(run.Line(e)))
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	record := folder.Record()
	c, err := infer.Open(cpu.New(1), folder.Model(), infer.Options{Batch: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	again, err := c.Evaluate(context.Background(), set, set.Test, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.Loss != last.Loss || again.Top1 != last.Top1 || record.TestLoss != last.Loss || c.File.Info.Figures.Loss != last.Loss {
		t.Errorf("loss %v while training, %v evaluated again, %v in run.json, %v in the file", last.Loss, again.Loss, record.TestLoss, c.File.Info.Figures.Loss)
	}
	if record.Step != 16 || record.ModelSHA256 != c.File.SHA256 {
		t.Errorf("run.json says step %d and %s, the file is %s", record.Step, record.ModelSHA256, c.File.SHA256)
	}
	if len(events) != 2*4+2 { // eight steps make a point each second one
		t.Errorf("%d events:\n%s", len(events), strings.Join(events, ""))
	}
}

// An interrupted run saves the last whole step, without figures.
func TestIntoSavesWhenStopped(t *testing.T) {
	set := few(60)
	folder := newFolder(t, set)
	tr := newTrainer(t, cpu.New(1), set, 1000, 4, 0.001)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := tr.Into(ctx, folder, Saving{}, func(run.Event) error { return nil }, func(step int, _ float64) {
		if step > 20 {
			cancel(stop)
		}
	})
	if !errors.Is(err, stop) {
		t.Fatalf("error %v, want the cause", err)
	}
	model, err := checkpoint.Open(folder.Model())
	if err != nil {
		t.Fatal(err)
	}
	if record := folder.Record(); record.Step != tr.place.Step || record.TestLoss.Defined() || model.Info.Figures.Top1.Defined() {
		t.Errorf("step %d of %d, loss %v, figures %v", record.Step, tr.place.Step, record.TestLoss, model.Info.Figures)
	}
}

func TestIntoReportsAFullDisk(t *testing.T) {
	set := few(12)
	var warnings []string
	folder := newFolderThatWarns(t, set, func(s string) { warnings = append(warnings, s) })
	if err := os.Mkdir(folder.Model(), 0o755); err != nil { // a folder cannot be replaced by a file
		t.Fatal(err)
	}
	tr := newTrainer(t, cpu.New(1), set, 1, 4, 0.001)
	_, err := tr.Into(context.Background(), folder, Saving{}, func(run.Event) error { return nil }, nil)
	if fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), filepath.Base(folder.Model())) {
		t.Errorf("error %v", err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "the run goes on") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestPlanNeedsNoPictures(t *testing.T) {
	set := &data.Set{Classes: make([]string, 10), Height: 32, Width: 32, Channels: 3, Train: data.Split{Labels: make([]int32, 50)}}
	set.Test.Labels = make([]int32, 17) // evaluated in three parts of 8 at most, so of 6
	m, err := Plan(cpu.New(1), set, Config{Network: tutorialNet(10), Epochs: 1, Batch: 4, EvalBatch: 8, Optimizer: models.CifarNet.Recipe.Optimizer})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range m.Entries {
		names = append(names, e.Name)
	}
	if want := []string{"train@4", "train@2", "eval@6"}; !slices.Equal(names, want) {
		t.Errorf("entries %v, want %v", names, want)
	}
}

// A gradient may overflow where the loss does not; it is named.
func TestCulprit(t *testing.T) {
	for _, dev := range []device.Device{cpu.New(1), ref.New()} {
		tr := newTrainer(t, dev, few(12), 1, 4, 0.001)
		if err := tr.shuffle(); err != nil {
			t.Fatal(err)
		}
		bias := tr.graph.Named("conv2.bias")
		values := make([]float32, 16)
		values[3] = float32(math.NaN())
		if err := tr.prog.Write(bias, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
		_, err := tr.steps(tr.full, 3)
		if err == nil || !strings.Contains(err.Error(), "the loss is not finite at step 1 ") {
			t.Errorf("%s: error %v", dev, err)
		}
		// As if the loss were finite, the gradients are looked at from the last layer on.
		e := tr.full
		e.watched, e.names = e.watched[1:], e.names[1:]
		if name, err := tr.culprit(e); err != nil || name != "the gradient of fc3.bias" {
			t.Errorf("%s: %s, %v", dev, name, err)
		}
	}
}

// A gradient overflows behind a finite loss. It sets nothing, at any rate, and is
// named, though no gate may have looked at it.
func TestGradientOverflows(t *testing.T) {
	for _, dev := range []device.Device{cpu.New(2), ref.New()} {
		for _, lr := range []float64{0.001, 0} {
			tr := newTrainer(t, dev, few(12), 1, 4, lr)
			if err := tr.shuffle(); err != nil {
				t.Fatal(err)
			}
			// The second layer gets 100 everywhere and gives 1e-30, so class 0 has a
			// score of 84·1e8 and the others 0. Where another class is right, ±1e38/4
			// goes back, and times 100 exceeds float32 for the weights alone.
			fill := func(name string, value float32, n int) {
				v := tr.graph.Named(name)
				values := make([]float32, tr.graph.Tensor(v).Len())
				for i := range values[:n] {
					values[i] = value
				}
				if err := tr.prog.Write(v, device.Bytes(values)); err != nil {
					t.Fatal(err)
				}
			}
			fill("fc1.weight", 0, 0)
			fill("fc1.bias", 100, 120)
			fill("fc2.weight", 0, 0)
			fill("fc2.bias", 1e-30, 84)
			fill("fc3.weight", 1e38, 84)
			before := parameters(t, tr)
			_, err := tr.steps(tr.full, 3)
			if want := "the gradient of fc2.weight is not finite at step 1 "; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, rate %g: %v, want %s", dev, lr, err, want)
			}
			if !slices.Equal(parameters(t, tr), before) {
				t.Errorf("%s, rate %g: parameters changed", dev, lr)
			}
		}
	}
}
