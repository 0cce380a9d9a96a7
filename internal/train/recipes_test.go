package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// goldenRate is the optimizer of testdata/recipes.py.
var goldenRate = optim.SGD{LR: 0.01, Momentum: 0.9}

// PyTorch's losses with gradients clipped to norm 0.75, which half of the steps are above.
var clippedLosses = []float64{
	2.3179287828724275, 2.315642615301231, 2.251638374324342, 2.3328252696213956, 2.2702730407535343,
	2.2801141747937175, 2.2786007747795907, 2.2257044127600984, 2.2677831255284966, 2.2641558856223103,
	2.2302558626065245, 2.2414999035318326, 2.2365993193697014, 2.0800302766943384, 2.107425084341293,
	2.193149981482766, 2.148413942963309, 2.0916432268127645, 1.9076889398851993, 2.2263323091950813,
}

var clipped = Config{Optimizer: goldenRate, ClipGrad: 0.75}

func TestClippedStepsOnTheReference(t *testing.T) {
	tr, _ := takeSteps(t, ref.New(), readGolden(t, "cifar-net-steps.safetensors"), len(clippedLosses), clipped)
	defer tr.Close()
	losses := tr.Program().(*ref.Program).Float64(tr.cells.losses)
	for i, want := range clippedLosses {
		if diff := math.Abs(losses[i]-want) / want; diff > 1e-9 {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, diff)
		}
	}
}

func TestClippedStepsOnTheCPU(t *testing.T) { compareClipped(t, cpu.New(2)) }

func compareClipped(t *testing.T, dev device.Device) {
	defer dev.Close()
	tr, losses := takeSteps(t, dev, readGolden(t, "cifar-net-steps.safetensors"), len(clippedLosses), clipped)
	defer tr.Close()
	for i, want := range clippedLosses {
		if diff := math.Abs(float64(losses[i])-want) / want; diff > 1e-5 {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, diff)
		}
	}
}

// PyTorch's losses on the first 100 pictures after 20 steps, by the weights and by their
// average of decay 0.75. What is learnt does not depend on it.
func TestAverageOfWeights(t *testing.T) { compareAverages(t, ref.New(), cpu.New(2)) }

func compareAverages(t *testing.T, devices ...device.Device) {
	t.Helper()
	const byWeights, byAverage = 1.9843574287158694, 2.0632785264045053
	g := readGolden(t, "cifar-net-steps.safetensors")
	for _, dev := range devices {
		tr, _ := takeSteps(t, dev, g, 20, Config{Optimizer: goldenRate, EMA: 0.75})
		first := data.Split{Images: g["images"].Data[:100*32*32*3], Labels: tr.set.Train.Labels[:100]}
		raw := parameters(t, tr)
		average, err := tr.Evaluate(context.Background(), first)
		if err != nil {
			t.Fatal(err)
		}
		for i, bits := range parameters(t, tr) {
			if bits != raw[i] {
				t.Fatalf("%s: the evaluation has changed parameter %d", dev, i)
			}
		}
		weights, err := tr.evaluate(context.Background(), first)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			by        string
			got, want float64
		}{{"weights", float64(weights.Loss), byWeights}, {"average", float64(average.Loss), byAverage}} {
			if diff := math.Abs(c.got-c.want) / c.want; diff > 1e-6 {
				t.Errorf("%s: loss by the %s is %v, PyTorch's %v: %.1e apart", dev, c.by, c.got, c.want, diff)
			}
		}
		tr.Close()
		dev.Close()
	}
}

