package train

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

func TestParts(t *testing.T) {
	for _, c := range []struct {
		full, accum, batch int
		want               []int
	}{
		{128, 0, 128, []int{128}},
		{128, 1, 80, []int{80}},
		{128, 4, 128, []int{32, 32, 32, 32}},
		{128, 4, 80, []int{27, 27, 26}},
		{128, 4, 32, []int{32}},
		{128, 4, 33, []int{17, 16}},
		{128, 4, 1, []int{1}},
		{8, 8, 5, []int{1, 1, 1, 1, 1}},
		{10, 4, 10, []int{3, 3, 2, 2}},
	} {
		var sizes []int
		end := 0
		for from, size := range (Config{Batch: c.full, Accum: c.accum}).parts(c.batch) {
			if from != end {
				t.Errorf("%+v: a part begins at %d, the one before ends at %d", c, from, end)
			}
			sizes, end = append(sizes, size), from+size
		}
		if !slices.Equal(sizes, c.want) {
			t.Errorf("%d of %d in %d: parts of %v, want %v", c.batch, c.full, c.accum, sizes, c.want)
		}
	}
}

// accumulated trains the tutorial's network, with dropout and pictures changed at random,
// in batches of 8 and a last one of 5.
func accumulated(t *testing.T, dev device.Device, cfg Config) *Trainer {
	t.Helper()
	set := few(21)
	set.Test.Images, set.Test.Labels = nil, nil
	cfg.Network, cfg.Epochs, cfg.Batch, cfg.EvalBatch, cfg.Seed, cfg.Augment = tutorialNet(len(set.Classes)), 2, 8, 8, 7, everything
	net := slices.Clone(cfg.Network.Model.Net.(layers.Seq))
	cfg.Network.Model.Net = slices.Insert(net, len(net)-1, layers.Named{Layer: layers.Dropout{Rate: 0.5}})
	tr, err := New(dev, set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	if err := tr.Run(context.Background(), Hooks{}); err != nil {
		t.Fatal(err)
	}
	return tr
}

// Where no statistics are of a batch, losses and parameters are those of whole batches,
// whatever rule updates them.
func TestAccumulatedIsWhole(t *testing.T) {
	for name, cfg := range map[string]Config{
		"sgd":      {Optimizer: goldenRate},
		"clipped":  {Optimizer: goldenRate, ClipGrad: 0.75},
		"smoothed": {Optimizer: optim.Default("adamw"), Smooth: 0.1},
		"averaged": {Optimizer: optim.Default("muon"), EMA: 0.75},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.Accum = 1
			whole := accumulated(t, ref.New(), cfg)
			for _, accum := range []int{2, 4, 8} {
				cfg.Accum = accum
				parts := accumulated(t, ref.New(), cfg)
				if parts.place.Step != 6 || parts.place.Step != whole.place.Step {
					t.Errorf("%d parts: %d steps, want 6", accum, parts.place.Step)
				}
				for _, v := range parts.graph.Cells() {
					name := parts.graph.Tensor(v).Name
					real := parts.prog.(*ref.Program).Float64(v)
					want := whole.prog.(*ref.Program).Float64(whole.graph.Named(name))
					for i, x := range real {
						if !(math.Abs(x-want[i]) <= 1e-12*(1e-2+math.Abs(want[i]))) {
							t.Fatalf("%d parts: %s[%d] is %v, of whole batches %v", accum, name, i, x, want[i])
						}
					}
				}
			}
		})
	}
}

// PyTorch's losses and running statistics (testdata/accum.py): batch norm sees the parts.
var accumLosses = []float64{
	2.288845600224036, 2.3264372063003846, 2.2893579427077864, 2.3360143684772336, 2.302206332043253,
	2.2936435621729556, 2.288055709955202, 2.2796192590035256, 2.3110236842641863, 2.2786659389691293,
	2.3330255191290914, 2.292918467598329, 2.276886740767651, 2.2724201186441215,
}

var accumSums = map[string][2]float64{
	"act1.running_mean": {0.176046058894053, 0.029887008203993856},
	"act1.running_var":  {1.318389178879217, 0.23171610235441786},
	"act2.running_mean": {-0.15686142456794114, 0.0187747133366923},
	"act2.running_var":  {2.6380281511433212, 0.9201368695919937},
}

// accumSteps takes PyTorch's steps on a device.
func accumSteps(t *testing.T, dev device.Device) (*Trainer, []float32) {
	t.Helper()
	const samples, epochs = 79, 2
	set, n := formulaSet(samples, 32), formulaNetwork(plain(layers.BatchNorm{}, 1, nil), 32, 0.5)
	tr, err := New(dev, set, Config{
		Network: n, Epochs: epochs, Batch: 12, Accum: 2, EvalBatch: 4, Optimizer: goldenRate, ClipGrad: 0.5,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	first := checkpoint.Model{Path: "formula", Tensors: formulaWeights(t, n)}
	if err := first.Load(tr.graph, false, tr.prog.Write); err != nil {
		t.Fatal(err)
	}
	order := make([]int32, samples)
	for i := range order {
		order[i] = int32(i)
	}
	var losses []float32
	for range epochs {
		if err := tr.begin(order, 0); err != nil {
			t.Fatal(err)
		}
		for _, e := range []struct {
			entry
			steps int
		}{{tr.full, samples / 12}, {tr.short, 1}} {
			taken, err := tr.steps(e.entry, e.steps)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, taken...)
		}
	}
	return tr, losses
}

func TestAccumulatedStepsOnTheReference(t *testing.T) {
	tr, _ := accumSteps(t, ref.New())
	prog := tr.Program().(*ref.Program)
	for i, want := range accumLosses {
		if diff := math.Abs(prog.Float64(tr.cells.losses)[i]-want) / want; !(diff <= 1e-9) {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, prog.Float64(tr.cells.losses)[i], want, diff)
		}
	}
	compareStatistics(t, tr.Graph(), prog.Float64, accumSums, 1e-9)
}

