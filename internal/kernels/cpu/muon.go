package cpu

// A Direction holds the factor of Muon's momentum; see graph.Direction.
type Direction struct{ Momentum float32 }

// Move stores v' in moved and d in x, and returns the sum of the squares of d. Either
// may be nil.
func (d Direction) Move(moved, x, dp, v []float32) float64 {
	sum := 0.0
	for i, g := range dp {
		next := float32(d.Momentum*v[i]) + g
		ahead := g + float32(d.Momentum*next)
		sum += float64(float64(ahead) * float64(ahead))
		if moved != nil {
			moved[i] = next
		}
		if x != nil {
			x[i] = ahead
		}
	}
	return sum
}

// Divide divides x by length.
func Divide(x []float32, length float32) {
	for i := range x {
		x[i] /= length
	}
}

// Squares returns the sum of the squares of x.
func Squares(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	return sum
}

// Moved is y = factor·p − lr·u.
func Moved(y, p, u []float32, factor, lr float32) {
	for i := range y {
		y[i] = float32(factor*p[i]) - float32(lr*u[i])
	}
}

// Quintic is y = a·I + b·s + c·t, for rows lo to hi−1 of matrices with n columns.
func Quintic(y, s, t []float32, a, b, c float32, n, lo, hi int) {
	for i := lo * n; i < hi*n; i++ {
		y[i] = float32(b*s[i]) + float32(c*t[i])
	}
	for i := lo; i < hi; i++ {
		y[i*n+i] += a
	}
}
