package devicetest

import (
	"bytes"
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// programChecks try what a Program promises beyond its kernels.
var programChecks = []struct {
	name  string
	check func(t *testing.T, dev device.Device)
}{
	{"write and read", checkMemory},
	{"tail", checkTail},
	{"wrong calls", checkWrongCalls},
	{"ring", checkRing},
	{"ring behind a view", checkRingView},
	{"two programs", checkTwoPrograms},
	{"read before set", checkReadBeforeSet},
}

// build plans a graph and loads it.
func build(t *testing.T, dev device.Device, g *graph.Graph) (*plan.Module, device.Program) {
	t.Helper()
	m, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	return m, compile(t, dev, m)
}

// checkMemory writes every type and reads it back, before and after a run, and
// through a view.
func checkMemory(t *testing.T, dev device.Device) {
	g := graph.New()
	types := []graph.DType{graph.F32, graph.U8, graph.I32, graph.I64}
	var cells, inputs []graph.Value
	for _, typ := range types {
		cells = append(cells, g.State("state "+typ.String(), typ, 3, 5))
		inputs = append(inputs, g.Input("input "+typ.String(), typ, 7))
	}
	view := g.Add("view", graph.Reshape{Shape: []int{5, 3}}, cells[0])[0]
	y := g.Add("y", graph.Act{}, view)[0]
	g.Return(y)
	m, prog := build(t, dev, g)
	r := generator("memory")
	contents := map[graph.Value][]byte{}
	for _, v := range append(cells, inputs...) {
		b := make([]byte, m.Tensors[v].Bytes())
		for i := range b {
			b[i] = byte(r.IntN(127)) // no exponent of all ones: NaN may change its bits
		}
		contents[v] = b
		write(t, prog, v, b)
		// The device has its own copy now.
		contents[v] = slices.Clone(b)
		clear(b)
	}
	for range 2 {
		for v, want := range contents {
			if got := read(t, prog, m, v); !bytes.Equal(got, want) {
				t.Errorf("%s reads otherwise than written", m.Tensors[v].Name)
			}
		}
		if got := read(t, prog, m, view); !bytes.Equal(got, contents[cells[0]]) {
			t.Error("a view reads otherwise than its tensor")
		}
		run(t, prog, 0, 1)
		if got := read(t, prog, m, y); !bytes.Equal(got, contents[cells[0]]) {
			t.Error("the result, max(x, 0) of numbers above 0, is not x")
		}
	}
}

// checkTail reads the end of a vector, at a place that is aligned to its elements alone,
// and gathers by it.
func checkTail(t *testing.T, dev device.Device) {
	g := graph.New()
	order, cursor, x := g.Input("order", graph.I32, 9), g.Input("cursor", graph.I64, 1), g.Input("x", graph.I64, 5)
	tail := g.Add("tail", graph.Tail{From: 3}, order)[0]
	taken := g.Add("gather", graph.Gather{Batch: 4}, tail, cursor, x)
	g.Return(taken...)
	m, prog := build(t, dev, g)
	samples := []int32{4, 4, 4, 3, 0, 2, 1, 3, 2}
	write(t, prog, order, device.Bytes(samples))
	write(t, prog, cursor, device.Bytes([]int64{1}))
	write(t, prog, x, device.Bytes([]int64{10, 11, 12, 13, 14}))
	run(t, prog, 0, 1)
	if got := read(t, prog, m, taken[0]); !bytes.Equal(got, device.Bytes([]int64{10, 12, 11, 13})) {
		t.Errorf("gathered %v", device.View[int64](got))
	}
	if got := read(t, prog, m, tail); !bytes.Equal(got, device.Bytes(samples[3:])) {
		t.Errorf("the tail holds %v", device.View[int32](got))
	}
}

// checkWrongCalls makes calls that have to fail and leave everything as it was.
func checkWrongCalls(t *testing.T, dev device.Device) {
	g := graph.New()
	x := g.Input("x", graph.F32, 3)
	ring := g.Lasting(graph.Tensor{Name: "ring", Type: graph.F32, Shape: []int{3}, Role: graph.Input, Slots: 2})
	y := g.Add("y", graph.Add{}, x, ring)[0]
	g.Return(y)
	_, prog := build(t, dev, g)
	want := encode(graph.F32, []float64{1, 2, 3})
	write(t, prog, x, want)
	b := make([]byte, 16)
	for _, c := range []struct {
		name string
		err  error
	}{
		{"Write of too few bytes", prog.Write(x, b[:11])},
		{"Write of too many bytes", prog.Write(x, b[:13])},
		{"Write of nothing", prog.Write(x, nil)},
		{"Write to no tensor", prog.Write(0, nil)},
		{"Write to a tensor that is not there", prog.Write(99, b[:12])},
		{"Write to a value below zero", prog.Write(-1, b[:12])},
		{"Write to a ring", prog.Write(ring, b[:12])},
		{"Read of too few bytes", prog.Read(x, b[:11])},
		{"Read of too many bytes", prog.Read(x, b[:13])},
		{"Read of no tensor", prog.Read(0, nil)},
		{"Read of a tensor that is not there", prog.Read(99, b[:12])},
		{"Read of a ring", prog.Read(ring, b[:12])},
		{"Feed of a resident input", feedError(prog, x)},
		{"Feed of no tensor", feedError(prog, 0)},
		{"Feed of a tensor that is not there", feedError(prog, 99)},
		{"Run of an entry below zero", prog.Run(-1, 1)},
		{"Run of an entry that is not there", prog.Run(1, 1)},
		{"Run less than no times", prog.Run(0, -1)},
		{"Run without a slot fed", prog.Run(0, 1)},
	} {
		if c.err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
	if err := prog.Run(0, 0); err != nil {
		t.Errorf("Run no times: %v", err)
	}
	if err := prog.Sync(); err != nil {
		t.Errorf("Sync after refused calls: %v", err)
	}
	got := make([]byte, 12)
	if err := prog.Read(x, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after refused calls x is % x (%v), want % x", got, err, want)
	}
}

func feedError(p device.Program, v graph.Value) error {
	_, err := p.Feed(v)
	return err
}

// ringLength is the number of slots of the rings below.
const ringLength = 3

// A recorder is an entry that adds two rings of one number each and records the
// sum, so that every step's slots show.
type recorder struct {
	m         *plan.Module
	prog      device.Program
	a, b, log graph.Value
	next      int // the next number to feed
}

func newRecorder(t *testing.T, dev device.Device) *recorder {
	g := graph.New()
	ring := func(name string) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Type: graph.F32, Shape: []int{1}, Role: graph.Input, Slots: ringLength})
	}
	r := &recorder{a: ring("a"), b: ring("b"), log: g.State("log", graph.F32, 32)}
	sum := g.Add("sum", graph.Add{}, r.a, r.b)[0]
	record(g, sum, r.log)
	r.m, r.prog = build(t, dev, g)
	return r
}

