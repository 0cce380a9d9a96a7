package cuda

import "imgcls/internal/graph"

// A Pool says how windows move over pictures.
type Pool struct {
	Type       graph.DType
	N, H, W, C int
	P, Q       int
	R, S       int // of a window; those of a max pool are equal
	Stride     int
	Pad        int
}

func (p Pool) launch(kernel string, rows int, args []uint64, window ...int) []Launch {
	args = with(args, p.H, p.W, p.C, p.P, p.Q)
	args = with(args, window...)
	return []Launch{blocks(kernel+"_"+p.Type.String(), p.N*rows, 1, with(args, p.Stride, p.Pad)...)}
}

// Max takes the greatest value of each window; y or arg may be 0.
func (p Pool) Max(y, arg, x Addr) []Launch {
	return p.launch("pool_max", p.P, pointers(y, arg, x), p.R)
}

// MaxBack hands gradients to the places that arg remembers.
func (p Pool) MaxBack(dx, arg, dy Addr) []Launch {
	return p.launch("pool_max_back", p.H, pointers(dx, arg, dy), p.R)
}

// Avg takes the mean of each window.
func (p Pool) Avg(y, x Addr) []Launch { return p.launch("pool_avg", p.P, pointers(y, x), p.R, p.S) }

// AvgBack spreads each gradient over its window.
func (p Pool) AvgBack(dx, dy Addr) []Launch {
	return p.launch("pool_avg_back", p.H, pointers(dx, dy), p.R, p.S)
}
