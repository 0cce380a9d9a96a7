package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/layers"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

// normed is a network with a norm in each of its two stages.
var normed = models.Model{Name: "normed", Net: layers.Seq{
	{Name: "conv1", Layer: layers.Conv{Out: 4, Kernel: 3, Stride: 2, NoBias: true}},
	{Name: "bn1", Layer: layers.BatchNorm{}},
	{Name: "relu", Layer: layers.ReLU{}},
	{Name: "layer1.0", Layer: layers.Seq{
		{Name: "conv", Layer: layers.Conv{Out: 4, Kernel: 3, Stride: 2, NoBias: true}},
		{Name: "bn", Layer: layers.BatchNorm{}},
		{Layer: layers.ReLU{}},
	}},
	{Name: "pool", Layer: layers.GlobalAvgPool{}},
	{Name: "fc", Layer: layers.Linear{Out: layers.Classes}},
}}

func freezing(n int) Config {
	net := tutorialNet(3)
	net.Model = normed
	return Config{
		Network: net, Frozen: net.Layers()[:n], Epochs: 1, Batch: 8, Seed: 7, EvalBatch: 16,
		Optimizer: optim.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 0.1},
	}
}

// cellsOf returns the values of parameters and buffers by name.
func cellsOf(t *testing.T, tr *Trainer) map[string][]float32 {
	t.Helper()
	found := map[string][]float32{}
	for _, v := range tr.graph.Weights() {
		values := make([]float32, tr.graph.Tensor(v).Len())
		if err := tr.prog.Read(v, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
		found[tr.graph.Tensor(v).Name] = values
	}
	return found
}

// Frozen layers keep their parameters and their running statistics, to the bit and
// for all decay; all others move.
func TestFrozen(t *testing.T) {
	set := few(40)
	for _, dev := range []device.Device{cpu.New(2), ref.New()} {
		for n := range len(freezing(0).Network.Layers()) {
			cfg := freezing(n)
			tr, err := New(dev, set, cfg)
			if err != nil {
				t.Fatal(err)
			}
			before := cellsOf(t, tr)
			if err := tr.Run(context.Background(), Hooks{}); err != nil {
				t.Fatal(err)
			}
			for name, now := range cellsOf(t, tr) {
				if frozen := layers.Within(name, cfg.Frozen); slices.Equal(now, before[name]) != frozen {
					t.Errorf("%s with %v frozen: %s went from %v to %v", dev, cfg.Frozen, name, before[name][:1], now[:1])
				}
			}
			tr.Close()
		}
	}
}

// A frozen norm goes by its running statistics: with all but the last layer frozen a
// step finds the loss that an evaluation finds.
func TestFrozenNormsEvaluate(t *testing.T) {
	set := few(8)
	set.Test = set.Train
	var losses [2]float64
	for i, frozen := range []int{0, 3} {
		tr, err := New(ref.New(), set, freezing(frozen))
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		for name, values := range map[string][]float32{"bn1.running_mean": {0.1, -0.1, 0.2, 0}, "bn1.running_var": {0.5, 2, 1, 3}} {
			if err := tr.prog.Write(tr.graph.Named(name), device.Bytes(values)); err != nil {
				t.Fatal(err)
			}
		}
		report, err := tr.Evaluate(context.Background(), set.Test)
		if err != nil {
			t.Fatal(err)
		}
		err = tr.Run(context.Background(), Hooks{Epoch: func(e Epoch) error { losses[i] = e.TrainLoss - float64(report.Loss); return nil }})
		if err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(losses[0]) < 1e-3 || math.Abs(losses[1]) > 1e-6 {
		t.Errorf("training and evaluation are %v apart, and with frozen norms %v", losses[0], losses[1])
	}
}

// Nothing is computed for gradients that nobody wants: of frozen filters, and of what
// comes before the first that is not frozen.
func TestFrozenTakesLessWork(t *testing.T) {
	last := math.MaxInt
	for n := range len(freezing(0).Network.Layers()) {
		module, err := Plan(cpu.New(1), few(40), freezing(n))
		if err != nil {
			t.Fatal(err)
		}
		nodes := len(module.Entries[0].Nodes)
		if nodes >= last {
			t.Errorf("with %d layers frozen a step has %d operations, with one less %d", n, nodes, last)
		}
		last = nodes
	}
}
