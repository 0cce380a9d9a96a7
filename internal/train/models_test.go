package train

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/infer"
	"imgcls/internal/layers"
	"imgcls/internal/models"
	"imgcls/internal/optim"
	"imgcls/internal/plan"
	"imgcls/internal/rng"
)

// What testdata/models.py writes, and its constants.
type modelGoldens struct {
	Steps map[string]struct {
		Losses          []float64
		Sums, Gradients sums // of running statistics, and of the first step's gradients
	}
	Logits map[string][][]float64
}

// sums are those of the values of a tensor and of their squares.
type sums map[string][2]float64

// compare holds what v holds, which is of that tensor, to its sums, within near of what
// adds up without signs.
func (s sums) compare(t *testing.T, read func(graph.Value) []float64, v graph.Value, of graph.Tensor, near float64) {
	t.Helper()
	want, ok := s[of.Name]
	if !ok {
		t.Errorf("PyTorch has no %s", of.Name)
		return
	}
	var got [2]float64
	for _, x := range read(v) {
		got[0] += x
		got[1] += x * x
	}
	if want[1] < 1e-24 { // 0 but for rounding, as the gradient of a bias before a batch norm
		if norm := math.Sqrt(got[1]); !(norm <= 1e-3*near) {
			t.Errorf("%s has the norm %.1e, PyTorch's is 0", of.Name, norm)
		}
		return
	}
	scale := math.Sqrt(want[1] * float64(of.Len())) // of a sum of as many numbers
	if !(math.Abs(got[0]-want[0]) <= near*scale && math.Abs(got[1]-want[1]) <= 2*near*want[1]) {
		t.Errorf("%s has the sums %v, PyTorch's are %v", of.Name, got, want)
	}
}

const formulaBatch, formulaSteps, formulaWarm = 4, 20, 3

