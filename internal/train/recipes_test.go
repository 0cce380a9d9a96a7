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
		first := data.Split{Images: tr.set.Train.Images[:100*32*32*3], Labels: tr.set.Train.Labels[:100]}
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