func TestAccumulatedStepsOnTheCPU(t *testing.T) { compareAccumulated(t, cpu.New(2)) }

func compareAccumulated(t *testing.T, dev device.Device) {
	t.Cleanup(func() { dev.Close() })
	_, losses := accumSteps(t, dev)
	for i, want := range accumLosses {
		if diff := math.Abs(float64(losses[i])-want) / want; !(diff <= 1e-5) {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, diff)
		}
	}
}

// Neither threads nor a step that is taken twice change a bit.
func TestAccumulatedBits(t *testing.T) {
	bits := func(threads, every int) []uint32 {
		tr := accumulated(t, cpu.New(threads), Config{Optimizer: goldenRate, Accum: 4, CheckEvery: every})
		return parameters(t, tr)
	}
	want := bits(1, 0)
	for _, c := range [][2]int{{2, 0}, {3, 0}, {2, 1}} {
		if !slices.Equal(bits(c[0], c[1]), want) {
			t.Errorf("%d threads, each %d. step checked: other bits", c[0], c[1])
		}
	}
}

// A scaled loss is scaled in each part, and a part that overflows skips the whole step.
func TestAccumulatedHalfPrecision(t *testing.T) {
	trained := func(precision graph.DType, scale float32) (*Trainer, []float64) {
		set := few(24)
		set.Test.Images, set.Test.Labels = nil, nil
		tr, err := New(ref.NewRounding(), set, Config{
			Network: tutorialNet(len(set.Classes)), Epochs: 2, Batch: 4, Accum: 2, Seed: 7, EvalBatch: 4, Precision: precision,
			Optimizer: goldenRate, ClipGrad: 0.5,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		if scale != 0 {
			setScale(t, tr, scale)
		}
		return tr, epochLosses(t, tr)
	}
	_, want := trained(graph.F32, 0)
	for precision, eps := range map[graph.DType]float64{graph.BF16: 0x1p-8, graph.F16: 0x1p-11} {
		tr, got := trained(precision, 0)
		for i := range want {
			if d := math.Abs(got[i] - want[i]); d == 0 || d > 4*eps*want[i] {
				t.Errorf("%s, epoch %d: loss %v, in f32 %v", precision, i+1, got[i], want[i])
			}
		}
		if tr.place.Skipped != 0 || tr.place.Step != 12 {
			t.Errorf("%s: %d of %d steps skipped", precision, tr.place.Skipped, tr.place.Step)
		}
	}
	if tr, _ := trained(graph.F16, 0x1p24); tr.place.Skipped == 0 || tr.place.Skipped >= rescale.Patience || tr.place.Step != 12 {
		t.Errorf("too large a scale: %d of %d steps skipped", tr.place.Skipped, tr.place.Step)
	}
}

// An evaluation asks for no more memory than training, or little: what fits by parts of a
// batch would not otherwise.
func TestEvaluationTakesNoMoreThanTraining(t *testing.T) {
	cfg := Config{Network: formulaNetwork(models.ResNet18, 128, 0.5), Epochs: 1, Batch: 8, Accum: 4, EvalBatch: 250, Optimizer: goldenRate}
	module, err := Plan(cpu.New(1), formulaSet(16, 128), cfg)
	if err != nil {
		t.Fatal(err)
	}
	training, evaluation := module.Entries[0], module.Entries[len(module.Entries)-1]
	if limit := max(fewBytes, training.Bytes); evaluation.Bytes > limit || !strings.HasPrefix(evaluation.Name, "eval@") {
		t.Errorf("%s takes %d bytes, %s %d", evaluation.Name, evaluation.Bytes, training.Name, training.Bytes)
	}
}

// The temporaries of a step take less memory by nearly as much as there are parts.
func TestAccumulatedMemory(t *testing.T) {
	dev, set := cpu.New(1), formulaSet(256, 32)
	temporaries := func(accum int) int {
		cfg := Config{
			Network: formulaNetwork(models.ResNet20, 32, 0.5), Epochs: 1, Batch: 128, Accum: accum, EvalBatch: 1, Optimizer: goldenRate,
		}
		module, err := Plan(dev, set, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return module.Entries[0].Bytes - module.Lasting
	}
	whole := temporaries(1)
	for _, accum := range []int{2, 4, 8} {
		if got := temporaries(accum); float64(got) > 1.15*float64(whole)/float64(accum) {
			t.Errorf("%d parts take %d bytes, one takes %d", accum, got, whole)
		}
	}
}
