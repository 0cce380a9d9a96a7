// Package optim adds the nodes that change parameters to a training entry, and
// lays out the schedule table that they read: one row for each step, so that
// whatever varies by step is computed once, on the host, in float64.
package optim

import "imgcls/internal/graph"

// SGD is stochastic gradient descent with momentum, by PyTorch's formula.
type SGD struct {
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum"`
	WeightDecay float64 `json:"weight_decay"`
	Nesterov    bool    `json:"nesterov"`
}

// The columns of SGD's schedule table.
const (
	colLR = iota
	colMomentum
	colDecay
	columns
)

// Schedule returns the table, [rows, columns]. The row after the last is the
// last again, so a constant schedule has one.
func (o SGD) Schedule() (table []float32, rows int) {
	return []float32{colLR: float32(o.LR), colMomentum: float32(o.Momentum), colDecay: float32(o.WeightDecay)}, 1
}

// Columns returns the number of columns of the schedule table.
func (o SGD) Columns() int { return columns }

// Update adds the node that changes every parameter that has a gradient, while
// the gate is open and all of them stay finite. It returns whether it did so,
// the gate of what ends the step. Momentum lives in the states
// "momentum.<parameter>". Where there is a scale, the gradients are those of the loss
// times it.
func (o SGD) Update(g *graph.Graph, gate, scalars, scale graph.Value, grads map[graph.Value]graph.Value) (applied graph.Value) {
	in := []graph.Value{gate, scalars}
	if scale != 0 {
		in = append(in, scale)
	}
	var set []graph.Value
	for _, p := range g.Params() {
		if grads[p] == 0 {
			continue
		}
		t := g.Tensor(p)
		v := g.State("momentum."+t.Name, t.Type, t.Shape...)
		in = append(in, p, grads[p], v)
		set = append(set, p, v)
	}
	op := graph.SGD{LR: colLR, Momentum: colMomentum, Decay: colDecay, Nesterov: o.Nesterov, Scaled: scale != 0}
	return g.AddSet("sgd", op, set, in...)[0]
}
