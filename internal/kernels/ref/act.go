package ref

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
