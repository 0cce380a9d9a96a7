package cpu

import (
	"imgcls/internal/elementary"
	"imgcls/internal/kernels/cpu/vec"
)

// ReLU is y = max(x, 0); NaN stays NaN.
func ReLU(y, x []float32) { vec.ReLU(y, x) }

// ReLUBack is dx = dy where y > 0, else 0.
func ReLUBack(dx, y, dy []float32) { vec.ReLUBack(dx, y, dy) }

// ReLU6 is y = min(max(x, 0), 6); NaN stays NaN.
func ReLU6(y, x []float32) {
	for i, v := range x {
		y[i] = min(max(v, 0), 6)
	}
}

// ReLU6Back is dx = dy where 0 < y < 6, else 0.
func ReLU6Back(dx, y, dy []float32) {
	for i, v := range y {
		dx[i] = 0
		if v > 0 && v < 6 {
			dx[i] = dy[i]
		}
	}
}

// GELU is y = x·Φ(x), rounded once.
func GELU(y, x []float32) {
	for i, v := range x {
		share, _ := elementary.Gaussian(float64(v))
		y[i] = float32(float64(v) * share)
	}
}

// GELUBack is dx = dy·(Φ(x) + x·φ(x)), rounded once.
func GELUBack(dx, x, dy []float32) {
	for i, v := range x {
		share, density := elementary.Gaussian(float64(v))
		dx[i] = float32(float64(dy[i]) * (share + float64(float64(v)*density)))
	}
}

// SiLU is y = x/(1 + e⁻ˣ), rounded once.
func SiLU(y, x []float32) {
	for i, v := range x {
		share, _ := elementary.Logistic(float64(v))
		y[i] = float32(float64(v) * share)
	}
}

// SiLUBack is dx = dy·σ(x)·(1 + x·(1 − σ(x))), rounded once.
func SiLUBack(dx, x, dy []float32) {
	for i, v := range x {
		share, rest := elementary.Logistic(float64(v))
		dx[i] = float32(float64(dy[i]) * (share * (1 + float64(float64(v)*rest))))
	}
}
