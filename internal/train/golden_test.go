package train

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/infer"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/models"
)

// golden is a file that testdata/golden.py made with PyTorch.
type golden map[string]safetensors.Tensor

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	file, err := safetensors.Read(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	g := golden{}
	for _, tensor := range file.Tensors {
		g[tensor.Name] = tensor
	}
	return g
}

func view[T device.Number](g golden, name string) []T { return device.View[T](g[name].Data) }

// under returns the tensors below a prefix, without it.
func (g golden) under(prefix string) (tensors []safetensors.Tensor) {
	for name, tensor := range g {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			tensor.Name = rest
			tensors = append(tensors, tensor)
		}
	}
	return tensors
}

func tutorialNet(classes int) models.Network {
	r := models.CifarNet.Recipe
	return models.Network{
		Model:   models.CifarNet,
		Classes: make([]string, classes),
		Preprocess: models.Preprocess{
			Height: 32, Width: 32, Channels: 3, Resize: models.Squash, Mean: r.Mean, Std: r.Std,
		},
	}
}

// hundredSteps takes PyTorch's 100 steps of four from PyTorch's own first
// weights and returns the losses, read one by one from the device.
func hundredSteps(t *testing.T, dev device.Device, g golden) (*Trainer, []float32) {
	t.Helper()
	return takeSteps(t, dev, g, 100, Config{Optimizer: models.CifarNet.Recipe.Optimizer})
}

// takeSteps takes n of those steps as cfg says.
func takeSteps(t *testing.T, dev device.Device, g golden, n int, cfg Config) (*Trainer, []float32) {
	t.Helper()
	set := &data.Set{
		Classes: make([]string, 10), Height: 32, Width: 32, Channels: 3,
		Train: data.Split{Images: g["images"].Data, Labels: view[int32](g, "labels")},
	}
	cfg.Network, cfg.Epochs, cfg.Batch, cfg.EvalBatch = tutorialNet(10), 1, 4, 4
	trainer, err := New(dev, set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	first := checkpoint.Model{Path: "golden", Tensors: g.under("init.")}
	if err := first.Load(trainer.Graph(), false, trainer.Program().Write); err != nil {
		t.Fatal(err)
	}
	if err := trainer.beginAverages(); err != nil {
		t.Fatal(err)
	}
	if err := trainer.begin(view[int32](g, "order"), 0); err != nil {
		t.Fatal(err)
	}
	losses, err := trainer.steps(trainer.full, n)
	if err != nil {
		t.Fatal(err)
	}
	return trainer, losses
}

// In every instruction set that this processor has.
func TestHundredStepsOnTheCPU(t *testing.T) {
	for _, set := range tile.Sets() {
		t.Run(set.Name, func(t *testing.T) { compareSteps(t, cpu.With(2, set)) })
	}
}

func compareSteps(t *testing.T, dev device.Device) {
	defer dev.Close()
	g := readGolden(t, "cifar-net-steps.safetensors")
	trainer, losses := hundredSteps(t, dev, g)
	defer trainer.Close()
	for i, want := range view[float32](g, "losses") {
		if diff := math.Abs(float64(losses[i]-want)) / float64(want); diff > 1e-4 {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, diff)
		}
	}
	path := filepath.Join(t.TempDir(), "final.safetensors")
	if _, err := checkpoint.Save(path, infoOf(trainer), trainer.Graph(), trainer.Program().Read); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range file.Tensors {
		compareWeights(t, tensor.Name, device.View[float32](tensor.Data), view[float32](g, "final."+tensor.Name))
	}
	if len(file.Tensors) != 10 {
		t.Errorf("%d tensors saved, want 10", len(file.Tensors))
	}
}

func infoOf(tr *Trainer) checkpoint.Info {
	n := tr.cfg.Network
	return checkpoint.Info{Model: n.Model.Name, Classes: n.Classes, Preprocess: n.Preprocess}
}

// compareWeights allows 1e-4 of the largest weight.
func compareWeights(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d weights, PyTorch has %d", name, len(got), len(want))
	}
	var largest, apart float64
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		apart = max(apart, math.Abs(float64(got[i]-want[i])))
	}
	if apart > 1e-4*largest {
		t.Errorf("%s: %.1e apart, largest weight %.3f", name, apart, largest)
	}
}

// On the reference device everything is float64, and so is the golden's second
// half.
func TestHundredStepsOnTheReference(t *testing.T) {
	g := readGolden(t, "cifar-net-steps.safetensors")
	dev := ref.New()
	trainer, _ := hundredSteps(t, dev, g)
	defer trainer.Close()
	prog := trainer.Program().(*ref.Program)
	losses := prog.Float64(trainer.cells.losses)
	for i, want := range view[float64](g, "losses64") {
		if diff := math.Abs(losses[i]-want) / want; diff > 1e-9 {
			t.Errorf("loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, diff)
		}
	}
	checked := 0
	for _, tensor := range g.under("final64.") {
		v := trainer.Graph().Named(tensor.Name)
		got, want := prog.Float64(v), device.View[float64](tensor.Data)
		at := inFile(trainer.Graph().Tensor(v).Shape)
		for i, x := range got {
			if math.Abs(x-want[at(i)]) > 1e-9 {
				t.Fatalf("%s[%d] is %v, PyTorch's %v", tensor.Name, i, x, want[at(i)])
			}
		}
		checked++
	}
	if checked == 0 {
		t.Error("the golden holds no float64 weights")
	}
}

// inFile maps the place of an element in memory to its place in PyTorch's
// layout: O R S I to O I R S for filters, itself for the rest.
func inFile(shape []int) func(int) int {
	if len(shape) != 4 {
		return func(i int) int { return i }
	}
	rs, c := shape[1]*shape[2], shape[3]
	return func(i int) int {
		o, place, channel := i/(rs*c), i/c%rs, i%c
		return (o*c+channel)*rs + place
	}
}

// A state dict as safetensors.torch.save_file writes it gives PyTorch's logits.
func TestLogitsOfATrainedModel(t *testing.T) {
	for _, set := range tile.Sets() {
		t.Run(set.Name, func(t *testing.T) { compareLogits(t, cpu.With(1, set)) })
	}
}

func compareLogits(t *testing.T, dev device.Device) {
	defer dev.Close()
	g := readGolden(t, "cifar-net-logits.safetensors")
	c, err := infer.Open(dev, filepath.Join("testdata", "cifar-net-trained.safetensors"), infer.Options{
		Overrides: checkpoint.Overrides{Model: "cifar-net"}, Batch: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Network.Classes) != 10 {
		t.Fatalf("%d classes read off the weights, want 10", len(c.Network.Classes))
	}
	got, err := c.Forward(context.Background(), g["images"].Data, nil)
	if err != nil {
		t.Fatal(err)
	}
	compareWeights(t, "logits", got, view[float32](g, "logits"))
}
