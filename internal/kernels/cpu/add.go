package cpu

import "gonum.org/v1/gonum/blas/gonum"

var engine gonum.Implementation

// Add is y = a + b.
func Add(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// ChannelWidth returns the elements of the partial sum that ChannelSum makes
// for that many channels. Several rows of few channels count as one long row,
// which adds up faster.
func ChannelWidth(channels int) int {
	const long = 256
	return max(1, long/channels) * channels
}

// ChannelSum adds up x, rows of channels, into the partial sum wide
// [ChannelWidth].
func ChannelSum(wide, x []float32) {
	n := min(len(wide), len(x))
	clear(wide[copy(wide, x[:n]):])
	for x = x[n:]; len(x) > 0; x = x[n:] {
		n = min(len(wide), len(x))
		engine.Saxpy(n, 1, x[:n], 1, wide[:n], 1)
	}
}

// SumPartials adds up partial sums from the first to the last: rows lo to hi of
// y [rows,cols] are the sums of those of all [rows,stride] in partials, of which
// the first cols columns count.
func SumPartials(y, partials []float32, rows, cols, stride, lo, hi int) {
	for i := lo; i < hi; i++ {
		sum := y[i*cols : (i+1)*cols]
		copy(sum, partials[i*stride:])
		for at := (i + rows) * stride; at < len(partials); at += rows * stride {
			for j, v := range partials[at : at+cols] {
				sum[j] += v
			}
		}
	}
}
