package devicetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// The entries of the network below.
const trainEntry, evalEntry, feedEntry = 0, 1, 2

// The extents of the network, which is large enough for devices to divide its
// work, and the steps that are tried.
const (
	samples, height, width = 11, 17, 15
	flat                   = 4 * 4 * 6 // numbers of a picture after the convolutions
	batch, classes, steps  = 4, 5, 3
)

// A network is a small classifier with every operation in it: an entry that
// trains it on resident pictures, one that evaluates it on them, and one that
// evaluates pictures from a ring.
type network struct {
	m           *plan.Module
	view        graph.Value
	pictures    graph.Value // the ring
	logits, fed graph.Value // results of evaluation, resident and fed
	weight      graph.Value // one of the parameters
	momentum    graph.Value // of the last parameter
	cursor      graph.Value
	scalars     graph.Value
	cells       []graph.Value
}

// forward adds the layers from bytes to scores.
func forward(g *graph.Graph, pictures graph.Value) graph.Value {
	param := func(name string, shape ...int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Type: graph.F32, Shape: shape, Role: graph.Param})
	}
	add := func(name string, op graph.Op, in ...graph.Value) graph.Value { return g.Add(name, op, in...)[0] }
	relu := graph.Act{Kind: graph.ReLU}

	x := add("normalize", graph.Normalize{Mean: []float64{0.5, 0.45, 0.4}, Std: []float64{0.25, 0.2, 0.3}}, pictures)
	x = add("conv1", graph.Conv{Stride: 1, Pad: 1}, x, param("conv1.weight", 8, 3, 3, 3), param("conv1.bias", 8))
	x = add("relu1", relu, x)
	x = add("pool1", graph.MaxPool{Kernel: 3, Stride: 2, Pad: 1}, x)
	y := add("conv2", graph.Conv{Stride: 1, Pad: 1}, x, param("conv2.weight", 8, 3, 3, 8))
	x = add("residual", graph.Add{}, x, add("relu2", relu, y))
	x = add("conv3", graph.Conv{Stride: 1, Pad: 1}, x, param("conv3.weight", 6, 3, 3, 8), param("conv3.bias", 6))
	x = add("relu4", relu, x)
	x = add("pool2", graph.MaxPool{Kernel: 2, Stride: 2}, x)
	x = add("flatten", graph.Reshape{Shape: []int{batch, flat}}, x)
	x = add("fc1", graph.MatMul{TransB: true}, x, param("fc1.weight", 13, flat), param("fc1.bias", 13))
	x = add("relu3", relu, x)
	return add("fc2", graph.MatMul{}, x, param("fc2.weight", 13, classes))
}

// newNetwork plans the network for dev, by plan.Compile or plan.CompileUnfused.
func newNetwork(t testing.TB, dev device.Device, compile planner) *network {
	t.Helper()
	n := &network{}
	g := graph.New()
	g.Begin("train")
	order, cursor := g.Input("order", graph.I32, (steps+1)*batch), g.State("cursor", graph.I64, 1)
	data, labels := g.Input("data", graph.U8, samples, height, width, 3), g.Input("labels", graph.I32, samples)
	taken := g.Add("gather", graph.Gather{Batch: batch}, order, cursor, data, labels)
	logits := forward(g, taken[0])
	loss := g.Add("loss", graph.SoftmaxXent{}, logits, taken[1])
	grads := g.Backward([]graph.Value{logits}, []graph.Value{loss[1]})

	step, scalars := g.State("step", graph.I64, 1), g.State("scalars", graph.F32, 3)
	finite, sgd := []graph.Value{loss[0]}, []graph.Value{0, scalars}
	for _, p := range g.Params() {
		v := g.State("momentum."+g.Tensor(p).Name, graph.F32, g.Tensor(p).Shape...)
		finite = append(finite, grads[p])
		sgd = append(sgd, p, grads[p], v)
		n.cells = append(n.cells, p, v)
	}
	sgd[0] = g.Add("gate", graph.Gate{}, finite...)[0]
	applied := g.AddSet("sgd", graph.SGD{LR: 0, Momentum: 1, Decay: 2}, slices.Clone(n.cells), sgd...)[0]
	log, table := g.State("losses", graph.F32, 2), g.Input("table", graph.F32, 2, 3)
	g.AddSet("record", graph.Record{}, []graph.Value{log}, applied, step, loss[0], log)
	g.AddSet("tick", graph.Tick{Batch: batch}, []graph.Value{step, cursor, scalars}, applied, step, cursor, scalars, table)
	n.momentum = n.cells[len(n.cells)-1]
	n.cells = append(n.cells, log, step, cursor, scalars)
	n.weight, n.cursor, n.scalars = g.Named("conv2.weight"), cursor, scalars

	g.Begin("eval")
	n.logits = forward(g, g.Add("gather", graph.Gather{Batch: batch}, order, cursor, data)[0])
	g.Return(n.logits)

	g.Begin("eval fed")
	n.pictures = g.Lasting(graph.Tensor{Name: "pictures", Type: graph.U8, Shape: []int{batch, height, width, 3}, Role: graph.Input, Slots: 2})
	n.fed = forward(g, n.pictures)
	g.Return(n.fed)

	m, err := compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	n.m, n.view = m, widen(m)
	return n
}

