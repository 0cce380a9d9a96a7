package optim

import (
	"fmt"
	"slices"

	"imgcls/internal/graph"
)

// Muon moves the filters of convolutions, parameters of four dimensions, along their
// gradients made nearly orthogonal, as airbench94_muon does: Nesterov's momentum, a
// length that stays √O, and no decay. All others follow Rest. Momenta live in the states
// "momentum.<parameter>".
type Muon struct {
	LR       float64 `json:"lr"`
	Momentum float64 `json:"momentum"`
	Rest     SGD     `json:"rest"`
}

// The iterations of Newton and Schulz, of Jordan's coefficients, after which singular
// values lie roughly between ½ and 3⁄2.
const (
	iterations   = 3
	directionEps = 1e-7
)

var quintic = graph.Quintic{A: 3.4445, B: -4.7750, C: 2.0315}

// Name returns muon.
func (Muon) Name() string { return "muon" }

func (o Muon) String() string {
	return fmt.Sprintf("muon lr %g momentum %g for filters, %s for the rest", o.LR, o.Momentum, o.Rest)
}

// Rate returns the learning rate of filters.
func (o Muon) Rate() float64 { return o.LR }

// At returns o with another learning rate of filters, and that of the rest changed by
// the same factor.
func (o Muon) At(lr float64) Optimizer {
	if o.LR != lr {
		o.LR, o.Rest.LR = lr, o.Rest.LR*(lr/o.LR)
	}
	return o
}

func (o Muon) of(p graph.Tensor) Optimizer {
	if len(p.Shape) == 4 {
		return o
	}
	return o.Rest
}

func (Muon) decay() float64 { return 0 }
func (Muon) columns() int   { return sgdColumns }
func (Muon) settled() int   { return 1 }

func (o Muon) fill(row []float64, _ int, lr, _ float64) {
	row[sgdLR], row[sgdMomentum], row[sgdDecay] = lr, o.Momentum, 0
}

func (o Muon) add(g *graph.Graph, step Step, params []graph.Value, grads map[graph.Value]graph.Value, offset []int) graph.Value {
	return o.Rest.add(g, step, params, grads, offset)
}

// propose adds what filters p become, and returns p and their momentum with the values.
func (o Muon) propose(g *graph.Graph, step Step, p, dp graph.Value, offset int) (cells, values []graph.Value) {
	t := g.Tensor(p)
	v := g.State("momentum."+t.Name, t.Type, t.Shape...)
	op := graph.Direction{Momentum: sgdMomentum + offset, Eps: directionEps, Scaled: step.Scale != 0}
	begun := g.Add(t.Name, op, append(step.inputs()[1:], dp, v)...)
	u := orthogonal(g, t.Name, begun[1])
	moved := g.Add(t.Name, graph.Moved{LR: sgdLR + offset}, step.Scalars, p, u)[0]
	return []graph.Value{p, v}, []graph.Value{moved, begun[0]}
}

// orthogonal adds the iterations that make a matrix of norm 1 nearly orthogonal. The
// products are of the shorter side.
func orthogonal(g *graph.Graph, name string, x graph.Value) graph.Value {
	shape := g.Tensor(x).Shape
	if g.Err() != nil {
		return x
	}
	tall := shape[0] > shape[1]
	product := func(a, b graph.Value, transA, transB bool) graph.Value {
		return g.Add(name, graph.MatMul{TransA: transA, TransB: transB}, a, b)[0]
	}
	for range iterations {
		s := product(x, x, tall, !tall)
		factor := g.Add(name, quintic, s, product(s, s, false, false))[0]
		if tall {
			x = product(x, factor, false, false)
		} else {
			x = product(factor, x, false, false)
		}
	}
	return x
}

// A Proposal is what cells become if a step's gate finds all of it finite.
type Proposal struct {
	cells  []graph.Value
	Values []graph.Value
	Names  []string // of the values, for people
}

func (p *Proposal) add(name string, cells, values []graph.Value) {
	p.cells, p.Values = append(p.cells, cells...), append(p.Values, values...)
	p.Names = append(p.Names, "the update of "+name, "the momentum of "+name)
}

// Next returns what a parameter becomes, or itself where no value is proposed for it.
func (p Proposal) Next(cell graph.Value) graph.Value {
	if i := slices.Index(p.cells, cell); i >= 0 {
		return p.Values[i]
	}
	return cell
}

// set adds the node that sets the cells, if there are any.
func (p Proposal) set(g *graph.Graph, gate graph.Value) {
	if len(p.cells) == 0 {
		return
	}
	in := []graph.Value{gate}
	for i, cell := range p.cells {
		in = append(in, cell, p.Values[i])
	}
	g.AddSet("muon", graph.Assign{}, slices.Clone(p.cells), in...)
}