// record ends a step that writes one number to log.
func record(g *graph.Graph, number, log graph.Value) {
	open := g.Add("gate", graph.Gate{})[0]
	step, cursor := g.State("step", graph.I64, 1), g.State("cursor", graph.I64, 1)
	scalars, table := g.State("scalars", graph.F32, 1), g.Input("table", graph.F32, 1, 1)
	g.AddSet("record", graph.Record{}, []graph.Value{log}, open, step, number, log)
	g.AddSet("tick", graph.Tick{Batch: 1}, []graph.Value{step, cursor, scalars}, open, step, cursor, scalars, table)
}

// feed feeds the next number n to a and 100·n to b.
func (r *recorder) feed(t *testing.T) {
	t.Helper()
	r.next++
	for v, n := range map[graph.Value]float64{r.a: float64(r.next), r.b: 100 * float64(r.next)} {
		slot, err := r.prog.Feed(v)
		if err != nil {
			t.Fatal(err)
		}
		if len(slot) != 4 {
			t.Fatalf("a slot has %d bytes, want 4", len(slot))
		}
		copy(slot, encode(graph.F32, []float64{n}))
	}
}

// checkRing feeds slots and runs steps in several rhythms: the n-th step reads
// the n-th slot.
func checkRing(t *testing.T, dev device.Device) {
	r := newRecorder(t, dev)
	for _, n := range []int{1, 3, 2, 1, 3, 3, 2} {
		for range n {
			r.feed(t)
		}
		if n == ringLength && feedError(r.prog, r.a) == nil {
			t.Fatal("Feed hands out a slot that waits for a step")
		}
		if err := r.prog.Run(0, n+1); err == nil {
			t.Fatalf("Run %d times with %d slots fed: no error", n+1, n)
		}
		run(t, r.prog, 0, n)
	}
	// Fed two, run one by one.
	r.feed(t)
	r.feed(t)
	run(t, r.prog, 0, 1)
	r.feed(t)
	run(t, r.prog, 0, 1)
	run(t, r.prog, 0, 1)
	if err := r.prog.Sync(); err != nil {
		t.Fatal(err)
	}
	log := decode(graph.F32, read(t, r.prog, r.m, r.log))
	for i, got := range log {
		want := 0.0
		if i < r.next {
			want = 101 * float64(i+1)
		}
		if got != want {
			t.Errorf("step %d recorded %v, want %v", i, got, want)
		}
	}
}

