package ref_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
)

// layersGolden holds operations computed by PyTorch in double precision; the
// script beside it, golden.py, says what is in it.
const layersGolden = "../../train/testdata/layers.safetensors"

// near is the largest deviation from PyTorch, relative to the largest element
// of a tensor: the two add in different orders.
const near = 1e-12

// A golden is PyTorch's tensors by name, and the attributes of its cases.
type golden struct {
	tensors map[string]safetensors.Tensor
	cases   map[string][]struct {
		Stride, Pad, Kernel int
		Bias, Nesterov      bool
		LR, Momentum        float64
		Decay               float64 `json:"weight_decay"`
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	file, err := safetensors.Read(layersGolden)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{tensors: map[string]safetensors.Tensor{}}
	for _, tensor := range file.Tensors {
		g.tensors[tensor.Name] = tensor
	}
	if err := json.Unmarshal([]byte(file.Metadata["cases"]), &g.cases); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"conv", "pool", "linear", "relu", "xent", "sgd"} {
		if len(g.cases[op]) == 0 {
			t.Fatalf("no cases of %s in %s", op, layersGolden)
		}
	}
	return g
}

// values returns a tensor with its channels last: PyTorch has images as N C H W
// and filters as O I R S.
func (g golden) values(t *testing.T, name string) (shape []int, values []float64) {
	t.Helper()
	tensor, ok := g.tensors[name]
	if !ok {
		t.Fatalf("no %s in %s", name, layersGolden)
	}
	data := device.View[float64](tensor.Data)
	if len(tensor.Shape) != 4 {
		return tensor.Shape, data
	}
	n, c, h, w := tensor.Shape[0], tensor.Shape[1], tensor.Shape[2], tensor.Shape[3]
	values = make([]float64, len(data))
	for i := range data {
		column, row, channel, sample := i%w, i/w%h, i/w/h%c, i/w/h/c
		values[((sample*h+row)*w+column)*c+channel] = data[i]
	}
	return []int{n, h, w, c}, values
}

// TestPyTorchLayers compares each operation and its gradients with PyTorch.
func TestPyTorchLayers(t *testing.T) {
	g := readGolden(t)
	for op, cases := range g.cases {
		for i, c := range cases {
			in := []string{"x"}
			var node graph.Op
			switch op {
			case "conv":
				node, in = graph.Conv{Stride: c.Stride, Pad: c.Pad}, []string{"x", "w", "b"}
				if !c.Bias {
					in = in[:2]
				}
			case "pool":
				node = graph.MaxPool{Kernel: c.Kernel, Stride: c.Stride, Pad: c.Pad}
			case "linear":
				node, in = graph.MatMul{TransB: true}, []string{"x", "w", "b"}
			case "relu":
				node = graph.Act{Kind: graph.ReLU}
			default:
				continue
			}
			t.Run(fmt.Sprint(op, i), func(t *testing.T) { g.compareLayer(t, fmt.Sprintf("%s.%d.", op, i), node, in) })
		}
	}
}

func (g golden) compareLayer(t *testing.T, prefix string, op graph.Op, names []string) {
	b := graph.New()
	var in []graph.Value
	want := map[graph.Value]string{}
	for _, name := range names {
		shape, _ := g.values(t, prefix+name)
		in = append(in, b.Input(name, graph.F32, shape...))
	}
	shape, _ := g.values(t, prefix+"dy")
	dy := b.Input("dy", graph.F32, shape...)
	y := b.Add("", op, in...)[0]
	want[y] = "y"
	grads := b.Backward([]graph.Value{y}, []graph.Value{dy})
	for i, name := range names {
		want[grads[in[i]]] = "d" + name
	}
	for v := range want {
		b.Return(v)
	}
	prog := program(t, b)
	for i, name := range names {
		_, values := g.values(t, prefix+name)
		copy(prog.Float64(in[i]), values)
	}
	_, values := g.values(t, prefix+"dy")
	copy(prog.Float64(dy), values)
	runOnce(t, prog)
	for v, name := range want {
		_, values := g.values(t, prefix+name)
		expectNear(t, name, prog.Float64(v), values)
	}
}

// TestPyTorchXent compares the loss and its gradient with PyTorch.
func TestPyTorchXent(t *testing.T) {
	g := readGolden(t)
	for i := range g.cases["xent"] {
		prefix := fmt.Sprintf("xent.%d.", i)
		shape, x := g.values(t, prefix+"x")
		b := graph.New()
		in, labels := b.Input("x", graph.F32, shape...), b.Input("t", graph.I32, shape[0])
		out := b.Add("", graph.SoftmaxXent{}, in, labels)
		b.Return(out...)
		prog := program(t, b)
		copy(prog.Float64(in), x)
		if err := prog.Write(labels, g.tensors[prefix+"t"].Data); err != nil {
			t.Fatal(err)
		}
		runOnce(t, prog)
		for j, name := range []string{"loss", "dx"} {
			_, want := g.values(t, prefix+name)
			expectNear(t, prefix+name, prog.Float64(out[j]), want)
		}
	}
}

// TestPyTorchSGD compares three steps with PyTorch's optimizer.
func TestPyTorchSGD(t *testing.T) {
	g := readGolden(t)
	for i, c := range g.cases["sgd"] {
		prefix := fmt.Sprintf("sgd.%d.", i)
		shape, first := g.values(t, prefix+"p")
		_, gradients := g.values(t, prefix+"g")
		b := graph.New()
		p := b.Lasting(graph.Tensor{Name: "p", Shape: shape, Role: graph.Param})
		v, dp, scalars := b.State("v", graph.F32, shape...), b.Input("dp", graph.F32, shape...), b.Input("scalars", graph.F32, 3)
		gate := b.Add("", graph.Gate{}, dp)[0]
		b.AddSet("", graph.SGD{LR: 0, Momentum: 1, Decay: 2, Nesterov: c.Nesterov}, []graph.Value{p, v}, gate, scalars, p, dp, v)
		prog := program(t, b)
		copy(prog.Float64(p), first)
		copy(prog.Float64(scalars), []float64{c.LR, c.Momentum, c.Decay})
		for step := range 3 {
			copy(prog.Float64(dp), gradients[step*len(first):])
			runOnce(t, prog)
			_, want := g.values(t, fmt.Sprint(prefix, "p.", step))
			expectNear(t, fmt.Sprint(prefix, "p.", step), prog.Float64(p), want)
			if c.Momentum != 0 {
				_, want := g.values(t, fmt.Sprint(prefix, "v.", step))
				expectNear(t, fmt.Sprint(prefix, "v.", step), prog.Float64(v), want)
			}
		}
	}
}

func runOnce(t *testing.T, prog *ref.Program) {
	t.Helper()
	if err := prog.Run(0, 1); err != nil {
		t.Fatal(err)
	}
}

// expectNear reports the first element that is not near.
func expectNear(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, PyTorch %d", name, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= near*largest) {
			t.Errorf("%s: element %d is %.17g, PyTorch has %.17g", name, i, got[i], v)
			return
		}
	}
}