// initial returns what the resident tensors hold before the first step, by
// name.
func (n *network) initial() map[graph.Value][]float64 {
	draws := map[string]drawing{
		"order": below(samples), "data": below(256), "labels": below(classes),
		"table": given(0.05, 0.9, 5e-4, 0.02, 0.8, 1e-3), "scalars": given(0.05, 0.9, 5e-4),
		"cursor": given(0), "step": given(0), "losses": given(0),
	}
	values := map[graph.Value][]float64{}
	for v, t := range n.m.Tensors[:n.view] {
		if v == 0 || t.Role == graph.Temp || t.Slots > 1 {
			continue
		}
		draw := draws[t.Name]
		switch {
		case t.Role == graph.Param:
			draw = signedTo(1 / math.Sqrt(float64(t.Len()/t.Shape[0])))
		case draw == nil:
			draw = given(0)
		}
		r := generator(t.Name)
		x := make([]float64, t.Len())
		for i := range x {
			x[i] = draw(r, i)
		}
		values[graph.Value(v)] = decode(t.Type, encode(t.Type, x))
	}
	return values
}

// load compiles the network and writes its initial values.
func (n *network) load(t *testing.T, dev device.Device) device.Program {
	t.Helper()
	prog := compile(t, dev, n.m)
	for v, x := range n.initial() {
		write(t, prog, v, encode(n.m.Tensors[v].Type, x))
	}
	return prog
}

func (n *network) read(t *testing.T, prog device.Program, values ...graph.Value) [][]byte {
	t.Helper()
	var all [][]byte
	for _, v := range values {
		all = append(all, read(t, prog, n.m, v))
	}
	return all
}

// checkNetwork trains the network for a few steps.
func checkNetwork(t *testing.T, dev device.Device, twins []device.Device) {
	n := newNetwork(t, dev, plan.Compile)
	prog := n.load(t, dev)
	run(t, prog, trainEntry, steps)
	trained := n.read(t, prog, n.cells...)
	run(t, prog, evalEntry, 1)
	logits := n.read(t, prog, n.logits)
	expectSame(t, "a cell after evaluation", n.read(t, prog, n.cells...), trained)

	n.checkValues(t, append(slices.Clone(trained), logits...))
	n.checkGate(t, prog, trained)
	n.checkOverflow(t, prog, trained)
	for _, d := range append([]device.Device{dev}, twins...) {
		n.checkTwin(t, d, trained, logits)
	}
}

// checkValues compares cells and logits with the reference, as a composed
// operation of all real numbers that the network starts from. Of thousands of
// elements 8 runs say too little each, so the largest change of any element
// counts for the whole tensor.
func (n *network) checkValues(t *testing.T, results [][]byte) {
	t.Helper()
	want := n.reference(t, func(v float64) float64 { return v })
	moved := make([][]float64, len(want))
	for i := range want {
		moved[i] = make([]float64, len(want[i]))
	}
	r := generator("network perturbed")
	for range perturbations {
		widenBy(moved, n.reference(t, func(v float64) float64 { return v * (1 + eps*oneOf(-1, 1)(r, 0)) }), want)
	}
	for i, v := range append(slices.Clone(n.cells), n.logits) {
		most := slices.Max(moved[i])
		for j, got := range decode(n.m.Tensors[v].Type, results[i]) {
			if bound := 4*most + ulp(want[i][j]); !near(got, want[i][j], bound) {
				t.Errorf("seed %d: %s: element %d is %v, want %v within %.3g",
					seed, n.m.Tensors[v].Name, j, got, want[i][j], bound)
				break
			}
		}
	}
}

