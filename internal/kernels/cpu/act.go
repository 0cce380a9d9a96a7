package cpu

import "imgcls/internal/kernels/cpu/vec"

// ReLU is y = max(x, 0); NaN stays NaN.
func ReLU(y, x []float32) { vec.ReLU(y, x) }

// ReLUBack is dx = dy where y > 0, else 0.
func ReLUBack(dx, y, dy []float32) { vec.ReLUBack(dx, y, dy) }
