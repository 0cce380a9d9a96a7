// Package optim adds the nodes that change parameters to a training entry, and
// lays out the schedule table that they read: one row for each step, so that
// whatever varies by step is computed once, on the host, in float64.
package optim

import (
	"fmt"

	"imgcls/internal/graph"
)

// An Optimizer is a rule by which parameters follow their gradients: SGD, AdamW or Muon.
type Optimizer interface {
	Name() string            // as --opt has it
	String() string          // for people, with its settings
	Rate() float64           // the learning rate that a schedule varies
	At(lr float64) Optimizer // the same with another learning rate

	of(p graph.Tensor) Optimizer // the rule for a parameter, which has as many columns
	decay() float64
	columns() int // of the schedule table, for each group
	// fill sets the columns of one group for a step, counted from 0.
	fill(row []float64, step int, lr, decay float64)
	// settled is the number of steps after which a row follows from rate and decay.
	settled() int
	// add adds the node. Offset holds the first column of each parameter, or is nil.
	add(g *graph.Graph, step Step, params []graph.Value, grads map[graph.Value]graph.Value, offset []int) graph.Value
}

// A Step is what the update in a training entry depends on beside gradients. Where there
// is a Scale, these are of the loss times it.
type Step struct{ Gate, Scalars, Scale graph.Value }

// inputs returns what an optimizer's node begins with.
func (s Step) inputs() []graph.Value {
	if s.Scale != 0 {
		return []graph.Value{s.Gate, s.Scalars, s.Scale}
	}
	return []graph.Value{s.Gate, s.Scalars}
}

// Clip adds the node that holds the norm of all gradients to most, unless that is 0, and
// puts what comes out in their place. It returns the step that these belong to.
func (s Step) Clip(g *graph.Graph, most float64, grads map[graph.Value]graph.Value) Step {
	if most == 0 {
		return s
	}
	op := graph.Clip{Max: most, Scaled: s.Scale != 0}
	var in, params []graph.Value
	if op.Scaled {
		in = append(in, s.Scale)
	}
	for _, p := range g.Params() {
		if grads[p] != 0 {
			in, params = append(in, grads[p]), append(params, p)
		}
	}
	for i, y := range g.Add("clip", op, in...) {
		grads[params[i]] = y
	}
	s.Scale = 0
	return s
}

// Names lists the optimizers, and Default returns one as it is where neither
// recipe nor flags say more.
var Names = []string{"sgd", "adamw", "muon"}

// Default returns the optimizer of that name, one of Names.
func Default(name string) Optimizer {
	switch name {
	case "adamw":
		return AdamW{LR: 0.001, WeightDecay: 0.01}
	case "muon":
		return Muon{LR: 0.02, Momentum: 0.6, Rest: SGD{LR: 0.02, Momentum: 0.85, Nesterov: true}}
	}
	return SGD{LR: 0.01, Momentum: 0.9}
}

// SGD is stochastic gradient descent with momentum, by PyTorch's formula. Momentum
// lives in the states "momentum.<parameter>".
type SGD struct {
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum"`
	WeightDecay float64 `json:"weight_decay"`
	Nesterov    bool    `json:"nesterov"`
}

// The columns of SGD's schedule table.
const (
	sgdLR = iota
	sgdMomentum
	sgdDecay
	sgdColumns
)

// Name returns sgd.
func (SGD) Name() string { return "sgd" }

func (o SGD) String() string {
	text := fmt.Sprintf("sgd lr %.6g momentum %g weight decay %.6g", o.LR, o.Momentum, o.WeightDecay)
	if o.Nesterov {
		text += " nesterov"
	}
	return text
}

// Rate returns the learning rate.
func (o SGD) Rate() float64 { return o.LR }

// At returns o with another learning rate.
func (o SGD) At(lr float64) Optimizer {
	o.LR = lr
	return o
}

func (o SGD) of(graph.Tensor) Optimizer { return o }
func (o SGD) decay() float64            { return o.WeightDecay }
func (SGD) columns() int                { return sgdColumns }
func (SGD) settled() int                { return 1 }

func (o SGD) fill(row []float64, _ int, lr, decay float64) {
	row[sgdLR], row[sgdMomentum], row[sgdDecay] = lr, o.Momentum, decay
}

func (o SGD) add(g *graph.Graph, step Step, params []graph.Value, grads map[graph.Value]graph.Value, offset []int) graph.Value {
	in := step.inputs()
	var set []graph.Value
	for _, p := range params {
		t := g.Tensor(p)
		v := g.State("momentum."+t.Name, t.Type, t.Shape...)
		in = append(in, p, grads[p], v)
		set = append(set, p, v)
	}
	op := graph.SGD{
		LR: sgdLR, Momentum: sgdMomentum, Decay: sgdDecay, Nesterov: o.Nesterov, Offset: offset, Scaled: step.Scale != 0,
	}
	return g.AddSet("sgd", op, set, in...)[0]
}