func readModelGoldens(t *testing.T) (g modelGoldens) {
	t.Helper()
	text, err := os.ReadFile("testdata/models.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// formulaWeights is the state dict that first() of models.py makes, for the network of n.
func formulaWeights(t *testing.T, n models.Network) []safetensors.Tensor {
	t.Helper()
	g := n.Single()
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	var tensors []safetensors.Tensor
	for _, v := range g.Weights() {
		name, shape := g.Tensor(v).Name, slices.Clone(g.Tensor(v).Shape)
		if len(shape) == 4 { // O R S I, and O I R S in PyTorch
			shape = []int{shape[0], shape[3], shape[1], shape[2]}
		}
		count, fan := 1, 1
		for i, d := range shape {
			count *= d
			if i > 0 {
				fan *= d
			}
		}
		center, bound := 0.0, 0.1
		switch {
		case strings.HasSuffix(name, "running_mean"):
			bound = 0
		case strings.HasSuffix(name, "running_var"):
			center, bound = 1, 0
		case strings.HasSuffix(name, "weight") && len(shape) > 1:
			bound = 1 / math.Sqrt(float64(fan))
		case strings.HasSuffix(name, "weight"):
			center, bound = 1, 0.5
		}
		values := make([]float32, count)
		stream := rng.Stream(name)
		for i := range values {
			u := float64(rng.Uniform(0, stream, uint64(i)))
			values[i] = float32(center + float64((2*u-1)*bound))
		}
		tensors = append(tensors, safetensors.Tensor{Name: name, DType: "F32", Shape: shape, Data: device.Bytes(values)})
	}
	return tensors
}

// formulaSet is the pictures of pictures() of models.py.
func formulaSet(n, size int) *data.Set {
	set := &data.Set{Classes: make([]string, 10), Height: size, Width: size, Channels: 3}
	colours, labels := rng.Stream("pictures"), rng.Stream("labels")
	for i := range n {
		for y := range size {
			for x := range size {
				for c := range 3 {
					at := ((i*8+y*8/size)*8+x*8/size)*3 + c
					set.Train.Images = append(set.Train.Images, byte(256*rng.Uniform(0, colours, uint64(at))))
				}
			}
		}
		set.Train.Labels = append(set.Train.Labels, int32(10*float64(rng.Uniform(0, labels, uint64(i)))))
	}
	return set
}

// formulaNetwork is the model for ten classes of such pictures.
func formulaNetwork(m models.Model, size int, std float64) models.Network {
	return models.Network{Model: m, Classes: make([]string, 10), Preprocess: models.Preprocess{
		Height: size, Width: size, Channels: 3, Resize: models.Squash,
		Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{std, std, std},
	}}
}

// formulaTrainer takes the steps of models.py, with a look at what the first leaves, and
// returns their losses.
func formulaTrainer(t *testing.T, dev device.Device, c formulaCase, steps int, look func(*Trainer)) (*Trainer, []float32) {
	t.Helper()
	n := formulaNetwork(c.net, 32, cmp.Or(c.std, 0.5))
	return formulaRun(t, dev, Config{Network: n, Optimizer: optim.SGD{LR: cmp.Or(c.lr, 0.01), Momentum: 0.9}}, steps, look)
}

// formulaRun takes steps of cfg on the pictures and from the weights of models.py, with a
// look at what the first leaves, and returns their losses.
func formulaRun(t *testing.T, dev device.Device, cfg Config, steps int, look func(*Trainer)) (*Trainer, []float32) {
	t.Helper()
	cfg.Epochs = 1
	tr := formulaStart(t, dev, cfg)
	losses := formulaEpoch(t, tr, 1)
	look(tr)
	more, err := tr.steps(tr.full, steps-1)
	if err != nil {
		t.Fatal(err)
	}
	return tr, append(losses, more...)
}

// formulaStart returns what takes formulaSteps steps in cfg.Epochs epochs.
func formulaStart(t *testing.T, dev device.Device, cfg Config) *Trainer {
	t.Helper()
	n := cfg.Network
	cfg.Batch, cfg.EvalBatch = formulaBatch, formulaBatch
	tr, err := New(dev, formulaSet(formulaBatch*formulaSteps/cfg.Epochs, n.Preprocess.Height), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	first := checkpoint.Model{Path: "formula", Tensors: formulaWeights(t, n)}
	if err := first.Load(tr.Graph(), false, tr.Program().Write); err != nil {
		t.Fatal(err)
	}
	return tr
}

// formulaEpoch takes the first steps of an epoch of the pictures in their order.
func formulaEpoch(t *testing.T, tr *Trainer, steps int) []float32 {
	t.Helper()
	order := make([]int32, tr.set.Train.Len())
	for i := range order {
		order[i] = int32(i)
	}
	if err := tr.begin(order, 0); err != nil {
		t.Fatal(err)
	}
	losses, err := tr.steps(tr.full, steps)
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

// plain is Plain of models.py: two convolutions, and what is tried behind each.
func plain(act layers.Layer, groups int, pool layers.Layer) models.Model {
	net := layers.Seq{
		{Name: "conv1", Layer: layers.Conv{Out: 8, Kernel: 3, Stride: 2, Pad: 1}},
		{Name: "act1", Layer: act},
		{Name: "conv2", Layer: layers.Conv{Out: 8, Kernel: 3, Pad: 1, Groups: groups}},
		{Name: "act2", Layer: act},
	}
	if pool != nil {
		net = append(net, layers.Named{Name: "pool", Layer: pool})
	}
	return models.Model{Name: "plain", Net: append(net, head...)}
}

var head = layers.Seq{{Layer: layers.GlobalAvgPool{}}, {Name: "fc", Layer: layers.Linear{Out: layers.Classes}}}

// residual is Residual of models.py.
func residual() models.Model {
	net := plain(layers.ReLU{}, 1, nil).Net.(layers.Seq)
	return models.Model{Name: "residual", Net: append(layers.Seq{net[0], net[1], {Layer: layers.Residual{Body: net[2:4]}}}, head...)}
}

// A formulaCase is an entry of the goldens.
type formulaCase struct {
	name string
	net  models.Model
	std  float64
	lr   float64 // 0.01 unless models.py says why it is less
	slow bool    // one of torchvision's
}

var formulaCases = []formulaCase{
	{name: "batchnorm", net: plain(layers.BatchNorm{}, 1, nil)},
	{name: "gelu", net: plain(layers.GELU{}, 1, nil)},
	{name: "silu", net: plain(layers.SiLU{}, 1, nil)},
	{name: "relu6", net: plain(layers.ReLU6{}, 1, nil), std: 0.05},
	{name: "avgpool", net: plain(layers.ReLU{}, 1, layers.AvgPool{Kernel: 3, Stride: 2, Pad: 1})},
	{name: "residual", net: residual()},
	{name: "groups", net: plain(layers.ReLU{}, 4, nil)},
	{name: "depthwise", net: plain(layers.ReLU{}, 8, nil)},
	{name: "resnet20", net: models.ResNet20, lr: 0.0002},
	{name: "resnet18", net: models.ResNet18, lr: 5e-5, slow: true},
	{name: "resnet34", net: models.ResNet34, lr: 5e-6, slow: true},
	{name: "resnet50", net: models.ResNet50, lr: 2e-7, slow: true},
	{name: "mobilenet_v2", net: undropped(models.MobileNetV2), lr: 1e-6, slow: true},
}

// undropped returns the model without dropout, which draws other numbers in PyTorch.
func undropped(m models.Model) models.Model {
	m.Net = slices.DeleteFunc(slices.Clone(m.Net.(layers.Seq)), func(l layers.Named) bool {
		_, dropout := l.Layer.(layers.Dropout)
		return dropout
	})
	return m
}

// golden is the name in the goldens.
func (c formulaCase) golden() string { return c.name + "@32" }

// slowModels asks for the large models on the reference, and for all of their steps
// elsewhere.
var slowModels = os.Getenv("IMGCLS_SLOW") == "models"

// compareLosses holds the first five losses, and all of those that there are, to limits,
// relative.
func compareLosses[T device.Number](t *testing.T, got []T, want []float64, five, all float64) {
	t.Helper()
	if len(got) < 5 || len(want) != formulaSteps {
		t.Fatalf("%d losses, PyTorch has %d", len(got), len(want))
	}
	for i, x := range got {
		limit := all
		if i < 5 {
			limit = five
		}
		if apart := math.Abs(float64(x)-want[i]) / math.Abs(want[i]); !(apart <= limit) {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, x, want[i], apart)
		}
	}
}

// Twenty steps of every layer and model on the reference are PyTorch's in double
// precision, and so are the gradients of the first and the running statistics after
// them. IMGCLS_SLOW=models runs the large models: MobileNetV2 takes half a minute of a
// core, ResNet-18 one, and ResNet-34 and -50 some three each.
func TestModelsOnTheReference(t *testing.T) {
	goldens := readModelGoldens(t)
	for _, c := range formulaCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.slow && !slowModels {
				t.Skip("IMGCLS_SLOW=models runs it")
			}
			want := goldens.Steps[c.golden()]
			tr, _ := formulaTrainer(t, ref.New(), c, formulaSteps, func(tr *Trainer) {
				compareGradients(t, tr, tr.Program().(*ref.Program).Float64, want.Gradients, 1e-9)
			})
			prog := tr.Program().(*ref.Program)
			compareLosses(t, prog.Float64(tr.cells.losses)[:formulaSteps], want.Losses, 1e-9, 1e-9)
			compareStatistics(t, tr.Graph(), prog.Float64, want.Sums, 1e-9)
		})
	}
}

