package graph

import "fmt"

// An ActKind is an activation function.
type ActKind uint8

// ReLU is max(x, 0); its derivative at 0 is 0, and a NaN stays NaN.
const ReLU ActKind = iota

// String returns the function's name in lower case.
func (k ActKind) String() string { return [...]string{"relu"}[k] }

// Act applies an activation function to each element of x.
type Act struct {
	Kind ActKind
}

// Infer returns y, shaped like x.
func (a Act) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if !in[0].Type.Float() {
		return nil, fmt.Errorf("input is %s, wants floating-point numbers", in[0])
	}
	return []Tensor{in[0].Like()}, nil
}

// Grad uses ActBack.
func (a Act) Grad(g *Graph, n Node, dout []Value) []Value {
	return g.Add(n.Name, ActBack{a}, n.Out[0], dout[0])
}

// Elementwise says that places keep their meaning.
func (Act) Elementwise() {}

// Flops counts one operation an element.
func (a Act) Flops(_, out []Tensor) int { return out[0].Len() }

// ActBack is dx = dy · f′, computed from y: for ReLU dy where y > 0, else 0.
// Inputs are y and dy.
type ActBack struct {
	Act
}

// Infer returns dx, shaped like dy.
func (a ActBack) Infer(in []Tensor) ([]Tensor, error) { return Add{}.Infer(in) }

// Grad is not supported: no model differentiates twice.
func (a ActBack) Grad(*Graph, Node, []Value) []Value { return nil }
