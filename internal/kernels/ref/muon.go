package ref

import "math"

// Direction is what Muon does before it makes a matrix orthogonal:
//
//	v' = momentum·v + dp/scale
//	d  = dp/scale + momentum·v'
//	x  = d / (‖d‖ + eps)
func Direction(moved, x, dp, v []float64, momentum, scale, eps float64) {
	vs, ds := make([]float64, len(v)), make([]float64, len(v))
	for i, g := range dp {
		g /= scale
		vs[i] = float64(momentum*v[i]) + g
		ds[i] = g + float64(momentum*vs[i])
	}
	length := norm(ds) + eps
	for i := range ds {
		ds[i] /= length
	}
	copy(moved, vs)
	copy(x, ds)
}

// Quintic is y = a·I + b·s + c·t, of matrices with n rows and columns.
func Quintic(y, s, t []float64, a, b, c float64, n int) {
	for i := range y {
		y[i] = float64(b*s[i]) + float64(c*t[i])
	}
	for i := range n {
		y[i*n+i] += a
	}
}

// Moved is y = p·√rows/‖p‖ − lr·u.
func Moved(y, p, u []float64, lr float64, rows int) {
	factor := math.Sqrt(float64(rows)) / norm(p)
	for i := range y {
		y[i] = float64(p[i]*factor) - float64(lr*u[i])
	}
}

// norm is the root of the sum of squares.
func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v * v)
	}
	return math.Sqrt(sum)
}
