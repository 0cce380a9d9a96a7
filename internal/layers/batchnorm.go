package layers

import (
	"slices"

	"imgcls/internal/graph"
)

// BatchNorm normalises each channel: in training by the statistics of the batch,
// which move the running ones, and otherwise by these. Parameters: weight [C], which
// begins as 1, and bias [C], as 0. Buffers: running_mean and running_var [C].
type BatchNorm struct {
	Eps      float64 // 0 means 1e-5
	Momentum float64 // of PyTorch: running += Momentum·(batch − running); 0 means 0.1
	NoScale  bool    // weight stays 1, as a buffer
	NoBias   bool    // bias stays 0, as a buffer
}

// Apply keeps the shape, [..., C].
func (b BatchNorm) Apply(s *Scope, x graph.Value) graph.Value {
	if b.Eps == 0 {
		b.Eps = 1e-5
	}
	if b.Momentum == 0 {
		b.Momentum = 0.1
	}
	c := channels(s, x)
	cell := func(name string, fixed bool, value float64) graph.Value {
		if fixed {
			return s.Buffer(name, Init{Center: value}, c)
		}
		return s.Param(name, Init{Center: value}, c)
	}
	weight, bias := cell("weight", b.NoScale, 1), cell("bias", b.NoBias, 0)
	mean, variance := cell("running_mean", true, 0), cell("running_var", true, 1)
	if !s.trains() {
		return s.Add(graph.BatchNorm{Eps: b.Eps, Running: true}, x, weight, bias, mean, variance)
	}
	out := s.graph.Add(s.path, graph.BatchNorm{Eps: b.Eps}, x, weight, bias)
	s.tracked = append(s.tracked, tracked{s.path, b.Momentum, s.graph.Tensor(x).Len() / c, mean, variance, out[1], out[2]})
	return out[0]
}

// A tracked is a BatchNorm whose running statistics a step moves.
type tracked struct {
	path                                string
	momentum                            float64
	places                              int
	mean, variance, batchMean, batchVar graph.Value
}

// Statistics returns what a training step must find finite before Track, and what
// each is called.
func (s *Scope) Statistics() (values []graph.Value, names []string) {
	for _, t := range s.tracked {
		values = append(values, t.batchMean, t.batchVar)
		names = append(names, "the batch mean of "+t.path, "the batch variance of "+t.path)
	}
	return values, names
}

// Track adds the node that moves all running statistics behind the gate, if there are
// any, by the batches to which a network was applied in these scopes, in their order.
func Track(gate graph.Value, scopes ...*Scope) {
	first := scopes[0]
	if len(first.tracked) == 0 {
		return
	}
	var op graph.Track
	in := []graph.Value{gate}
	for _, t := range first.tracked {
		op.Momentum = append(op.Momentum, t.momentum)
		in = append(in, t.mean, t.variance)
	}
	set := slices.Clone(in[1:])
	for _, s := range scopes {
		var places []int
		for _, t := range s.tracked {
			places = append(places, t.places)
			in = append(in, t.batchMean, t.batchVar)
		}
		op.M = append(op.M, places)
	}
	first.graph.AddSet("track", op, set, in...)
}
