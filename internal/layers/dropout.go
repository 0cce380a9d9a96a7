package layers

import (
	"imgcls/internal/graph"
	"imgcls/internal/rng"
)

// Dropout drops elements in training, each with probability Rate, and scales the
// others by 1/(1 − Rate); otherwise it does nothing.
type Dropout struct {
	Rate float64
}

// Apply keeps the shape, [N, ...].
func (d Dropout) Apply(s *Scope, x graph.Value) graph.Value {
	if !s.trains() || d.Rate == 0 {
		return x
	}
	op := graph.Dropout{Rate: d.Rate, Seed: s.samples.Seed, Stream: rng.Stream(s.join("dropout"))}
	return s.Add(op, x, s.samples.Order, s.samples.Cursor, s.samples.Epoch(s.graph))
}

// Samples says which samples of the training set a batch holds, on which and on the
// seed all depends that is done to it at random: those that Order, i32 [K], names from
// Cursor, i64 [1], on.
type Samples struct {
	Seed          uint64
	Order, Cursor graph.Value
}

// Epoch returns the input that holds the epoch, i64 [1]. It exists in graphs in which
// something depends on it.
func (Samples) Epoch(g *graph.Graph) graph.Value { return g.Input("epoch", graph.I64, 1) }