// compareStatistics compares the sums of running statistics and of their squares.
func compareStatistics(t *testing.T, g *graph.Graph, read func(graph.Value) []float64, want sums, near float64) {
	t.Helper()
	compared := 0
	for _, v := range g.Weights() {
		if at := g.Tensor(v); at.Role == graph.Buffer && strings.Contains(at.Name, "running") {
			want.compare(t, read, v, at, near)
			compared++
		}
	}
	if compared != len(want) {
		t.Errorf("PyTorch has %d running statistics, and this %d", len(want), compared)
	}
}

// compareGradients compares those of the step just taken.
func compareGradients(t *testing.T, tr *Trainer, read func(graph.Value) []float64, want sums, near float64) {
	t.Helper()
	compared := 0
	for i, name := range tr.full.names {
		if name, is := strings.CutPrefix(name, "the gradient of "); is {
			want.compare(t, read, tr.full.watched[i], tr.graph.Tensor(tr.graph.Named(name)), near)
			compared++
		}
	}
	if compared != len(want) {
		t.Errorf("PyTorch has %d gradients, and this %d", len(want), compared)
	}
}

// In single precision the first five losses agree within 1e-4, and twenty within 1e-2;
// of the large models, the first five unless IMGCLS_SLOW=models asks for all, which takes
// about a minute of a core. Their rates are so low that losses say little of a backward
// pass: the gradients of the first step agree within 1e-2, of which a ReLU that a number
// near 0 passes in one precision alone takes 3e-3.
func TestModelsOnTheCPU(t *testing.T) {
	goldens := readModelGoldens(t)
	dev := cpu.New(2)
	defer dev.Close()
	for _, c := range formulaCases {
		t.Run(c.name, func(t *testing.T) {
			steps := formulaSteps
			if c.slow && !slowModels {
				steps = 5
			}
			compareFormula(t, dev, goldens, c, steps)
		})
	}
}

