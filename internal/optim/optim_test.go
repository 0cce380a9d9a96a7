package optim

import (
	"slices"
	"testing"

	"imgcls/internal/graph"
)

// A parameter without a gradient is frozen: the update leaves it out.
func TestUpdate(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 4, 3)
	param := func(name string, shape ...int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: shape, Role: graph.Param})
	}
	frozen, learnt := param("frozen", 3, 3), param("learnt", 3, 2)
	y := g.Add("fc1", graph.MatMul{}, x, frozen)[0]
	y = g.Add("fc2", graph.MatMul{}, y, learnt)[0]
	grads := g.Backward([]graph.Value{y}, []graph.Value{g.Input("dy", graph.F32, 4, 2)})
	delete(grads, frozen)
	o := SGD{LR: 0.1, Momentum: 0.5, WeightDecay: 0.25, Nesterov: true}
	gate := g.Add("gate", graph.Gate{}, grads[learnt])[0]
	o.Update(g, gate, g.State("scalars", graph.F32, o.Columns()), 0, grads)
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	nodes := g.Entries[0].Nodes
	node := nodes[len(nodes)-1]
	op, ok := node.Op.(graph.SGD)
	if !ok || !op.Nesterov || !slices.Equal(node.Set, []graph.Value{learnt, g.Named("momentum.learnt")}) {
		t.Errorf("%T %+v sets %v", node.Op, node.Op, node.Set)
	}
	table, rows := o.Schedule()
	if rows != 1 || len(table) != o.Columns() || table[op.LR] != 0.1 || table[op.Momentum] != 0.5 || table[op.Decay] != 0.25 {
		t.Errorf("schedule %v in %d rows, columns %+v", table, rows, op)
	}
}
