package graph

import "fmt"

// SoftmaxXent is the cross-entropy of softmax(x) with targets q, and its gradient, in one
// operation. Inputs are x, f32 [N,C], and the true classes t, i32 [N] with values 0 … C−1:
//
//	q[n,c]  = [c = t[n]]
//	loss    = 1/N Σ_n (log Σ_c exp x[n,c] − Σ_c q[n,c]·x[n,c])
//	dx[n,c] = 1/N (softmax(x)[n,c] − q[n,c])
//
// Where the N samples are a part of a batch, Of is the size of that batch and takes the
// place of N: losses and gradients of the parts add up to those of the batch.
//
// A network's backward pass starts from dx. Where pictures are mixed, Mixed says that the
// classes u mixed in follow, of t's type, and the weights w of t, f32 [N] of values 0 … 1. Smooth
// gives a share to all classes alike (PyTorch's label_smoothing):
//
//	q[n,c] = (1−Smooth)·(w[n]·[c = t[n]] + (1−w[n])·[c = u[n]]) + Smooth/C
//
// Where one more input is given, the scale (f32 [1]), dx is multiplied with it; Rescale
// says what for.
type SoftmaxXent struct {
	terminal
	Smooth float64
	Mixed  bool
	Of     int // 0 for N
}

// Mean returns the number that losses of n samples are divided by.
func (s SoftmaxXent) Mean(n int) int {
	if s.Of == 0 {
		return n
	}
	return s.Of
}

// Soft reports whether the targets are others than one class each.
func (s SoftmaxXent) Soft() bool { return s.Smooth != 0 || s.Mixed }

// Inputs returns how many there are without the scale.
func (s SoftmaxXent) Inputs() int {
	if s.Mixed {
		return 4
	}
	return 2
}

// Infer returns loss, f32 [1], and dx, f32 [N,C].
func (s SoftmaxXent) Infer(in []Tensor) ([]Tensor, error) {
	least := s.Inputs()
	if err := arity(in, least, least+1); err != nil {
		return nil, err
	}
	x, t := in[0], in[1]
	if len(x.Shape) != 2 || x.Type != F32 || t.Type != I32 || len(t.Shape) != 1 || t.Shape[0] != x.Shape[0] {
		return nil, fmt.Errorf("scores are %s and targets %s, want f32 [N,C] and i32 [N]", x, t)
	}
	if s.Mixed && (!in[2].sameAs(t) || in[3].Type != F32 || len(in[3].Shape) != 1 || in[3].Shape[0] != x.Shape[0]) {
		return nil, fmt.Errorf("mixed targets are %s with weights %s, want i32 [N] and f32 [N]", in[2], in[3])
	}
	if !(s.Smooth >= 0 && s.Smooth < 1) {
		return nil, fmt.Errorf("labels are smoothed by %g, want 0 or more and less than 1", s.Smooth)
	}
	if s.Of != 0 && s.Of < x.Shape[0] {
		return nil, fmt.Errorf("%d samples are to be a part of %d", x.Shape[0], s.Of)
	}
	if len(in) > least && !in[least].single(F32) {
		return nil, fmt.Errorf("scale is %s, want f32 1", in[least])
	}
	return []Tensor{{Shape: []int{1}, Type: F32}, x.Like()}, nil
}

// Flops counts about five operations a score.
func (SoftmaxXent) Flops(in, _ []Tensor) int { return 5 * in[0].Len() }
