package train

import (
	"context"
	"math"
	"os"
	"testing"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

// airbenchSteps takes the first steps of airbench() in testdata/models.py.
func airbenchSteps(t *testing.T, dev device.Device, steps int) (*Trainer, []float32) {
	t.Helper()
	return formulaRun(t, dev, Config{
		Network: formulaNetwork(models.AirBench94, 32, 0.5), Smooth: 0.2,
		Optimizer: optim.Muon{LR: 0.002, Momentum: 0.6, Rest: optim.SGD{LR: 0.002, Momentum: 0.85, WeightDecay: 0.25, Nesterov: true}},
		Schedule:  optim.Schedule{Kind: "linear"},
		Groups: []optim.Group{
			{Match: "whiten.bias", LR: 1, Decay: 1, Epochs: 0.5}, {Match: "*norm*", LR: 1, Decay: 1}, {Match: "head.weight", LR: 0.5, Decay: 0.5},
		},
	}, steps)
}

// Twenty steps by the recipe of airbench94 are those of the original in PyTorch.
func TestAirBench94(t *testing.T) {
	want := readModelGoldens(t).Steps["airbench94@32"]
	t.Run("in single precision", func(t *testing.T) {
		dev := cpu.New(2)
		defer dev.Close()
		_, losses := airbenchSteps(t, dev, formulaSteps)
		compareLosses(t, losses, want.Losses, 1e-4, 1e-2)
	})
	t.Run("in double precision", func(t *testing.T) {
		if os.Getenv("IMGCLS_SLOW") != "models" {
			t.Skip("IMGCLS_SLOW=models runs it")
		}
		const few = 2 // each is 9 GFLOP, most of it Muon's
		tr, _ := airbenchSteps(t, ref.New(), few)
		losses := tr.Program().(*ref.Program).Float64(tr.cells.losses)
		for i, want := range want.Losses[:few] {
			if apart := math.Abs(losses[i]-want) / want; !(apart <= 1e-9) {
				t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, apart)
			}
		}
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
