package cpu

import "math"

// ReLU is y = max(x, 0); NaN stays NaN.
func ReLU(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(x[i], 0)
	}
}

// ReLUBack is dx = dy where y > 0, else 0. Which it is cannot be foreseen, so a
// mask is quicker than a branch.
func ReLUBack(dx, y, dy []float32) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		mask := uint32(0)
		if y[i] > 0 {
			mask = math.MaxUint32
		}
		dx[i] = math.Float32frombits(math.Float32bits(dy[i]) & mask)
	}
}
