package graph

import "fmt"

// Direction begins a step of Muon (Jordan et al. 2024, as airbench94_muon) for one
// parameter, with Nesterov's momentum:
//
//	v' = momentum·v + dp
//	d  = dp + momentum·v'
//	x  = d / (‖d‖ + Eps)
//
// where ‖d‖ is the root of the sum of squares. Inputs are scalars, of which column
// Momentum is one, the loss scale (f32 [1]) where Scaled says so, dp, which is divided
// by it, and v. Outputs are v', like v, and x as a matrix with a row for each filter:
// [O, I·…].
type Direction struct {
	terminal
	Momentum int
	Eps      float64
	Scaled   bool
}

// First returns the place of dp among the inputs.
func (d Direction) First() int { return beforeParameters(d.Scaled) - 1 }

// Infer returns v' and x.
func (d Direction) Infer(in []Tensor) ([]Tensor, error) {
	first := d.First()
	if err := arity(in, first+2, first+2); err != nil {
		return nil, err
	}
	scalars, dp, v := in[0], in[first], in[first+1]
	if scalars.Type != F32 || d.Momentum < 0 || d.Momentum >= scalars.Len() {
		return nil, fmt.Errorf("scalars are %s, want f32 and a column %d", scalars, d.Momentum)
	}
	if d.Scaled && !in[1].single(F32) {
		return nil, fmt.Errorf("scale is %s, want f32 1", in[1])
	}
	if dp.Type != F32 || !dp.sameAs(v) || len(dp.Shape) < 2 {
		return nil, fmt.Errorf("gradient is %s and momentum %s, want the same f32 of two dimensions or more", dp, v)
	}
	return []Tensor{v.Like(), {Shape: []int{v.Shape[0], v.Len() / v.Shape[0]}, Type: F32}}, nil
}

// Flops counts eight operations an element.
func (d Direction) Flops(in, _ []Tensor) int { return 8 * in[d.First()].Len() }

// Quintic is the polynomial of a Newton–Schulz iteration, A·I + B·s + C·t, of square
// matrices, where t is s·s: a matrix x times it is A·x + B·(x xᵀ)·x + C·(x xᵀ)²·x.
type Quintic struct {
	terminal
	A, B, C float64
}

// Infer returns a matrix like s.
func (Quintic) Infer(in []Tensor) ([]Tensor, error) {
	if err := ranked(in, 2, 2); err != nil {
		return nil, err
	}
	if s := in[0]; s.Type != F32 || s.Shape[0] != s.Shape[1] || !s.sameAs(in[1]) {
		return nil, fmt.Errorf("inputs are %s and %s, want two square f32 matrices of one size", s, in[1])
	}
	return []Tensor{in[0].Like()}, nil
}

// Flops counts three operations an element.
func (Quintic) Flops(in, _ []Tensor) int { return 3 * in[0].Len() }

// Moved ends a step of Muon: of the parameter p it makes filters of length 1 on
// average, and takes a step against u, the direction, [O, I·…]:
//
//	p' = p·√O/‖p‖ − lr·u
//
// Inputs are scalars, of which column LR is one, p and u.
type Moved struct {
	terminal
	LR int
}

// Infer returns p', like p.
func (m Moved) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 3, 3); err != nil {
		return nil, err
	}
	scalars, p, u := in[0], in[1], in[2]
	if scalars.Type != F32 || m.LR < 0 || m.LR >= scalars.Len() {
		return nil, fmt.Errorf("scalars are %s, want f32 and a column %d", scalars, m.LR)
	}
	if p.Type != F32 || u.Type != F32 || len(p.Shape) < 2 || len(u.Shape) != 2 || u.Shape[0] != p.Shape[0] || u.Len() != p.Len() {
		return nil, fmt.Errorf("parameter is %s and its direction %s", p, u)
	}
	return []Tensor{p.Like()}, nil
}

// Flops counts five operations an element.
func (Moved) Flops(in, _ []Tensor) int { return 5 * in[1].Len() }

// Assign sets cells: the inputs are a gate and pairs, a cell and what it becomes.
// While the gate is shut it sets none.
type Assign struct{ terminal }

// Infer returns nothing.
func (Assign) Infer(in []Tensor) ([]Tensor, error) {
	if len(in)%2 != 1 {
		return nil, fmt.Errorf("has %d inputs, wants a gate and pairs", len(in))
	}
	if !in[0].single(I32) {
		return nil, fmt.Errorf("gate is %s, want i32 1", in[0])
	}
	for i := 1; i < len(in); i += 2 {
		if in[i].Type != F32 || !in[i].sameAs(in[i+1]) {
			return nil, fmt.Errorf("cell is %s, its value %s", in[i], in[i+1])
		}
	}
	return nil, nil
}
