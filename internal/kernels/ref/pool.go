package ref

// A PoolShape holds the extents of pooling x [N,H,W,C] into y [N,P,Q,C] by
// Kernel×Kernel windows that move by Stride, over Pad rows and columns of
// padding on every side.
type PoolShape struct {
	N, H, W, C          int
	P, Q                int
	Kernel, Stride, Pad int
}

// at returns the place in x of value number arg of a window, counted along the
// window's rows, and false for padding.
func (k PoolShape) at(n, p, q, c, arg int) (x int, inside bool) {
	h := p*k.Stride + arg/k.Kernel - k.Pad
	w := q*k.Stride + arg%k.Kernel - k.Pad
	return ((n*k.H+h)*k.W+w)*k.C + c, 0 <= h && h < k.H && 0 <= w && w < k.W
}

// windows calls f for each window, with the place of its result in y.
func (k PoolShape) windows(f func(n, p, q, c, y int)) {
	y := 0
	for n := range k.N {
		for p := range k.P {
			for q := range k.Q {
				for c := range k.C {
					f(n, p, q, c, y)
					y++
				}
			}
		}
	}
}

// MaxPool takes the greatest value of each window and remembers its number in
// arg. Of equals the first wins, the first NaN wins over all, padding never
// wins. Either output may be nil.
func MaxPool(y []float64, arg []uint8, x []float64, k PoolShape) {
	k.windows(func(n, p, q, c, iy int) {
		var best float64
		winner := -1
		for a := range k.Kernel * k.Kernel {
			ix, inside := k.at(n, p, q, c, a)
			if inside && (winner < 0 || beats(x[ix], best)) {
				best, winner = x[ix], a
			}
		}
		if y != nil {
			y[iy] = best
		}
		if arg != nil {
			arg[iy] = uint8(winner)
		}
	})
}

// beats reports whether v replaces best.
func beats(v, best float64) bool { return v > best || v != v && best == best }

// MaxPoolBack hands each gradient to the place that arg remembers.
func MaxPoolBack(dx []float64, arg []uint8, dy []float64, k PoolShape) {
	clear(dx)
	k.windows(func(n, p, q, c, iy int) {
		ix, _ := k.at(n, p, q, c, int(arg[iy]))
		dx[ix] += dy[iy]
	})
}