// compareFormula holds steps in single precision, and after all of them the running
// statistics, to PyTorch's.
func compareFormula(t *testing.T, dev device.Device, goldens modelGoldens, c formulaCase, steps int) {
	t.Helper()
	want := goldens.Steps[c.golden()]
	tr, losses := formulaTrainer(t, dev, c, steps, func(tr *Trainer) {
		compareGradients(t, tr, readWide(t, tr.Program(), tr.Graph()), want.Gradients, 1e-2)
	})
	defer tr.Close()
	compareLosses(t, losses, want.Losses, 1e-4, 1e-2)
	if steps == formulaSteps {
		compareStatistics(t, tr.Graph(), readWide(t, tr.Program(), tr.Graph()), want.Sums, 1e-2)
	}
}

// readWide returns what reads a tensor of single precision.
func readWide(t *testing.T, prog device.Program, g *graph.Graph) func(graph.Value) []float64 {
	return func(v graph.Value) []float64 {
		values := make([]float32, g.Tensor(v).Len())
		if err := prog.Read(v, device.Bytes(values)); err != nil {
			t.Fatal(err)
		}
		wide := make([]float64, len(values))
		for i, x := range values {
			wide[i] = float64(x)
		}
		return wide
	}
}

// What torchvision's networks say of pictures of 224×224 once their running statistics
// are warm.
func TestTorchvisionLogits(t *testing.T) {
	dev := cpu.New(2)
	defer dev.Close()
	goldens := readModelGoldens(t)
	for _, m := range []models.Model{models.ResNet18, models.ResNet50, undropped(models.MobileNetV2)} {
		t.Run(m.Name, func(t *testing.T) {
			got := warmLogits(t, dev, formulaNetwork(m, 224, 0.5))
			var largest, apart float64
			want := slices.Concat(goldens.Logits[m.Name]...)
			if len(want) != len(got) {
				t.Fatalf("%d logits, PyTorch has %d", len(got), len(want))
			}
			for i, x := range want {
				largest, apart = max(largest, math.Abs(x)), max(apart, math.Abs(float64(got[i])-x))
			}
			if !(apart <= 1e-3*min(1, largest)) {
				t.Errorf("logits %v, PyTorch's %v: %.1e apart", got, want, apart)
			}
		})
	}
}

// warmLogits moves the running statistics by some batches, without a gradient, and
// returns the logits of the pictures after these.
func warmLogits(t *testing.T, dev device.Device, n models.Network) []float32 {
	t.Helper()
	set := formulaSet(formulaBatch*formulaWarm+2, 224)
	g := graph.New()
	g.Begin("warm")
	p := n.Preprocess
	x := g.Input("pictures", graph.U8, formulaBatch, p.Height, p.Width, p.Channels)
	_, scope := n.Train(g, x, layers.Samples{}, nil)
	statistics, _ := scope.Statistics()
	layers.Track(g.Add("gate", graph.Gate{}, statistics...)[0], scope)
	entry := infer.Add(g, n, 2)
	module, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := dev.Compile(module)
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	first := checkpoint.Model{Path: "formula", Tensors: formulaWeights(t, n)}
	if err := first.Load(g, false, prog.Write); err != nil {
		t.Fatal(err)
	}
	size := formulaBatch * p.Pixels()
	for i := range formulaWarm {
		if err := prog.Write(x, set.Train.Images[i*size:][:size]); err != nil {
			t.Fatal(err)
		}
		if err := prog.Run(module.Find("warm"), 1); err != nil {
			t.Fatal(err)
		}
	}
	logits, err := entry.Bind(prog, module).Forward(context.Background(), set.Train.Images[formulaWarm*size:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}
