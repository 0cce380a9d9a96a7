package train

import (
	"math"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
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
