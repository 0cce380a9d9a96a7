package graph

import "fmt"

// Add is the sum of two tensors of one shape.
type Add struct{}

// Infer returns the sum, shaped like both inputs.
func (Add) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 2, 2); err != nil {
		return nil, err
	}
	if !in[0].sameAs(in[1]) || !in[0].Type.Float() {
		return nil, fmt.Errorf("inputs are %s and %s, want floating-point numbers of one shape", in[0], in[1])
	}
	return []Tensor{in[0].Like()}, nil
}

// Grad hands dy to both.
func (Add) Grad(_ *Graph, _ Node, dout []Value) []Value { return []Value{dout[0], dout[0]} }

// Elementwise says that places keep their meaning.
func (Add) Elementwise() {}

// Flops counts one addition an element.
func (Add) Flops(_, out []Tensor) int { return out[0].Len() }

// ChannelSum sums x [..., C] over all but its last dimension: the gradient of a
// bias.
type ChannelSum struct{ terminal }

// Infer returns the sums, f32 [C].
func (ChannelSum) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if len(in[0].Shape) == 0 || !in[0].Type.Float() {
		return nil, fmt.Errorf("input is %s, wants floating-point numbers with channels", in[0])
	}
	return []Tensor{{Shape: in[0].Shape[len(in[0].Shape)-1:], Type: F32}}, nil
}

// Flops counts one addition for each element of x.
func (ChannelSum) Flops(in, _ []Tensor) int { return in[0].Len() }
