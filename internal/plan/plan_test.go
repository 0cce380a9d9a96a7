package plan_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

func everything(graph.Node, []graph.Tensor) bool { return true }

func compile(t *testing.T, g *graph.Graph) *plan.Module {
	t.Helper()
	m, err := plan.Compile(g, everything)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// names lists the nodes of an entry.
func names(e plan.Entry) string {
	var all []string
	for _, n := range e.Nodes {
		all = append(all, n.Name)
	}
	return strings.Join(all, " ")
}

// cells declares what a step needs: an open gate, and a parameter with its
// gradient and momentum.
func cells(g *graph.Graph) (gate, scalars, w, dw, v graph.Value) {
	w = g.Lasting(graph.Tensor{Name: "w", Shape: []int{6}, Role: graph.Param})
	dw, v = g.Input("dw", graph.F32, 6), g.State("v", graph.F32, 6)
	return g.Input("gate", graph.I32, 1), g.Input("scalars", graph.F32, 3), w, dw, v
}

// step adds the node that sets w and v.
func step(g *graph.Graph, name string) {
	gate, scalars, w, dw, v := cells(g)
	g.AddSet(name, graph.SGD{Momentum: 1, Decay: 2}, []graph.Value{w, v}, gate, scalars, w, dw, v)
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(g *graph.Graph)
		want  string // the names of the nodes, or the error
	}{
		{"a reader listed behind the setter", func(g *graph.Graph) {
			_, _, w, _, _ := cells(g)
			step(g, "sgd")
			g.Return(g.Add("reader", graph.Act{}, w)...)
		}, "reader sgd"},
		{"what the reader needs goes before it", func(g *graph.Graph) {
			_, _, w, dw, _ := cells(g)
			step(g, "sgd")
			x := g.Add("first", graph.Act{}, dw)[0]
			g.Return(g.Add("reader", graph.Add{}, x, w)...)
		}, "first reader sgd"},
		{"a reader of a view", func(g *graph.Graph) {
			_, _, w, _, _ := cells(g)
			view := g.Add("view", graph.Reshape{Shape: []int{2, 3}}, w)[0]
			step(g, "sgd")
			g.Return(g.Add("reader", graph.Act{}, view)...)
		}, "reader sgd"},
		{"otherwise as listed", func(g *graph.Graph) {
			_, _, w, dw, _ := cells(g)
			g.Return(g.Add("b", graph.Act{}, w)...)
			g.Return(g.Add("a", graph.Act{}, dw)...)
			step(g, "sgd")
		}, "b a sgd"},
		{"a cell that its own setter makes wait", func(g *graph.Graph) {
			gate, scalars, w, _, v := cells(g)
			step(g, "sgd")
			dw := g.Add("gradient", graph.Act{}, w)[0]
			u := g.Lasting(graph.Tensor{Name: "u", Shape: []int{6}, Role: graph.Param})
			g.AddSet("other", graph.SGD{Momentum: 1, Decay: 2}, []graph.Value{u}, gate, scalars, u, dw, v)
		}, "gradient other sgd"},
		{"a circle", func(g *graph.Graph) {
			gate, scalars, w, dw, v := cells(g)
			u := g.Lasting(graph.Tensor{Name: "u", Shape: []int{6}, Role: graph.Param})
			g.AddSet("one", graph.SGD{}, []graph.Value{w}, gate, scalars, w, u, v)
			g.AddSet("two", graph.SGD{}, []graph.Value{u}, gate, scalars, u, w, dw)
		}, "main: one waits for itself"},
		{"a reader that follows from the setter", func(g *graph.Graph) {
			gate, scalars, w, dw, v := cells(g)
			applied := g.AddSet("sgd", graph.SGD{Momentum: 1, Decay: 2}, []graph.Value{w, v}, gate, scalars, w, dw, v)[0]
			u := g.State("u", graph.F32, 6)
			g.AddSet("average", graph.Average{}, []graph.Value{u}, applied, u, w)
			g.Return(g.Add("reader", graph.Act{}, w)...)
		}, "reader sgd average"},
		{"two setters", func(g *graph.Graph) {
			step(g, "one")
			step(g, "two")
		}, "main: one and two set the same cell"},
		{"dead nodes", func(g *graph.Graph) {
			_, _, w, dw, _ := cells(g)
			x := g.Add("read by nobody", graph.Act{}, dw)[0]
			g.Add("nor this", graph.Act{}, x)
			g.Return(g.Add("kept", graph.Act{}, w)...)
		}, "kept"},
	} {
		g := graph.New()
		c.build(g)
		m, err := plan.Compile(g, everything)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = names(m.Entries[0])
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// An error of the graph is the plan's, and a missing kernel is named.
func TestCompileErrors(t *testing.T) {
	g := graph.New()
	g.Input("x", graph.F32, 0)
	if _, err := plan.Compile(g, everything); err == nil || err != g.Err() {
		t.Errorf("%v, want the graph's %v", err, g.Err())
	}
	g = graph.New()
	g.Begin("eval")
	g.Return(g.Add("relu1", graph.Act{}, g.Input("x", graph.F32, 3))...)
	_, err := plan.Compile(g, func(graph.Node, []graph.Tensor) bool { return false })
	if want := "eval: relu1: the device has no kernel for Act"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// An output that nobody reads has no value and no memory.
func TestUnreadOutput(t *testing.T) {
	g := graph.New()
	out := g.Add("pool", graph.MaxPool{Kernel: 2, Stride: 2}, g.Input("x", graph.F32, 1, 4, 4, 1))
	g.Return(out[0])
	m := compile(t, g)
	if got := m.Entries[0].Nodes[0].Out; !slices.Equal(got, []graph.Value{out[0], 0}) {
		t.Errorf("outputs %v, want %v", got, []graph.Value{out[0], 0})
	}
	if m.Offset[out[1]] != -1 || m.Arena != 2*plan.Align {
		t.Errorf("offset %d in an arena of %d bytes", m.Offset[out[1]], m.Arena)
	}
}

// A view of a view lies where the tensor lies, and keeps it alive.
func TestViews(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 2, 3)
	y := g.Add("y", graph.Act{}, x)[0]
	flat := g.Add("flat", graph.Reshape{Shape: []int{6}}, y)[0]
	back := g.Add("back", graph.Reshape{Shape: []int{3, 2}}, flat)[0]
	whole := g.Add("whole", graph.Reshape{Shape: []int{6}}, x)[0]
	other := g.Add("other", graph.Act{}, whole)[0]
	g.Return(g.Add("sum", graph.Add{}, g.Add("late", graph.Act{}, flat)[0], other)[0], back)
	m := compile(t, g)
	if m.Root[flat] != y || m.Root[back] != y || m.Root[whole] != x || m.Root[y] != y {
		t.Errorf("roots %v", m.Root)
	}
	if m.Offset[flat] != m.Offset[y] || m.Offset[back] != m.Offset[y] || m.Offset[whole] != m.Offset[x] {
		t.Errorf("offsets %v", m.Offset)
	}
	if got := names(m.Entries[0]); got != "y other late sum" {
		t.Errorf("nodes %s: views are not run", got)
	}
	simulate(t, m)
}

// A tail is the end of its tensor, and a tail of a tail the end of that.
func TestTails(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.I32, 10)
	tail := g.Add("tail", graph.Tail{From: 3}, x)[0]
	last := g.Add("last", graph.Tail{From: 4}, tail)[0]
	g.Return(g.Add("gather", graph.Gather{Batch: 2}, last, g.Input("cursor", graph.I64, 1), g.Input("data", graph.U8, 5))...)
	m := compile(t, g)
	if m.Root[tail] != x || m.Root[last] != x || m.Offset[tail] != m.Offset[x]+12 || m.Offset[last] != m.Offset[x]+28 {
		t.Errorf("roots %v, offsets %v", m.Root, m.Offset)
	}
	if got := names(m.Entries[0]); got != "gather" {
		t.Errorf("nodes %s: views are not run", got)
	}
}

// Rings of an entry have one length, seen through views as well.
func TestSlots(t *testing.T) {
	ring := func(g *graph.Graph, name string, slots int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: []int{100}, Role: graph.Input, Slots: slots})
	}
	g := graph.New()
	g.Begin("fed")
	a := ring(g, "a", 3)
	view := g.Add("view", graph.Reshape{Shape: []int{10, 10}}, a)[0]
	g.Return(g.Add("y", graph.Act{}, view)...)
	g.Begin("resident")
	x := g.Input("x", graph.F32, 3)
	g.Return(g.Add("y", graph.Act{}, x)...)
	m := compile(t, g)
	if m.Entries[0].Slots != 3 || m.Entries[1].Slots != 1 {
		t.Errorf("slots %d and %d, want 3 and 1", m.Entries[0].Slots, m.Entries[1].Slots)
	}
	if want := 3 * plan.Stride(m.Tensors[a]); m.Offset[x] != want || plan.Stride(m.Tensors[a]) != 512 {
		t.Errorf("behind the ring at %d, want %d", m.Offset[x], want)
	}
	g = graph.New()
	g.Return(g.Add("sum", graph.Add{}, ring(g, "a", 3), ring(g, "b", 2))...)
	_, err := plan.Compile(g, everything)
	if want := "main: input b has 2 slots, another has 3"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Temporaries of different entries share their room.
