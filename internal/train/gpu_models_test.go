//go:build cuda && linux && cgo

package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/graph"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

// A gpuRun is a training of a few pictures, the same in each step.
type gpuRun struct {
	net         models.Model
	size, steps int
	optimizer   optim.Optimizer
	precision   graph.DType
	alike       bool // of operations that a smaller model has in every precision: fp32 alone
}

const gpuBatch = 4

// losses takes the steps on dev, from first parameters that are off by the factors
// 1 ± spread, drawn from seed.
func (r gpuRun) losses(t *testing.T, dev device.Device, spread float64, seed uint64) []float32 {
	t.Helper()
	set := formulaSet(gpuBatch*r.steps, r.size)
	n := formulaNetwork(r.net, r.size, 0.5)
	tr, err := New(dev, set, Config{
		Network: n, Epochs: 1, Batch: gpuBatch, Seed: 7, EvalBatch: gpuBatch, Optimizer: r.optimizer, Precision: r.precision,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if r.precision == graph.F16 {
		setScale(t, tr, 0x1p10) // the first scale may have to be halved, and the steps until then teach nothing
	}
	if spread > 0 {
		shake(t, tr, spread, seed)
	}
	order := make([]int32, set.Train.Len())
	for i := range order {
		order[i] = int32(i % gpuBatch)
	}
	if err := tr.begin(order, 0); err != nil {
		t.Fatal(err)
	}
	losses, err := tr.steps(tr.full, r.steps)
	if err != nil {
		t.Fatal(err)
	}
	if tr.place.Skipped > 0 {
		t.Fatalf("%d of %d steps skipped", tr.place.Skipped, r.steps)
	}
	return slices.Clone(losses)
}

// shake multiplies each parameter by 1 + spread or 1 − spread.
func shake(t *testing.T, tr *Trainer, spread float64, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	for _, p := range tr.graph.Params() {
		values := make([]float32, tr.graph.Tensor(p).Len())
		if err := tr.prog.Read(p, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
		for i, x := range values {
			values[i] = float32(float64(x) * (1 + spread*float64(2*random.IntN(2)-1)))
		}
		if err := tr.prog.Write(p, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
	}
}

// A step of a network is thousands of roundings one after another, and how much of each
// is left in the loss depends on the network. So the bound is taken from the network
// itself, as the conformance suite does for what is composed: rounding what stands in
// between acts like a change of the parameters. A loss may be off by 4·√3 times the most
// that it, or one before it, moves on the CPU in shakes runs from parameters off by the
// factors 1 ± ε, and by ε of itself: 4 times as there, and √3 because three numbers are
// rounded for each parameter that is shaken (itself, the sum that it is in, and what the
// norm or activation makes of that), whose errors of chance add like the root. ε is what
// storing a number may lose: 2⁻⁸ of it in bf16, 2⁻¹¹ in fp16. In fp32 the two devices
// differ by the order of sums; one of k terms drifts by about √k·2⁻²⁴, and the longest
// have some 4096.
var gpuEps = map[graph.DType]float64{graph.F32: 0x1p-18, graph.BF16: 0x1p-8, graph.F16: 0x1p-11}

const shakes = 2

// gpuRuns are the models in sizes that the stand-in has done in some seconds, and rates
// at which two or three steps teach much. Batch norms of mobilenet_v2 on pictures of
// 16×16 would be over 4 numbers, and everything would hang on their last bits; deep nets
// take small rates, as the larger the first step, the more it does so.
var gpuRuns = map[string]gpuRun{
	"cifar-net":    {size: 32, steps: 3, optimizer: optim.SGD{LR: 0.1, Momentum: 0.9}},
	"resnet20":     {size: 16, steps: 3, optimizer: optim.SGD{LR: 0.02, Momentum: 0.9}},
	"resnet34":     {size: 16, steps: 2, alike: true},
	"resnet50":     {size: 16, steps: 2, alike: true}, // by AdamW alone: SGD's first step is in a direction that hangs on last bits
	"mobilenet_v2": {size: 24, steps: 2, optimizer: optim.SGD{LR: 0.01, Momentum: 0.9}},
}

// Every model's training steps on the GPU, in every precision, have the CPU's losses
// within that bound; and the bound is narrow enough to tell a run that learns from one
// that does not.
func TestModelsOnTheGPU(t *testing.T) {
	dev, host := gpu(t), cpu.New(2)
	defer dev.Close()
	defer host.Close()
	for _, m := range models.All {
		r, ok := gpuRuns[m.Name]
		if !ok {
			r = gpuRun{size: 16, steps: 2, optimizer: optim.SGD{LR: 0.0005, Momentum: 0.9}}
		}
		r.net = m
		sgd, adamw := []graph.DType{graph.F32, graph.F16}, []graph.DType{graph.F32, graph.BF16, graph.F16}
		if r.optimizer != nil {
			if r.steps == 2 { // a large one: each precision once; what optimizers do does not depend on the network
				sgd, adamw = sgd[:1], adamw[1:]
			}
			t.Run(m.Name+"/sgd", func(t *testing.T) { r.compare(t, dev, host, sgd...) })
		}
		if r.alike {
			adamw = adamw[:1]
		}
		r.optimizer = optim.AdamW{LR: 0.001, WeightDecay: 0.01}
		t.Run(m.Name+"/adamw", func(t *testing.T) { r.compare(t, dev, host, adamw...) })
	}
}

// compare holds dev's losses in some precisions to those of host in fp32.
func (r gpuRun) compare(t *testing.T, dev, host device.Device, precisions ...graph.DType) {
	want := r.losses(t, host, 0, 0)
	for _, p := range precisions {
		t.Run(device.PrecisionName(p), func(t *testing.T) {
			bounds := r.bounds(t, host, want, gpuEps[p])
			if last := r.steps - 1; !(math.Abs(float64(want[0]-want[last])) > bounds[last]) {
				t.Errorf("a run that learns nothing would pass: losses %v, bounds %.2g", want, bounds)
			}
			half := r
			half.precision = p
			got := half.losses(t, dev, 0, 0)
			for i, x := range got {
				if apart := math.Abs(float64(x - want[i])); !(apart <= bounds[i]) {
					t.Errorf("loss of step %d is %v, the CPU's %v: %.2g apart, bound %.2g", i+1, x, want[i], apart, bounds[i])
				}
			}
		})
	}
}

// bounds says how far each loss may be from want.
func (r gpuRun) bounds(t *testing.T, host device.Device, want []float32, eps float64) []float64 {
	t.Helper()
	bounds := make([]float64, r.steps)
	for seed := range uint64(shakes) {
		for i, x := range r.losses(t, host, eps, seed) {
			bounds[i] = max(bounds[i], 4*math.Sqrt(3)*math.Abs(float64(x-want[i])))
		}
	}
	for i, x := range want {
		bounds[i] = max(bounds[i], bounds[max(i-1, 0)]) + eps*float64(x)
	}
	return bounds
}
