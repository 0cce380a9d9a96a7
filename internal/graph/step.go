package graph

import "fmt"

// Gate looks whether all its inputs (loss, gradients, statistics; all F32) are finite.
// Its output is 1 when they are, and 0 otherwise; the nodes that set cells take
// it as their first input and leave everything as it is while it is 0.
type Gate struct{ terminal }

// Infer returns the gate, i32 [1].
func (Gate) Infer(in []Tensor) ([]Tensor, error) {
	for _, x := range in {
		if x.Type != F32 {
			return nil, fmt.Errorf("input is %s, wants f32", x)
		}
	}
	return []Tensor{{Shape: []int{1}, Type: I32}}, nil
}

// Record writes a step's loss into a ring: ring[step mod len(ring)] = loss.
// Inputs are gate, step (i64 [1]), loss (f32 [1]) and the ring (f32), which it
// sets.
type Record struct{ terminal }

// Infer returns nothing.
func (Record) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 4, 4); err != nil {
		return nil, err
	}
	if !in[0].single(I32) || !in[1].single(I64) || !in[2].single(F32) || in[3].Type != F32 {
		return nil, fmt.Errorf("gate is %s, step %s, loss %s and ring %s, want i32 1, i64 1, f32 1 and f32", in[0], in[1], in[2], in[3])
	}
	return nil, nil
}

// Tick ends a step: it counts it, moves the cursor on by Batch samples, and
// copies the next step's row of the schedule table to the scalars:
//
//	step += 1; cursor += Batch; scalars = table[min(step, rows−1)]
//
// Inputs are gate, step and cursor (i64 [1]), scalars (f32 [K]) and table (f32
// [rows,K]); it sets step, cursor and scalars.
type Tick struct {
	terminal
	Batch int
}

// Infer returns nothing.
func (t Tick) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 5, 5); err != nil {
		return nil, err
	}
	if !in[0].single(I32) || !in[1].single(I64) || !in[2].single(I64) {
		return nil, fmt.Errorf("gate is %s, step %s and cursor %s, want i32 1, i64 1 and i64 1", in[0], in[1], in[2])
	}
	scalars, table := in[3], in[4]
	if len(table.Shape) != 2 || table.Shape[1] != scalars.Len() || table.Type != F32 || scalars.Type != F32 {
		return nil, fmt.Errorf("schedule table is %s, wants rows of f32 %d", table, scalars.Len())
	}
	return nil, nil
}

// SGD is stochastic gradient descent with momentum, as PyTorch defines it
// (torch.optim.SGD with dampening 0), for any number of parameters in one node:
//
//	d = dp + decay·p
//	v = momentum·v + d
//	p = p − lr·(Nesterov: d + momentum·v, else v)
//
// Inputs are gate, scalars, and then p, dp, v for each parameter, all F32. LR,
// Momentum and Decay are columns of the scalars; Offset, where there is one, holds
// for each parameter how far from them its own columns are, so that groups of
// parameters may differ. Scaled says that the loss scale stands behind the scalars
// (f32 [1], a power of two): every dp is divided by it first. Its output, applied,
// is 1 when the gate
// is open and every new p and v is finite: then it sets them all. Otherwise it
// is 0 and SGD sets none, as finite gradients times a large rate may overflow. A
// gradient that is not finite leaves no v finite, so it too sets none.
// What follows in the step takes applied as its gate.
type SGD struct {
	terminal
	LR, Momentum, Decay int
	Nesterov            bool
	Offset              []int
	Scaled              bool
}

// Parameters returns the place of the first parameter among the inputs.
func (s SGD) Parameters() int { return beforeParameters(s.Scaled) }

// Infer returns applied, i32 [1].
func (s SGD) Infer(in []Tensor) ([]Tensor, error) {
	first := s.Parameters()
	if err := learns(in, first, 3, s.Offset, s.LR, s.Momentum, s.Decay); err != nil {
		return nil, err
	}
	for i := first; i < len(in); i += 3 {
		if p := in[i]; p.Type != F32 || !p.sameAs(in[i+1]) || !p.sameAs(in[i+2]) {
			return nil, fmt.Errorf("parameter is %s, its gradient %s, its momentum %s", p, in[i+1], in[i+2])
		}
	}
	return []Tensor{{Shape: []int{1}, Type: I32}}, nil
}

// Of returns the operation for parameter i alone, with its own columns.
func (s SGD) Of(i int) SGD {
	if s.Offset != nil {
		n := s.Offset[i]
		s.LR, s.Momentum, s.Decay, s.Offset = s.LR+n, s.Momentum+n, s.Decay+n, nil
	}
	return s
}

// Flops counts six operations a parameter.
func (s SGD) Flops(in, _ []Tensor) int {
	n := 0
	for i := s.Parameters(); i < len(in); i += 3 {
		n += 6 * in[i].Len()
	}
	return n
}
