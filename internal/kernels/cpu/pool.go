package cpu

import "imgcls/internal/kernels/cpu/vec"

// A Pool holds the extents of max-pooling of x [N,H,W,C] to y [N,P,Q,C]; see
// graph.MaxPool.
type Pool struct {
	N, H, W, C          int
	P, Q                int
	Kernel, Stride, Pad int
}

// Forward computes the lines lo to hi of all N·P of y, and of arg where it is
// not nil. The first maximum wins; a NaN wins over all.
func (s Pool) Forward(y []float32, arg []uint8, x []float32, lo, hi int) {
	if s.tiles() {
		s.forward2(y, arg, x, lo, hi)
		return
	}
	for at := lo * s.Q; at < hi*s.Q; at++ {
		line, q := at/s.Q, at%s.Q
		n, top, side := line/s.P, line%s.P*s.Stride-s.Pad, q*s.Stride-s.Pad
		best := y[at*s.C : (at+1)*s.C]
		var which []uint8
		if arg != nil {
			which = arg[at*s.C : (at+1)*s.C]
		}
		first := true
		for r := max(0, -top); r < min(s.Kernel, s.H-top); r++ {
			for t := max(0, -side); t < min(s.Kernel, s.W-side); t++ {
				from := ((n*s.H+top+r)*s.W + side + t) * s.C
				v := x[from : from+s.C]
				tap := uint8(r*s.Kernel + t)
				switch {
				case first:
					first = false
					copy(best, v)
					for c := range which {
						which[c] = tap
					}
				case arg == nil:
					vec.Greater(best, v)
				default:
					vec.GreaterOf(best, which, v, tap)
				}
			}
		}
	}
}

// tiles reports whether the windows are 2×2 and lie side by side from the first
// pixel on.
func (s Pool) tiles() bool { return s.Kernel == 2 && s.Stride == 2 && s.Pad == 0 }

// forward2 is Forward where the windows are tiles: at once for all lines of an
// image.
func (s Pool) forward2(y []float32, arg []uint8, x []float32, lo, hi int) {
	for lo < hi {
		n, p := lo/s.P, lo%s.P
		lines := min(s.P-p, hi-lo)
		at, end := lo*s.Q*s.C, (lo+lines)*s.Q*s.C
		var which []uint8
		if arg != nil {
			which = arg[at:end]
		}
		from := (n*s.H + 2*p) * s.W * s.C
		vec.MaxPool2(y[at:end], which, x[from:from+2*lines*s.W*s.C], lines, s.W, s.Q, s.C)
		lo += lines
	}
}

// Offsets returns for each tap of the window how many elements of x it lies
// behind the window's first.
func (s Pool) Offsets() []int {
	offsets := make([]int, s.Kernel*s.Kernel)
	for tap := range offsets {
		offsets[tap] = (tap/s.Kernel*s.W + tap%s.Kernel) * s.C
	}
	return offsets
}

// Back computes dx for the images lo to hi.
func (s Pool) Back(dx []float32, arg []uint8, dy []float32, offsets []int, lo, hi int) {
	image := s.H * s.W * s.C
	if s.tiles() {
		covered, pooled := 2*s.P*s.W*s.C, s.P*s.Q*s.C
		for n := lo; n < hi; n++ {
			x := dx[n*image : (n+1)*image]
			vec.MaxPool2Back(x, arg[n*pooled:(n+1)*pooled], dy[n*pooled:(n+1)*pooled], s.P, s.W, s.Q, s.C)
			clear(x[covered:])
		}
		return
	}
	clear(dx[lo*image : hi*image])
	at := lo * s.P * s.Q * s.C
	for n := lo; n < hi; n++ {
		for p := range s.P {
			for q := range s.Q {
				from := ((n*s.H+p*s.Stride-s.Pad)*s.W + q*s.Stride - s.Pad) * s.C
				for c := range s.C {
					dx[from+offsets[arg[at]]+c] += dy[at]
					at++
				}
			}
		}
	}
}
