package cpu

import "imgcls/internal/kernels/cpu/vec"

// ReLU is y = max(x, 0); NaN stays NaN.
func ReLU(y, x []float32) { vec.ReLU(y, x) }

// ReLUBack is dx = dy where y > 0, else 0.
func ReLUBack(dx, y, dy []float32) { vec.ReLUBack(dx, y, dy) }

// ReLU6 is y = min(max(x, 0), 6); NaN stays NaN.
func ReLU6(y, x []float32) { vec.ReLU6(y, x) }

// ReLU6Back is dx = dy where 0 < y < 6, else 0.
func ReLU6Back(dx, y, dy []float32) { vec.ReLU6Back(dx, y, dy) }

// GELU is y = x·Φ(x).
func GELU(y, x []float32) { vec.GELU(y, x) }

// GELUBack is dx = dy·(Φ(x) + x·φ(x)).
func GELUBack(dx, x, dy []float32) { vec.GELUBack(dx, x, dy) }

// SiLU is y = x/(1 + e⁻ˣ).
func SiLU(y, x []float32) { vec.SiLU(y, x) }

// SiLUBack is dx = dy·σ(x)·(1 + x·(1 − σ(x))).
func SiLUBack(dx, x, dy []float32) { vec.SiLUBack(dx, x, dy) }