func TestEntriesShareRoom(t *testing.T) {
	g := graph.New()
	for _, name := range []string{"a", "b"} {
		g.Begin(name)
		g.Return(g.Add("y", graph.Act{}, g.Input("x", graph.F32, 1000))...)
	}
	m := compile(t, g)
	if want := 2 * 4096; m.Arena != want || m.Entries[0].Bytes != want {
		t.Errorf("arena of %d bytes, entry of %d, want %d", m.Arena, m.Entries[0].Bytes, want)
	}
	if m.Find("b") != 1 || m.Find("c") != -1 {
		t.Error("Find does not find")
	}
}

// A chain needs room for two of its links only.
func TestRoomIsReused(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 64)
	for range 10 {
		x = g.Add("y", graph.Act{}, x)[0]
	}
	g.Return(x)
	if m := compile(t, g); m.Arena != 3*plan.Align {
		t.Errorf("arena of %d bytes, want %d", m.Arena, 3*plan.Align)
	}
}

// TestPlaces plans graphs drawn at random and acts them out.
func TestPlaces(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 300 {
		simulate(t, compile(t, draw(r)))
		if t.Failed() {
			t.Fatalf("seed %d, graph %d", seed, i)
		}
	}
}

// draw makes a graph of two entries with shared inputs and cells, temporaries
// of several sizes, views, outputs that nobody reads, and dead nodes.
func draw(r *rand.Rand) *graph.Graph {
	g := graph.New()
	for _, name := range []string{"a", "b"} {
		g.Begin(name)
		var pool []graph.Value
		for i, n := range []int{1, 60, 64, 65, 200} {
			pool = append(pool, g.Input(string(rune('p'+i)), graph.F32, 1, n, 6, 1))
		}
		if r.IntN(2) == 0 {
			step(g, "sgd")
		}
		pick := func() graph.Value { return pool[r.IntN(len(pool))] }
		for range 2 + r.IntN(25) {
			x := pick()
			n := g.Tensor(x).Len()
			var out []graph.Value
			switch r.IntN(4) {
			case 0:
				out = g.Add("act", graph.Act{}, x)
			case 1:
				y := pick()
				if g.Tensor(y).Dims() != g.Tensor(x).Dims() {
					y = x
				}
				out = g.Add("add", graph.Add{}, x, y)
			case 2:
				out = g.Add("view", graph.Reshape{Shape: []int{1, n / 2, 2, 1}}, x)
			case 3:
				out = g.Add("pool", graph.MaxPool{Kernel: 1, Stride: 1}, x)
				if r.IntN(2) == 0 {
					g.Return(out[1])
				}
				out = out[:1]
			}
			pool = append(pool, out...)
		}
		for range 1 + r.IntN(4) {
			if v := pick(); g.Tensor(v).Role == graph.Temp {
				g.Return(v)
			}
		}
	}
	return g
}