// Averages of decay 0 are the parameters, whatever node sets these.
func TestAverageFollowsTheStep(t *testing.T) {
	for _, o := range []optim.Optimizer{goldenRate, optim.Default("adamw"), optim.Default("muon")} {
		dev := cpu.New(1)
		tr, _ := takeSteps(t, dev, readGolden(t, "cifar-net-steps.safetensors"), 3, Config{Optimizer: o, EMA: 1e-30})
		for p, average := range tr.averages {
			n := tr.graph.Tensor(p).Len()
			values, averages := make([]float32, n), make([]float32, n)
			for v, to := range map[graph.Value][]float32{p: values, average: averages} {
				if err := tr.prog.Read(v, device.Bytes(to)); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(values, averages) {
				t.Errorf("%s: the average of %s is not of the weights that the step left", o.Name(), tr.graph.Tensor(p).Name)
			}
		}
		if len(tr.averages) != 10 {
			t.Errorf("%s: %d averages, want 10", o.Name(), len(tr.averages))
		}
		tr.Close()
		dev.Close()
	}
}

// plateauLosses are PLATEAU of testdata/models.py.
var plateauLosses = []float64{1, 2, 0.5, 0.5, 0.5}

// Each optimizer and schedule, with PyTorch's own by RECIPES of testdata/models.py:
// without groups, biases do not decay.
var optimizerCases = []struct {
	name string
	cfg  Config
}{
	{"sgd", Config{Optimizer: optim.SGD{LR: 0.01}}},
	{"momentum, warm-up", Config{Optimizer: goldenRate, Schedule: optim.Schedule{Warmup: 0.25}}},
	{"decay, step", Config{
		Epochs: 4, Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9, WeightDecay: 0.5},
		Schedule: optim.Schedule{Kind: "step", Size: 1, Gamma: 0.5},
	}},
	{"nesterov, one cycle", Config{
		Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9, WeightDecay: 0.5, Nesterov: true},
		Schedule:  optim.Schedule{Kind: "onecycle"}, ClipGrad: 0.5,
	}},
	{"nesterov, plateau", Config{
		Epochs: len(plateauLosses), Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9, Nesterov: true},
		Schedule: optim.Schedule{Kind: "plateau", Gamma: 0.5, Min: 0.002},
	}},
	{"adamw, linear", Config{
		Optimizer: optim.AdamW{LR: 0.01, WeightDecay: 0.5}, Schedule: optim.Schedule{Kind: "linear", Min: 0.001},
	}},
	{"adamw, groups, cosine", Config{
		Optimizer: optim.AdamW{LR: 0.01, WeightDecay: 0.5}, Schedule: optim.Schedule{Kind: "cosine", Warmup: 0.25},
		Groups: []optim.Group{{Match: "conv1.*", LR: 0.5, Decay: 2}}, Smooth: 0.1,
	}},
}

// Twenty steps by them are PyTorch's: on the reference, given rates that are not
// rounded to single precision, within 1e-9.
func TestOptimizersAgainstPyTorch(t *testing.T) {
	goldens := readModelGoldens(t)
	dev := cpu.New(2)
	defer dev.Close()
	for _, c := range optimizerCases {
		t.Run(c.name, func(t *testing.T) {
			tr, _ := optimizerSteps(t, ref.New(), c.cfg)
			compareLosses(t, tr.Program().(*ref.Program).Float64(tr.cells.losses)[:formulaSteps], goldens.Steps[c.name].Losses, 1e-9, 1e-9)
			compareOptimizer(t, dev, goldens, c.name, c.cfg)
		})
	}
}

// compareOptimizer holds steps in single precision to PyTorch's.
func compareOptimizer(t *testing.T, dev device.Device, goldens modelGoldens, name string, cfg Config) {
	t.Helper()
	tr, losses := optimizerSteps(t, dev, cfg)
	defer tr.Close()
	compareLosses(t, losses, goldens.Steps[name].Losses, 1e-4, 1e-2)
}

// optimizerSteps takes the steps of recipe() of testdata/models.py.
func optimizerSteps(t *testing.T, dev device.Device, cfg Config) (tr *Trainer, losses []float32) {
	t.Helper()
	cfg.Network, cfg.Epochs = formulaNetwork(plain(layers.GELU{}, 1, nil), 32, 0.5), max(1, cfg.Epochs)
	tr = formulaStart(t, dev, cfg)
	for epoch := range cfg.Epochs {
		if prog, ok := tr.Program().(*ref.Program); ok {
			copy(prog.Float64(tr.cells.table), tr.optim.Table())
			copy(prog.Float64(tr.cells.scalars), tr.optim.Row(tr.place.Step))
		}
		losses = append(losses, formulaEpoch(t, tr, formulaSteps/cfg.Epochs)...)
		if err := tr.settle(plateauLosses[epoch]); err != nil {
			t.Fatal(err)
		}
	}
	return tr, losses
}
