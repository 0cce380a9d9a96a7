package plan_test

import (
	"slices"
	"strings"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// opNames lists the operations of an entry.
func opNames(e plan.Entry) string {
	var all []string
	for _, n := range e.Nodes {
		all = append(all, plan.OpName(n.Op))
	}
	return strings.Join(all, " ")
}

// TestFusionKeeps lists what may not be fused, as somebody else reads what would
// not be stored, or the device cannot; that results stay the same is up to
// devicetest.
func TestFusionKeeps(t *testing.T) {
	relu, pool := graph.Act{Kind: graph.ReLU}, graph.MaxPool{Kernel: 2, Stride: 2}
	conv := func(g *graph.Graph) graph.Value {
		x, w := g.Input("x", graph.F32, 1, 6, 6, 3), g.Input("w", graph.F32, 4, 3, 3, 3)
		return g.Add("conv", graph.Conv{Stride: 1}, x, w)[0]
	}
	gelu := graph.Act{Kind: graph.GELU}
	norm := func(g *graph.Graph) graph.Value {
		in := []graph.Value{conv(g)}
		for _, name := range []string{"weight", "bias", "mean", "var"} {
			in = append(in, g.Input(name, graph.F32, 4))
		}
		return g.Add("norm", graph.BatchNorm{Eps: 1e-5, Running: true}, in...)[0]
	}
	for _, c := range []struct {
		name    string
		refuses string // what the device lacks
		build   func(g *graph.Graph)
		want    string
	}{
		{"all of it", "", func(g *graph.Graph) {
			g.Return(g.Add("pool", pool, g.Add("act", relu, conv(g))[0])[0])
		}, "Conv+Act+MaxPool"},
		{"sums that the host reads", "", func(g *graph.Graph) {
			y := conv(g)
			g.Return(y, g.Add("act", relu, y)[0])
		}, "Conv Act"},
		{"sums that are read through a view", "", func(g *graph.Graph) {
			y := conv(g)
			g.Return(g.Add("act", relu, y)[0], g.Add("other", graph.Act{}, g.Add("view", graph.Reshape{Shape: []int{8, 8}}, y)[0])[0])
		}, "Conv Act Act"},
		{"an activation that is read besides", "", func(g *graph.Graph) {
			y := g.Add("act", relu, conv(g))[0]
			g.Return(g.Add("pool", pool, y)[0], g.Add("sum", graph.Add{}, y, y)[0])
		}, "Conv+Act MaxPool Add"},
		{"two activations", "", func(g *graph.Graph) {
			g.Return(g.Add("again", relu, g.Add("act", relu, conv(g))[0])[0])
		}, "Conv+Act Act"},
		{"an activation whose gradient asks for the sums", "", func(g *graph.Graph) {
			y := conv(g)
			g.Return(g.Add("act", gelu, y)[0], g.Add("back", graph.ActBack{Act: gelu}, y, y)[0])
		}, "Conv Act ActBack"},
		{"the same without a gradient", "", func(g *graph.Graph) {
			g.Return(g.Add("act", gelu, conv(g))[0])
		}, "Conv+Act"},
		{"an activation whose gradient asks for what a norm gives", "", func(g *graph.Graph) {
			y := norm(g)
			g.Return(g.Add("act", gelu, y)[0], g.Add("back", graph.ActBack{Act: gelu}, y, y)[0])
		}, "Conv+BatchNorm Act ActBack"},
		{"that without a gradient", "", func(g *graph.Graph) {
			g.Return(g.Add("act", gelu, norm(g))[0])
		}, "Conv+BatchNorm+Act"},
		{"what the device lacks", "Conv+Act+MaxPool", func(g *graph.Graph) {
			g.Return(g.Add("pool", pool, g.Add("act", relu, conv(g))[0])[0])
		}, "Conv+Act MaxPool"},
		{"nothing that the device has", "+", func(g *graph.Graph) {
			g.Return(g.Add("pool", pool, g.Add("act", relu, conv(g))[0])[0])
		}, "Conv Act MaxPool"},
		{"a gradient through both", "", func(g *graph.Graph) {
			y := g.Input("y", graph.F32, 1, 4, 4, 1)
			p := g.Add("pool", pool, y)
			d := g.Add("pool", graph.MaxPoolBack{MaxPool: pool, H: 4, W: 4}, p[1], p[0])[0]
			g.Return(g.Add("act", graph.ActBack{Act: relu}, y, d)[0])
		}, "MaxPool ActBack MaxPoolBack"},
		{"a gradient whose maxima nobody reads", "", func(g *graph.Graph) {
			y, d := g.Input("y", graph.F32, 1, 4, 4, 1), g.Input("d", graph.F32, 1, 2, 2, 1)
			p := g.Add("pool", pool, y)
			u := g.Add("pool", graph.MaxPoolBack{MaxPool: pool, H: 4, W: 4}, p[1], d)[0]
			g.Return(g.Add("act", graph.ActBack{Act: relu}, y, u)[0])
		}, "MaxPool MaxPoolBack ActBack"},
		{"the gradient of another pooling", "", func(g *graph.Graph) {
			y, z := g.Input("y", graph.F32, 1, 4, 4, 1), g.Input("z", graph.F32, 1, 4, 4, 1)
			p := g.Add("pool", pool, y)
			d := g.Add("pool", graph.MaxPoolBack{MaxPool: pool, H: 4, W: 4}, p[1], p[0])[0]
			g.Return(g.Add("act", graph.ActBack{Act: relu}, z, d)[0])
		}, "MaxPool MaxPoolBack ActBack"},
		{"an unpooled gradient that is read besides", "", func(g *graph.Graph) {
			y := g.Input("y", graph.F32, 1, 4, 4, 1)
			p := g.Add("pool", pool, y)
			d := g.Add("pool", graph.MaxPoolBack{MaxPool: pool, H: 4, W: 4}, p[1], p[0])[0]
			g.Return(d, g.Add("act", graph.ActBack{Act: relu}, y, d)[0])
		}, "MaxPool MaxPoolBack ActBack"},
	} {
		g := graph.New()
		c.build(g)
		tensors := len(g.Tensors)
		m, err := plan.Compile(g, func(n graph.Node, _ []graph.Tensor) bool {
			return c.refuses == "" || !strings.Contains(plan.OpName(n.Op), c.refuses)
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := opNames(m.Entries[0]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		// A graph that grows must not write into the table of its module.
		want := slices.Clone(m.Tensors)
		g.State("later", graph.I64, 1)
		if len(g.Tensors) != tensors+1 || !slices.EqualFunc(m.Tensors, want, func(a, b graph.Tensor) bool { return a.String() == b.String() }) {
			t.Errorf("%s: graph and module share their tensors", c.name)
		}
		simulate(t, m)
	}
}

// TestGateWithoutGradients looks at what is left on a gate.
func TestGateWithoutGradients(t *testing.T) {
	for _, c := range []struct {
		name  string
		other func(g *graph.Graph, gate graph.Value) // who else asks the gate
		want  int                                    // inputs
	}{
		{"SGD alone", func(*graph.Graph, graph.Value) {}, 1},
		{"the host", func(g *graph.Graph, gate graph.Value) { g.Return(gate) }, 2},
		{"another SGD", func(g *graph.Graph, gate graph.Value) {
			u := g.Lasting(graph.Tensor{Name: "u", Shape: []int{6}, Role: graph.Param})
			g.AddSet("other", graph.SGD{}, []graph.Value{u}, gate, g.Named("scalars"), u, g.Named("x"), g.Named("x"))
		}, 2},
		{"another node", func(g *graph.Graph, gate graph.Value) {
			ring := g.State("ring", graph.F32, 4)
			g.AddSet("record", graph.Record{}, []graph.Value{ring}, gate, g.State("step", graph.I64, 1), g.Named("loss"), ring)
		}, 2},
	} {
		g := graph.New()
		_, scalars, w, _, v := cells(g)
		g.Input("loss", graph.F32, 1)
		dw := g.Add("gradient", graph.Act{}, g.Input("x", graph.F32, 6))[0]
		gate := g.Add("gate", graph.Gate{}, g.Named("loss"), dw)[0]
		g.AddSet("sgd", graph.SGD{Momentum: 1, Decay: 2}, []graph.Value{w, v}, gate, scalars, w, dw, v)
		c.other(g, gate)
		m := compile(t, g)
		i := slices.IndexFunc(m.Entries[0].Nodes, func(n graph.Node) bool { return n.Name == "gate" })
		if got := m.Entries[0].Nodes[i].In; len(got) != c.want || got[0] != g.Named("loss") {
			t.Errorf("%s asks: the gate reads %v, want %d inputs", c.name, got, c.want)
		}
	}
}