// simulate acts a plan out on an arena that remembers for each unit of
// alignment whose it is. Everything a node reads, and every result at the end,
// has to be there still.
func simulate(t *testing.T, m *plan.Module) {
	t.Helper()
	owner := make([]graph.Value, m.Arena/plan.Align)
	units := func(v graph.Value) []graph.Value {
		r := m.Root[v]
		from := m.Offset[r]
		if from < 0 || from%plan.Align != 0 || from+m.Tensors[v].Bytes() > m.Arena {
			t.Fatalf("%s is at %d in an arena of %d bytes", m.Tensors[v].Name, from, m.Arena)
		}
		return owner[from/plan.Align:][:plan.Stride(m.Tensors[r])/plan.Align*max(m.Tensors[r].Slots, 1)]
	}
	take := func(v graph.Value) {
		for i := range units(v) {
			units(v)[i] = m.Root[v]
		}
	}
	expect := func(v graph.Value, when string) {
		for _, o := range units(v) {
			if o != m.Root[v] {
				t.Errorf("%s: value %d was overwritten by value %d", when, v, o)
				return
			}
		}
	}
	var lasting []graph.Value
	for v, x := range m.Tensors {
		if v > 0 && x.Role != graph.Temp {
			lasting = append(lasting, graph.Value(v))
			take(graph.Value(v))
		}
	}
	for _, e := range m.Entries {
		for _, n := range e.Nodes {
			for _, v := range n.Out {
				if v != 0 {
					take(v)
				}
			}
			for _, v := range n.In {
				expect(v, "read by "+n.Name)
			}
			for _, v := range n.Out {
				if v != 0 {
					expect(v, "output of "+n.Name)
				}
			}
		}
		for _, v := range append(slices.Clone(e.Results), lasting...) {
			expect(v, "after "+e.Name)
		}
	}
}

func TestCompileRefusesFaultyGraphs(t *testing.T) {
	for _, c := range []struct {
		want  string
		build func(g *graph.Graph)
	}{
		{"second: other reads", func(g *graph.Graph) {
			g.Begin("first")
			y := g.Add("act", graph.Act{}, g.Input("x", graph.F32, 4))[0]
			g.Return(y)
			g.Begin("second")
			g.Return(g.Add("other", graph.Act{}, y)[0])
		}},
		{"sets x, which is no cell", func(g *graph.Graph) {
			x := g.Input("x", graph.F32, 4)
			g.AddSet("act", graph.Act{}, []graph.Value{x}, x)
		}},
		{"sets s, which is no cell among its inputs", func(g *graph.Graph) {
			g.AddSet("act", graph.Act{}, []graph.Value{g.State("s", graph.F32, 4)}, g.Input("x", graph.F32, 4))
		}},
	} {
		g := graph.New()
		c.build(g)
		_, err := plan.Compile(g, everything)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
