package cuda

import "math"

// A SoftmaxXent is the cross-entropy of N rows of C scores, divided by Of, and its gradient
// times Scale, which is 1 where it is 0. Loss or DX may be 0. Where labels are smoothed,
// or mixed with those of U by the weights W, targets are soft.
type SoftmaxXent struct {
	N, C, Of              int
	Loss, DX, X, T, Scale Addr
	Smooth                float64
	U, W                  Addr
}

// Launches returns one launch for a small batch, else one for the rows and one for
// their mean.
func (s SoftmaxXent) Launches(room Room) []Launch {
	const small, warps = 64, 4
	soft := s.Smooth != 0 || s.W != 0
	if s.N <= small && !soft {
		l := blocks("xent_f32", 1, 1, with(pointers(s.Loss, s.DX, s.X, s.T, s.Scale), s.N, s.C, s.Of)...)
		l.Block = 512
		return []Launch{l}
	}
	rows := room(4 * s.N)
	softmax := blocks("xent_softmax_f32", ceil(s.N, warps), 1, with(pointers(rows, s.DX, s.X, s.T, s.Scale), s.N, s.C, s.Of)...)
	if soft {
		args := with(pointers(rows, s.DX, s.X, s.T, s.U, s.W, s.Scale), int(math.Float64bits(s.Smooth)), s.N, s.C, s.Of)
		softmax = blocks("xent_soft_f32", ceil(s.N, warps), 1, args...)
	}
	softmax.Block = 32 * warps
	if s.Loss == 0 {
		return []Launch{softmax}
	}
	return []Launch{softmax, blocks("xent_mean_f32", 1, 1, with(pointers(s.Loss, rows), s.N, s.Of)...)}
}
