package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// typed lists the operations of an entry with the types of what they read and make.
func typed(m *plan.Module) string {
	var all []string
	types := func(values []graph.Value) string {
		var names []string
		for _, v := range values {
			name := "-"
			if v != 0 {
				name = m.Tensors[v].Type.String()
			}
			names = append(names, name)
		}
		return strings.Join(names, ",")
	}
	for _, n := range m.Entries[0].Nodes {
		all = append(all, fmt.Sprintf("%s(%s)→%s", plan.OpName(n.Op), types(n.In), types(n.Out)))
	}
	return strings.Join(all, " ")
}

// TestCast lists what half precision makes of small graphs: where casts stand, and
// that an operation stores f32 by itself where it can.
func TestCast(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(g *graph.Graph)
		want  string
	}{
		{"a product that the host reads", func(g *graph.Graph) {
			g.Return(g.Add("y", graph.MatMul{}, g.Input("a", graph.F32, 2, 3), g.Input("b", graph.F32, 3, 4), g.Input("bias", graph.F32, 4))[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 MatMul(f16,f16,f32)→f32"},
		{"one that is read through a view and an activation", func(g *graph.Graph) {
			y := g.Add("y", graph.MatMul{}, g.Input("a", graph.F32, 2, 3), g.Input("b", graph.F32, 3, 4))[0]
			g.Return(g.Add("act", graph.Act{}, g.Add("view", graph.Reshape{Shape: []int{8}}, y)[0])[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 MatMul(f16,f16)→f32 Act(f32)→f32"},
		{"one that only products read", func(g *graph.Graph) {
			a := g.Input("a", graph.F32, 2, 2)
			y := g.Add("y", graph.MatMul{}, a, a)[0]
			g.Return(g.Add("z", graph.MatMul{}, y, a)[0])
		}, "Cast(f32)→f16 MatMul(f16,f16)→f16 MatMul(f16,f16)→f32"},
		{"sums of 16 bits that the host and others read", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			y := g.Add("y", graph.Conv{Stride: 1}, x, w)[0]
			z := g.Add("z", graph.Conv{Stride: 1}, y, w)[0]
			g.Return(y, g.Add("view", graph.Reshape{Shape: []int{32}}, z)[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv(f16,f16)→f16 Conv(f16,f16)→f16 Cast(f16)→f32 Cast(f16)→f32"},
		{"a sum of both types", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			g.Return(g.Add("sum", graph.Add{}, x, g.Add("y", graph.Conv{Stride: 1}, x, w)[0])[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv(f16,f16)→f16 Add(f16,f16)→f16 Cast(f16)→f32"},
		{"a sum over channels as it comes", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			y := g.Add("y", graph.Conv{Stride: 1}, x, w)[0]
			g.Return(g.Add("sum", graph.ChannelSum{}, y)[0], g.Add("other", graph.ChannelSum{}, x)[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv(f16,f16)→f16 ChannelSum(f16)→f32 ChannelSum(f32)→f32"},
		{"operations outside the table", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			y := g.Add("y", graph.Conv{Stride: 1}, x, w)[0]
			g.Return(g.Add("gate", graph.Gate{}, y, x)[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv(f16,f16)→f16 Cast(f16)→f32 Gate(f32,f32)→i32"},
		{"pictures", func(g *graph.Graph) {
			x := g.Add("x", graph.Normalize{Mean: []float64{0}, Std: []float64{1}}, g.Input("bytes", graph.U8, 1, 4, 4, 1))[0]
			y := g.Add("y", graph.Conv{Stride: 1}, x, g.Input("w", graph.F32, 2, 1, 1, 1))[0]
			g.Return(g.Add("pool", graph.MaxPool{Kernel: 2, Stride: 2}, g.Add("act", graph.Act{}, y)[0])[0])
		}, "Cast(f32)→f16 Normalize(u8)→f16 Conv+Act+MaxPool(f16,f16)→f16,- Cast(f16)→f32"},
		{"the second half of a batch", func(g *graph.Graph) {
			order := g.Add("tail", graph.Tail{From: 2}, g.Input("order", graph.I32, 4))[0]
			x := g.Add("gather", graph.Gather{Batch: 2}, order, g.State("cursor", graph.I64, 1), g.Input("samples", graph.F32, 4, 3))[0]
			g.Return(g.Add("y", graph.MatMul{}, x, g.Input("w", graph.F32, 3, 3))[0])
		}, "Cast(f32)→f16 Gather(i32,i64,f32)→f32 Cast(f32)→f16 MatMul(f16,f16)→f32"},
		{"the end of what holds 16 bits, through a view", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			flat := g.Add("flat", graph.Reshape{Shape: []int{32}}, g.Add("y", graph.Conv{Stride: 1}, x, w)[0])[0]
			g.Return(g.Add("gate", graph.Gate{}, g.Add("tail", graph.Tail{From: 3}, flat)[0])[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv(f16,f16)→f16 Cast(f16)→f32 Gate(f32)→i32"},
		{"batch norm in training", func(g *graph.Graph) {
			x, w := g.Input("x", graph.F32, 1, 4, 4, 2), g.Input("w", graph.F32, 2, 1, 1, 2)
			y := g.Add("y", graph.Conv{Stride: 1}, x, w)[0]
			b := g.Add("bn", graph.BatchNorm{}, y, g.Input("scale", graph.F32, 2), g.Input("shift", graph.F32, 2))
			g.Return(b[1], b[2], g.Add("z", graph.ConvBackFilter{Conv: graph.Conv{Stride: 1}, R: 1, S: 1}, b[0], y)[0])
		}, "Cast(f32)→f16 Cast(f32)→f16 Conv+Moments(f16,f16)→f16,f32,f32 BatchNorm(f16,f32,f32,f32,f32)→f16 ConvBackFilter(f16,f16)→f32"},
	} {
		g := graph.New()
		c.build(g)
		m, err := plan.CompileIn(graph.F16, g, everything)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := typed(m); got != c.want {
			t.Errorf("%s:\n %s, want\n %s", c.name, got, c.want)
		}
		for _, v := range m.Entries[0].Results {
			if m.Tensors[v].Type.Float() && m.Tensors[v].Type != graph.F32 {
				t.Errorf("%s: result is %s", c.name, m.Tensors[v])
			}
		}
		simulate(t, m)
	}
}
