//go:build cuda && linux && cgo

package train

import (
	"math"
	"slices"
	"testing"
	"time"

	"imgcls/internal/augment"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/cuda"
	"imgcls/internal/device/devicetest"
	"imgcls/internal/models"
)

// gpu opens a GPU, or the stand-in that IMGCLS_LIBCUDA names: a step of a large network
// takes it most of a minute, and more on a busy machine.
func gpu(t *testing.T) device.Device {
	t.Helper()
	dev, err := cuda.Options{Patience: 10 * time.Minute}.New(0)
	if err != nil {
		t.Log(err)
		devicetest.Require(t, "standin")
	}
	return dev
}

// PyTorch's 100 steps, losses and weights.
func TestHundredStepsOnTheGPU(t *testing.T) { compareSteps(t, gpu(t)) }

// PyTorch's steps of every layer, optimizer and schedule, and the first of resnet20's.
func TestFormulaStepsOnTheGPU(t *testing.T) {
	dev, goldens := gpu(t), readModelGoldens(t)
	defer dev.Close()
	for _, c := range formulaCases {
		if c.slow && !slowModels {
			continue // here their steps are held to the CPU's, which is held to PyTorch's
		}
		steps := formulaSteps
		if c.net.Name == models.ResNet20.Name && !slowModels {
			steps = 5
		}
		t.Run(c.name, func(t *testing.T) { compareFormula(t, dev, goldens, c, steps) })
	}
	for _, c := range optimizerCases {
		t.Run(c.name, func(t *testing.T) { compareOptimizer(t, dev, goldens, c.name, c.cfg) })
	}
}

// The twenty steps of airbench94's recipe, which the stand-in takes long for.
func TestAirBench94StepsOnTheGPU(t *testing.T) {
	if !slowModels {
		t.Skip("IMGCLS_SLOW=models runs it")
	}
	compareAirBench(t, gpu(t))
}

func TestClippedStepsOnTheGPU(t *testing.T) { compareClipped(t, gpu(t)) }

func TestAccumulatedStepsOnTheGPU(t *testing.T) { compareAccumulated(t, gpu(t)) }

func TestAverageOfWeightsOnTheGPU(t *testing.T) { compareAverages(t, gpu(t)) }

// PyTorch's steps with Muon, as many as agree in float32.
func TestMuonOnTheGPU(t *testing.T) {
	dev := gpu(t)
	defer dev.Close()
	tr, losses := muonSteps(t, dev)
	defer tr.Close()
	compareMuon(t, losses)
}

func TestLogitsOnTheGPU(t *testing.T) { compareLogits(t, gpu(t)) }

// The same seed gives the same bits on the GPU, and the first losses are the CPU's
// within what the order of sums in float32 makes.
func TestStepsOnTheGPU(t *testing.T) {
	dev := gpu(t)
	defer dev.Close()
	losses := func(dev device.Device) []float32 {
		tr := newTrainer(t, dev, few(40), 1, 8, 0.01)
		defer tr.Close()
		if err := tr.shuffle(); err != nil {
			t.Fatal(err)
		}
		got, err := tr.steps(tr.full, 5)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(got)
	}
	host := cpu.New(1)
	defer host.Close()
	first, again, want := losses(dev), losses(dev), losses(host)
	if !slices.Equal(first, again) {
		t.Errorf("losses %v, and again %v", first, again)
	}
	for i := range want {
		if diff := math.Abs(float64(first[i] - want[i])); diff > 1e-5*float64(want[i]) {
			t.Errorf("loss of step %d is %v, the CPU's %v", i+1, first[i], want[i])
		}
	}
}

// Pictures are augmented and mixed to the same bytes on the GPU, so that the first losses are
// the CPU's; a second run has the same bits.
func TestAugmentedOnTheGPU(t *testing.T) {
	dev, host := gpu(t), cpu.New(1)
	defer dev.Close()
	defer host.Close()
	losses := func(dev device.Device, p augment.Policy) []float32 {
		tr := augmented(t, dev, p, 16, 0.01)
		if err := tr.shuffle(); err != nil {
			t.Fatal(err)
		}
		got, err := tr.steps(tr.full, 4)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(got)
	}
	for _, p := range []augment.Policy{everything, mixes} {
		first, want := losses(dev, p), losses(host, p)
		if !slices.Equal(first, losses(dev, p)) {
			t.Errorf("%v: other losses in a second run", p)
		}
		for i := range want {
			if diff := math.Abs(float64(first[i] - want[i])); diff > 1e-5*float64(want[i]) {
				t.Errorf("%v: loss of step %d is %v, the CPU's %v", p, i+1, first[i], want[i])
			}
		}
	}
}
