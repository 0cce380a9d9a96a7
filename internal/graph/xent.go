package graph

import "fmt"

// SoftmaxXent is the cross-entropy of softmax(x) with the true classes t, and
// its gradient, in one operation. Inputs are x, f32 [N,C], and t, i32 [N] with
// values 0 … C−1:
//
//	loss    = 1/N Σ_n (log Σ_c exp x[n,c] − x[n,t[n]])
//	dx[n,c] = 1/N (softmax(x)[n,c] − [c = t[n]])
//
// A network's backward pass starts from dx. Where a third input is given, the scale
// (f32 [1]), dx is multiplied with it; Rescale says what for.
type SoftmaxXent struct{ terminal }

// Infer returns loss, f32 [1], and dx, f32 [N,C].
func (SoftmaxXent) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 2, 3); err != nil {
		return nil, err
	}
	x, t := in[0], in[1]
	if len(x.Shape) != 2 || x.Type != F32 || t.Type != I32 || len(t.Shape) != 1 || t.Shape[0] != x.Shape[0] {
		return nil, fmt.Errorf("scores are %s and targets %s, want f32 [N,C] and i32 [N]", x, t)
	}
	if len(in) == 3 && !in[2].single(F32) {
		return nil, fmt.Errorf("scale is %s, want f32 1", in[2])
	}
	return []Tensor{{Shape: []int{1}, Type: F32}, x.Like()}, nil
}

// Flops counts about five operations a score.
func (SoftmaxXent) Flops(in, _ []Tensor) int { return 5 * in[0].Len() }
