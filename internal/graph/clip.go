package graph

import "fmt"

// Clip shrinks gradients so that their norm, taken over all of them together, is at most
// Max, as PyTorch does (torch.nn.utils.clip_grad_norm_):
//
//	norm = √Σ(dp/scale)²
//	y    = dp/scale · min(1, Max/(norm + 10⁻⁶))
//
// Scaled says that the first input is the scale of the loss (f32 [1], a power of two);
// without it scale is 1. The other inputs are gradients, F32, and each has an output. A
// norm that is not finite leaves no gradient that is none a number: a gate looks at
// what goes in.
type Clip struct {
	terminal
	Max    float64
	Scaled bool
}

// Gradients returns the place of the first gradient among the inputs.
func (c Clip) Gradients() int {
	if c.Scaled {
		return 1
	}
	return 0
}

// Infer returns a tensor like each gradient.
func (c Clip) Infer(in []Tensor) ([]Tensor, error) {
	if !(c.Max > 0) {
		return nil, fmt.Errorf("norm is to be at most %g, wants more than 0", c.Max)
	}
	first := c.Gradients()
	if len(in) < first || c.Scaled && !in[0].single(F32) {
		return nil, fmt.Errorf("has no scale of one f32 before its gradients")
	}
	var out []Tensor
	for _, dp := range in[first:] {
		if dp.Type != F32 {
			return nil, fmt.Errorf("gradient is %s, wants f32", dp)
		}
		out = append(out, dp.Like())
	}
	return out, nil
}

// Flops counts three operations an element.
func (c Clip) Flops(_, out []Tensor) int {
	n := 0
	for _, y := range out {
		n += 3 * y.Len()
	}
	return n
}
