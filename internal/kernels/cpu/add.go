package cpu

import "imgcls/internal/kernels/cpu/vec"

// Add is y = a + b.
func Add(y, a, b []float32) { vec.Add(y, a, b) }

// ChannelWidth returns the elements of the partial sum that ChannelSum makes
// for that many channels. Several rows of few channels count as one long row,
// which is a whole number of vectors, up to eight if that many rows will do:
// those stay in registers.
func ChannelWidth(channels int) int {
	const vector, long = 8, 64
	if channels >= long {
		return channels
	}
	width := channels
	for width%vector != 0 {
		width += channels
	}
	return max(1, long/width) * width
}

// ChannelSum adds up x, rows of channels, into the partial sum wide
// [ChannelWidth].
func ChannelSum(wide, x []float32) {
	n := len(wide)
	rows := len(x) / n
	if rows == 0 {
		clear(wide[copy(wide, x):])
		return
	}
	vec.SumRows(wide, x, rows, n)
	rest := x[rows*n:]
	wide = wide[:len(rest)]
	vec.Add(wide, wide, rest)
}

// SumPartials adds up partial sums from the first to the last: rows lo to hi of
// y [rows,cols] are the sums of those of all [rows,stride] in partials, of which
// the first cols columns count.
func SumPartials(y, partials []float32, rows, cols, stride, lo, hi int) {
	n := len(partials) / (rows * stride)
	if cols == stride { // the rows follow one another, as if they were one
		vec.SumRows(y[lo*cols:hi*cols], partials[lo*cols:], n, rows*cols)
		return
	}
	for i := lo; i < hi; i++ {
		vec.SumRows(y[i*cols:(i+1)*cols], partials[i*stride:], n, rows*stride)
	}
}
