package ref

// AvgPool is the mean of each r×s window of x, where k says how windows slide (its
// Kernel is not used) and places outside x are zeros.
func AvgPool(y, x []float64, k PoolShape, r, s int) {
	clear(y)
	k.covered(r, s, func(ix, iy int) { y[iy] += x[ix] / float64(r*s) })
}

// AvgPoolBack spreads each gradient over its window.
func AvgPoolBack(dx, dy []float64, k PoolShape, r, s int) {
	clear(dx)
	k.covered(r, s, func(ix, iy int) { dx[ix] += dy[iy] / float64(r*s) })
}

// covered calls f for each place of x that a window covers, with the place of its
// result in y.
func (k PoolShape) covered(r, s int, f func(x, y int)) {
	k.windows(func(n, p, q, c, y int) {
		for i := range r * s {
			h, w := p*k.Stride+i/s-k.Pad, q*k.Stride+i%s-k.Pad
			if 0 <= h && h < k.H && 0 <= w && w < k.W {
				f(((n*k.H+h)*k.W+w)*k.C+c, y)
			}
		}
	})
}
