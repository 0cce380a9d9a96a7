package optim

import (
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/graph"
)

func tensor(name string, shape ...int) graph.Tensor { return graph.Tensor{Name: name, Shape: shape} }

// A parameter without a gradient is frozen: the update leaves it out. Vectors have
// columns of their own, in which nothing decays.
func TestUpdate(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 4, 3)
	var params []graph.Tensor
	param := func(name string, shape ...int) graph.Value {
		p := graph.Tensor{Name: name, Shape: shape, Role: graph.Param}
		params = append(params, p)
		return g.Lasting(p)
	}
	frozen, learnt, bias := param("frozen", 3, 3), param("learnt", 3, 2), param("bias", 2)
	y := g.Add("fc1", graph.MatMul{}, x, frozen)[0]
	y = g.Add("fc2", graph.MatMul{}, y, learnt, bias)[0]
	grads := g.Backward([]graph.Value{y}, []graph.Value{g.Input("dy", graph.F32, 4, 2)})
	delete(grads, frozen)
	b, err := Bind(SGD{LR: 0.1, Momentum: 0.5, WeightDecay: 0.25, Nesterov: true}, Schedule{}, nil, params, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	rows, columns := b.Size()
	gate := g.Add("gate", graph.Gate{}, grads[learnt])[0]
	b.Update(g, Step{Gate: gate, Scalars: g.State("scalars", graph.F32, columns)}, grads, Proposal{})
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	nodes := g.Entries[0].Nodes
	node := nodes[len(nodes)-1]
	op, ok := node.Op.(graph.SGD)
	want := []graph.Value{learnt, g.Named("momentum.learnt"), bias, g.Named("momentum.bias")}
	if !ok || !op.Nesterov || !slices.Equal(node.Set, want) || !slices.Equal(op.Offset, []int{0, 3}) {
		t.Errorf("%T %+v sets %v", node.Op, node.Op, node.Set)
	}
	if table := b.Table(); rows != 1 || !slices.Equal(table, []float64{0.1, 0.5, 0.25, 0.1, 0.5, 0}) {
		t.Errorf("schedule %v in %d rows", table, rows)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(b) }

func TestBind(t *testing.T) {
	params := []graph.Tensor{tensor("conv.weight", 2, 2), tensor("bn.weight", 2), tensor("bn.bias", 2)}
	for _, c := range []struct {
		name   string
		o      Optimizer
		s      Schedule
		groups []Group
		want   []float64 // the last row
		rows   int
		err    string
	}{
		{name: "no decay", o: SGD{LR: 1}, want: []float64{1, 0, 0}, rows: 1},
		{name: "the first match", o: SGD{LR: 1, WeightDecay: 0.5}, groups: []Group{{"bn.b*", 64, 1, 0}, {"bn*", 2, 0, 0}},
			want: []float64{1, 0, 0.5, 2, 0, 0, 64, 0, 0.5}, rows: 1},
		{name: "nothing left", o: SGD{LR: 1}, groups: []Group{{"*", 1, 1, 0}, {"bn*", 2, 0, 0}}, err: `groups before "bn*" have all that it matches`},
		{name: "nothing of that name", o: SGD{LR: 1}, groups: []Group{{"norm*", 1, 1, 0}}, err: `"norm*" matches no parameter; those that are trained are `},
		{name: "bad pattern", o: SGD{LR: 1}, groups: []Group{{"[", 1, 1, 0}}, err: "syntax error"},
		{name: "warm-up", o: SGD{LR: 1}, s: Schedule{Warmup: 0.5}, want: []float64{1, 0, 0}, rows: 6},
		{name: "by step", o: SGD{LR: 1}, s: Schedule{Kind: "linear", Min: 0.5}, want: []float64{1 - 0.5*29/30, 0, 0}, rows: 30},
		{name: "a group that ends", o: SGD{LR: 1, Momentum: 0.5}, groups: []Group{{"bn*", 4, 0, 0.7}}, want: []float64{1, 0.5, 0, 0, 0.5, 0}, rows: 8},
		{name: "muon and the rest", o: Muon{LR: 0.5, Momentum: 0.6, Rest: SGD{LR: 0.25, Momentum: 0.85, WeightDecay: 2}}, groups: []Group{{"bn.w*", 3, 1, 0}},
			want: []float64{0.25, 0.85, 2, 0.75, 0.85, 2, 0.25, 0.85, 0}, rows: 1},
		{name: "corrections", o: AdamW{LR: 1}, want: []float64{1, 1 / (1 - math.Pow(0.9, 30)), 1 / math.Sqrt(1-math.Pow(0.999, 30))}, rows: 30},
	} {
		b, err := Bind(c.o, c.s, c.groups, params, 3, 10)
		if err != nil || c.err != "" {
			if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
			continue
		}
		rows, columns := b.Size()
		if last := b.Table()[(rows-1)*columns:]; rows != c.rows || !slices.EqualFunc(last, c.want, near) {
			t.Errorf("%s: %d rows, the last %v; want %d, %v", c.name, rows, last, c.rows, c.want)
		}
	}
	if _, err := Bind(SGD{LR: 1}, Schedule{Kind: "cosine"}, nil, params, 100_000, 50_000); err == nil {
		t.Error("a table of 5e9 rows was not refused")
	}
}