// reference returns the cells and logits in full precision, for real numbers
// that are changed before each step, as a device rounds them after each.
func (n *network) reference(t *testing.T, change func(float64) float64) [][]float64 {
	t.Helper()
	n = newNetwork(t, ref.New(), plan.CompileUnfused)
	p := n.load(t, ref.New()).(*ref.Program)
	for range steps {
		for v := range n.m.Tensors[:n.view] { // in the order of values, to repeat exactly
			if tensor := n.m.Tensors[v]; v > 0 && tensor.Role != graph.Temp && tensor.Type == graph.F32 {
				x := p.Float64(graph.Value(v))
				for i := range x {
					x[i] = change(x[i])
				}
			}
		}
		run(t, p, trainEntry, 1)
	}
	run(t, p, evalEntry, 1)
	var results [][]float64
	for _, v := range append(slices.Clone(n.cells), n.logits) {
		if typ := n.m.Tensors[v].Type; typ.Float() {
			results = append(results, p.Float64(v))
		} else {
			results = append(results, decode(typ, read(t, p, n.m, v)))
		}
	}
	return results
}

// checkGate spoils a parameter: from then on no step changes a cell, and no
// byte of the tensors that live on.
func (n *network) checkGate(t *testing.T, prog device.Program, trained [][]byte) {
	t.Helper()
	good := read(t, prog, n.m, n.weight)
	for _, special := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		bad := slices.Clone(good)
		copy(bad[7*4:], encode(graph.F32, []float64{special}))
		write(t, prog, n.weight, bad)
		want := slices.Clone(trained)
		want[slices.Index(n.cells, n.weight)] = bad
		n.expectNothing(t, prog, fmt.Sprintf("with %v in a parameter", special), want)
	}
	write(t, prog, n.weight, good)
}

// checkOverflow sets the last element of the last momentum so that loss and
// gradients stay finite and one new parameter, or besides its momentum, does
// not: no such step changes a cell, of no parameter, nor counts.
func (n *network) checkOverflow(t *testing.T, prog device.Program, trained [][]byte) {
	t.Helper()
	for _, c := range []struct {
		what    string
		scalars []float64
	}{
		{"whose p overflows", []float64{4, 1, 0}},
		{"whose v overflows", []float64{0.05, 4, 0}},
	} {
		want := slices.Clone(trained)
		m := slices.Index(n.cells, n.momentum)
		want[m] = slices.Clone(want[m])
		copy(want[m][len(want[m])-4:], encode(graph.F32, []float64{0x1p127}))
		want[slices.Index(n.cells, n.scalars)] = encode(graph.F32, c.scalars)
		for i, v := range n.cells {
			write(t, prog, v, want[i])
		}
		n.expectNothing(t, prog, c.what, want)
	}
	for i, v := range n.cells {
		write(t, prog, v, trained[i])
	}
}

// expectNothing runs training steps that may change no cell, of which want is
// what they hold, and no byte of the tensors that live on.
func (n *network) expectNothing(t *testing.T, prog device.Program, what string, want [][]byte) {
	t.Helper()
	before := read(t, prog, n.m, n.view)
	run(t, prog, trainEntry, 2)
	after := read(t, prog, n.m, n.view)
	expectSame(t, "a cell after steps "+what, n.read(t, prog, n.cells...), want)
	lasting := guard
	for v, tensor := range n.m.Tensors[:n.view] {
		if v > 0 && tensor.Role != graph.Temp {
			lasting = max(lasting, n.m.Offset[v]+plan.Stride(tensor)*max(tensor.Slots, 1))
		}
	}
	expectUntouched(t, n.m, before[:lasting], after[:lasting], nil)
	end := n.m.Arena - guard
	expectSame(t, "the guard behind the arena", [][]byte{after[end:]}, [][]byte{before[end:]})
}

// checkTwin trains step by step, with evaluations in between, on a device that
// must give the same bits, and evaluates the same pictures from the ring.
func (n *network) checkTwin(t *testing.T, dev device.Device, trained, logits [][]byte) {
	t.Helper()
	about := "on " + dev.String() + ", step by step: "
	prog := n.load(t, dev)
	for range steps {
		run(t, prog, trainEntry, 1)
		n.feed(t, prog)
		run(t, prog, feedEntry, 1)
		run(t, prog, evalEntry, 1)
	}
	expectSame(t, about+"cells", n.read(t, prog, n.cells...), trained)
	expectSame(t, about+"logits", n.read(t, prog, n.logits), logits)
	n.feed(t, prog)
	run(t, prog, feedEntry, 1)
	expectSame(t, about+"logits of fed pictures", n.read(t, prog, n.fed), logits)
}

// feed fills the next slot with the pictures that a step on the resident ones
// would gather.
func (n *network) feed(t *testing.T, prog device.Program) {
	t.Helper()
	slot, err := prog.Feed(n.pictures)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float64{}
	for v, x := range n.initial() {
		values[n.m.Tensors[v].Name] = x
	}
	// That of the step behind the last.
	const cursor, size = steps * batch, height * width * 3
	for i := range batch {
		from := int(values["order"][cursor+i]) * size
		copy(slot[i*size:], encode(graph.U8, values["data"][from:from+size]))
	}
}