// checkRingView reads a ring through a view of it.
func checkRingView(t *testing.T, dev device.Device) {
	g := graph.New()
	ring := g.Lasting(graph.Tensor{Name: "ring", Type: graph.F32, Shape: []int{1, 1}, Role: graph.Input, Slots: ringLength})
	view := g.Add("view", graph.Reshape{Shape: []int{1}}, ring)[0]
	log := g.State("log", graph.F32, 4)
	record(g, view, log)
	m, prog := build(t, dev, g)
	for i := range ringLength {
		slot, err := prog.Feed(ring)
		if err != nil {
			t.Fatal(err)
		}
		copy(slot, encode(graph.F32, []float64{float64(i + 1)}))
	}
	run(t, prog, 0, ringLength)
	got := decode(graph.F32, read(t, prog, m, log))
	if want := []float64{1, 2, 3, 0}; !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// checkTwoPrograms runs two programs of one device in turn: they share nothing.
func checkTwoPrograms(t *testing.T, dev device.Device) {
	a, b := newRecorder(t, dev), newRecorder(t, dev)
	b.next = 10
	for range 2 {
		a.feed(t)
		b.feed(t)
		run(t, a.prog, 0, 1)
		run(t, b.prog, 0, 1)
	}
	for r, want := range map[*recorder][]float64{a: {101, 202}, b: {1111, 1212}} {
		if got := decode(graph.F32, read(t, r.prog, r.m, r.log))[:2]; !slices.Equal(got, want) {
			t.Errorf("recorded %v, want %v", got, want)
		}
	}
}

// checkReadBeforeSet has nodes that read a parameter listed behind the one that
// sets it: they see what it was before the step, directly and through a view.
func checkReadBeforeSet(t *testing.T, dev device.Device) {
	g := graph.New()
	w := g.Lasting(graph.Tensor{Name: "w", Type: graph.F32, Shape: []int{2}, Role: graph.Param})
	v, scalars := g.State("v", graph.F32, 2), g.Input("scalars", graph.F32, 3)
	dw := g.Input("dw", graph.F32, 2)
	open := g.Add("gate", graph.Gate{}, dw)[0]
	view := g.Add("view", graph.Reshape{Shape: []int{1, 2}}, w)[0]
	g.AddSet("sgd", graph.SGD{LR: 0, Momentum: 1, Decay: 2}, []graph.Value{w, v}, open, scalars, w, dw, v)
	direct := g.Add("direct", graph.Add{}, w, w)[0]
	viewed := g.Add("viewed", graph.Add{}, view, view)[0]
	g.Return(direct, viewed)
	m, prog := build(t, dev, g)
	write(t, prog, w, encode(graph.F32, []float64{8, 4}))
	write(t, prog, dw, encode(graph.F32, []float64{1, 2}))
	write(t, prog, scalars, encode(graph.F32, []float64{1, 0, 0}))
	for _, want := range [][]float64{{8, 4}, {7, 2}, {6, 0}} {
		if got := decode(graph.F32, read(t, prog, m, w)); !slices.Equal(got, want) {
			t.Errorf("w is %v, want %v", got, want)
		}
		run(t, prog, 0, 1)
		for _, y := range []graph.Value{direct, viewed} {
			if got := decode(graph.F32, read(t, prog, m, y)); got[0] != 2*want[0] || got[1] != 2*want[1] {
				t.Errorf("%s read half of %v in the step that found %v", m.Tensors[y].Name, got, want)
			}
		}
	}
}
