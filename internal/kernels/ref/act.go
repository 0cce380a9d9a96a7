package ref

import "imgcls/internal/elementary"

// ReLU is y = max(x, 0); a NaN stays one.
func ReLU(y, x []float64) {
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		y[i] = v
	}
}

// ReLUBack is dx = dy where y > 0, and 0 elsewhere.
func ReLUBack(dx, y, dy []float64) {
	for i, v := range y {
		dx[i] = 0
		if v > 0 {
			dx[i] = dy[i]
		}
	}
}

// ReLU6 is y = min(max(x, 0), 6); a NaN stays one.
func ReLU6(y, x []float64) {
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		if v >= 6 {
			v = 6
		}
		y[i] = v
	}
}

// ReLU6Back is dx = dy where 0 < y < 6, and 0 elsewhere.
func ReLU6Back(dx, y, dy []float64) {
	for i, v := range y {
		dx[i] = 0
		if v > 0 && v < 6 {
			dx[i] = dy[i]
		}
	}
}

// GELU is y = x·Φ(x).
func GELU(y, x []float64) {
	for i, v := range x {
		share, _ := elementary.Gaussian(v)
		y[i] = v * share
	}
}

// GELUBack is dx = dy·(Φ(x) + x·φ(x)).
func GELUBack(dx, x, dy []float64) {
	for i, v := range x {
		share, density := elementary.Gaussian(v)
		dx[i] = dy[i] * (share + float64(v*density))
	}
}

// SiLU is y = x·σ(x), σ(x) = 1/(1 + e⁻ˣ).
func SiLU(y, x []float64) {
	for i, v := range x {
		share, _ := elementary.Logistic(v)
		y[i] = v * share
	}
}

// SiLUBack is dx = dy·σ(x)·(1 + x·(1 − σ(x))).
func SiLUBack(dx, x, dy []float64) {
	for i, v := range x {
		share, rest := elementary.Logistic(v)
		dx[i] = dy[i] * (share * (1 + float64(v*rest)))
	}
}
