package ref

import "math"

// Clip divides gradients by scale and then multiplies them with min(1, most/(norm+10⁻⁶)),
// where norm is that of all of them together. A y may be nil if nobody reads it.
func Clip(y, dp [][]float64, scale, most float64) {
	sum := 0.0
	for _, x := range dp {
		for _, v := range x {
			sum += float64(v/scale) * float64(v/scale)
		}
	}
	factor := math.Min(1, most/(math.Sqrt(sum)+1e-6)) / scale // NaN stays NaN
	for i, x := range dp {
		for j := range y[i] {
			y[i][j] = x[j] * factor
		}
	}
}
