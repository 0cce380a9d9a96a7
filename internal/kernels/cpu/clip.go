package cpu

import "math"

// SumSquares returns Σx², each product exact and every sum rounded to float64.
func SumSquares(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0]) * float64(x[0])
		b += float64(x[1]) * float64(x[1])
		c += float64(x[2]) * float64(x[2])
		d += float64(x[3]) * float64(x[3])
	}
	for _, v := range x {
		a += float64(v) * float64(v)
	}
	return (a + b) + (c + d)
}

// ClipFactor returns what gradients are multiplied with; see graph.Clip. Squares are
// the sums of their squares, in parts.
func ClipFactor(squares []float64, most float64) float32 {
	sum := 0.0
	for _, s := range squares {
		sum += s
	}
	return float32(math.Min(1, most/(math.Sqrt(sum)+1e-6))) // NaN stays NaN
}

// Scale sets y = x·by.
func Scale(y, x []float32, by float32) {
	for i, v := range x[:len(y)] {
		y[i] = v * by
	}
}
