package checkpoint

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/models"
	"imgcls/internal/plan"
)

// Every element has one place in the file, and it is that of channels first.
func TestLayout(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	shapes := []layout{{a: 1, h: 1, w: 1, c: 1}, {a: 3, h: 2, w: 3, c: 2}, {a: 1, h: 7, w: 1, c: 5}, {a: 5, h: 1, w: 1, c: 3}}
	for range 200 {
		shapes = append(shapes, layout{a: 1 + r.IntN(6), h: 1 + r.IntN(6), w: 1 + r.IntN(6), c: 1 + r.IntN(6)})
	}
	for _, l := range shapes {
		memory := make([]float32, l.a*l.h*l.w*l.c)
		for i := range memory {
			memory[i] = float32(i)
		}
		file, back := make([]float32, len(memory)), make([]float32, len(memory))
		l.toFile(file, memory)
		l.toMemory(back, file)
		if !slices.Equal(back, memory) {
			t.Fatalf("%+v: there and back gives %v", l, back)
		}
		a, h, w, c := r.IntN(l.a), r.IntN(l.h), r.IntN(l.w), r.IntN(l.c)
		have, want := file[((a*l.c+c)*l.h+h)*l.w+w], memory[((a*l.h+h)*l.w+w)*l.c+c]
		if have != want {
			t.Fatalf("%+v: element (%d,%d,%d,%d) of the file is number %v, want %v", l, a, h, w, c, have, want)
		}
	}
}

// little is the network of testdata/golden.py, with its activation before or
// after the flattening, which makes no difference to what it computes.
func little(activateFlat bool) models.Network {
	conv := layers.Named{Name: "conv", Layer: layers.Conv{Out: 3, Kernel: 2}}
	relu := layers.Named{Name: "relu", Layer: layers.ReLU{}}
	flatten := layers.Named{Name: "flatten", Layer: layers.Flatten{}}
	fc := layers.Named{Name: "fc", Layer: layers.Linear{Out: layers.Classes}}
	net := layers.Seq{conv, relu, flatten, fc}
	if activateFlat {
		net = layers.Seq{conv, flatten, relu, fc}
	}
	return models.Network{
		Model:   models.Model{Name: "little", Net: net},
		Classes: []string{"a", "b", "c", "d"},
		Preprocess: models.Preprocess{
			Height: 3, Width: 4, Channels: 2, Resize: models.Squash, Mean: []float64{0.5, 0.25}, Std: []float64{0.5, 0.125},
		},
	}
}

// PyTorch's weights give PyTorch's logits, and are written as PyTorch has them.
func TestFlattenedFeatures(t *testing.T) {
	golden, err := safetensors.Read(filepath.Join("testdata", "little-logits.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]safetensors.Tensor{}
	for _, tensor := range golden.Tensors {
		tensors[tensor.Name] = tensor
	}
	images := tensors["images"]
	want, want64 := device.View[float32](tensors["logits"].Data), device.View[float64](tensors["logits64"].Data)
	weights := filepath.Join("testdata", "little.safetensors")
	for _, activateFlat := range []bool{false, true} {
		n := little(activateFlat)
		g := graph.New()
		x := g.Input("x", graph.U8, images.Shape...)
		logits, _ := n.Forward(g, x)
		g.Return(logits)
		for _, dev := range []device.Device{cpu.New(1), ref.New()} {
			prog := load(t, dev, g, weights)
			if err := prog.Write(x, images.Data); err != nil {
				t.Fatal(err)
			}
			if err := prog.Run(0, 1); err != nil {
				t.Fatal(err)
			}
			got := make([]float32, len(want))
			if err := prog.Read(logits, device.Bytes(got)); err != nil {
				t.Fatal(err)
			}
			expectNear(t, got, want, 1e-5)
			if exact, ok := prog.(*ref.Program); ok {
				expectNear(t, exact.Float64(logits), want64, 1e-12)
			}
			path := filepath.Join(t.TempDir(), "saved.safetensors")
			if _, err := Save(path, Info{Model: "little"}, g, prog.Read); err != nil {
				t.Fatal(err)
			}
			sameTensors(t, path, weights)
		}
	}
}

func expectNear[T float32 | float64](t *testing.T, got, want []T, apart float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= apart) {
			t.Fatalf("logits %v, PyTorch's %v", got, want)
		}
	}
}

// load compiles g for dev and loads the weights at path.
func load(t *testing.T, dev device.Device, g *graph.Graph, path string) device.Program {
	t.Helper()
	t.Cleanup(func() { dev.Close() })
	module, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := dev.Compile(module)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Load(g, false, prog.Write); err != nil {
		t.Fatal(err)
	}
	return prog
}

// sameTensors compares two files' tensors bit for bit.
func sameTensors(t *testing.T, have, want string) {
	t.Helper()
	a, err := safetensors.Read(have)
	if err != nil {
		t.Fatal(err)
	}
	b, err := safetensors.Read(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Tensors) != len(b.Tensors) {
		t.Fatalf("%d tensors, want %d", len(a.Tensors), len(b.Tensors))
	}
	for i, x := range a.Tensors {
		y := b.Tensors[i]
		if x.Name != y.Name || x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) || !slices.Equal(x.Data, y.Data) {
			t.Errorf("%s %s %v differs from %s %s %v", x.Name, x.DType, x.Shape, y.Name, y.DType, y.Shape)
		}
	}
}

// A tensor that no flattened picture is multiplied with keeps its columns.
func TestOnlyTheFirstLinearLayerIsPermuted(t *testing.T) {
	g := models.CifarNet.Plain(10).Single()
	found, err := layouts(g)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range g.Params() {
		if _, ok := found[v]; ok {
			names = append(names, g.Tensor(v).Name)
		}
	}
	if want := []string{"conv1.weight", "conv2.weight", "fc1.weight"}; !slices.Equal(names, want) {
		t.Errorf("other layouts for %v, want %v", names, want)
	}
}

// Behind an operation that moves features about, no layout is known: saving must
// fail rather than write columns in a wrong order.
func TestLayoutUnknown(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool
		join  func(g *graph.Graph, x graph.Value) graph.Value
	}{
		{"nothing", true, func(_ *graph.Graph, x graph.Value) graph.Value { return x }},
		{"a sum", true, func(g *graph.Graph, x graph.Value) graph.Value { return g.Add("add", graph.Add{}, x, x)[0] }},
		{"a softmax", false, func(g *graph.Graph, x graph.Value) graph.Value {
			return g.Add("xent", graph.SoftmaxXent{}, x, g.Input("t", graph.I32, 2))[1]
		}},
	} {
		g := graph.New()
		x := g.Add("flatten", graph.Reshape{Shape: []int{2, 24}}, g.Input("x", graph.F32, 2, 2, 4, 3))[0]
		w := g.Lasting(graph.Tensor{Name: "fc.weight", Shape: []int{5, 24}, Role: graph.Param})
		g.Add("fc", graph.MatMul{TransB: true}, c.join(g, x), w)
		if g.Err() != nil {
			t.Fatal(g.Err())
		}
		views, err := layouts(g)
		if _, ok := views[w]; ok != c.known || (err == nil) != c.known {
			t.Errorf("%s: layout %v, error %v", c.name, ok, err)
		}
	}
}
