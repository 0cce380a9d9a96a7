package train

import (
	"context"
	"testing"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

// airbenchSteps takes the steps of airbench() in testdata/models.py, with a look at what
// the first leaves.
func airbenchSteps(t *testing.T, dev device.Device, look func(*Trainer)) (*Trainer, []float32) {
	t.Helper()
	return formulaRun(t, dev, Config{
		Network: formulaNetwork(models.AirBench94, 32, 0.5), Smooth: 0.2,
		Optimizer: optim.Muon{LR: 0.002, Momentum: 0.6, Rest: optim.SGD{LR: 0.002, Momentum: 0.85, WeightDecay: 0.25, Nesterov: true}},
		Schedule:  optim.Schedule{Kind: "linear"},
		Groups: []optim.Group{
			{Match: "whiten.bias", LR: 1, Decay: 1, Epochs: 0.5}, {Match: "*norm*", LR: 1, Decay: 1}, {Match: "head.weight", LR: 0.5, Decay: 0.5},
		},
	}, formulaSteps, look)
}

// compareAirBench holds those in single precision to PyTorch's.
func compareAirBench(t *testing.T, dev device.Device) {
	defer dev.Close()
	want := readModelGoldens(t).Steps["airbench94@32"]
	tr, losses := airbenchSteps(t, dev, func(tr *Trainer) {
		compareGradients(t, tr, readWide(t, tr.Program(), tr.Graph()), want.Gradients, 1e-2)
	})
	defer tr.Close()
	compareLosses(t, losses, want.Losses, 1e-4, 1e-2)
}

// Twenty steps by the recipe of airbench94 are those of the original in PyTorch. In
// double precision they are some 90 billion multiply-adds, most of them Muon's, and take
// 80 seconds of a core.
func TestAirBench94(t *testing.T) {
	want := readModelGoldens(t).Steps["airbench94@32"]
	t.Run("in single precision", func(t *testing.T) { compareAirBench(t, cpu.New(2)) })
	t.Run("in double precision", func(t *testing.T) {
		if !slowModels {
			t.Skip("IMGCLS_SLOW=models runs it")
		}
		tr, _ := airbenchSteps(t, ref.New(), func(tr *Trainer) {
			compareGradients(t, tr, tr.Program().(*ref.Program).Float64, want.Gradients, 1e-9)
		})
		compareLosses(t, tr.Program().(*ref.Program).Float64(tr.cells.losses)[:formulaSteps], want.Losses, 1e-9, 1e-9)
		compareStatistics(t, tr.Graph(), tr.Program().(*ref.Program).Float64, want.Sums, 1e-9)
	})
}

// Its own recipe learns: from its first values, filters fitted to the pictures among
// them, an epoch of shapes brings most of the test pictures right.
func TestAirBench94Learns(t *testing.T) {
	const side, n, batch = 16, 600, 20
	set, err := data.Shapes(data.ShapesOptions{Train: n, Test: 200, Side: side})
	if err != nil {
		t.Fatal(err)
	}
	recipe := models.AirBench94.RecipeFor("shapes")
	network := formulaNetwork(models.AirBench94, side, 0.25)
	network.Classes = set.Classes
	dev := cpu.New(2)
	defer dev.Close()
	tr, err := New(dev, set, Config{
		Network: network, Epochs: 1, Batch: batch, EvalBatch: 50, Optimizer: recipe.Optimizer, Schedule: recipe.Schedule,
		Groups: recipe.Groups, Augment: recipe.Augment, Smooth: recipe.Smooth,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.shuffle(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.steps(tr.full, tr.Steps()); err != nil {
		t.Fatal(err)
	}
	report, err := tr.Evaluate(context.Background(), set.Test)
	if err != nil || report.Top1 < 0.8 {
		t.Errorf("%+v, %v", report, err)
	}
}
