package cuda

// A SoftmaxXent is the mean cross-entropy of N rows of C scores, and its gradient
// times Scale, which is 1 where it is 0. Loss or DX may be 0.
type SoftmaxXent struct {
	N, C                  int
	Loss, DX, X, T, Scale Addr
}

// Launches returns one launch for a small batch, else one for the rows and one for
// their mean.
func (s SoftmaxXent) Launches(room Room) []Launch {
	const small, warps = 64, 4
	if s.N <= small {
		l := blocks("xent_f32", 1, 1, with(pointers(s.Loss, s.DX, s.X, s.T, s.Scale), s.N, s.C)...)
		l.Block = 512
		return []Launch{l}
	}
	rows := room(4 * s.N)
	softmax := blocks("xent_softmax_f32", ceil(s.N, warps), 1, with(pointers(rows, s.DX, s.X, s.T, s.Scale), s.N, s.C)...)
	softmax.Block = 32 * warps
	if s.Loss == 0 {
		return []Launch{softmax}
	}
	return []Launch{softmax, blocks("xent_mean_f32", 1, 1, with(pointers(s.Loss, rows), s.N)...)}
}
