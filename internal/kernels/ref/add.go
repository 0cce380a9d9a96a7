package ref

// Add is y = a + b.
func Add(y, a, b []float64) {
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// ChannelSum adds up x [..., C] over all but its last dimension into y [C].
func ChannelSum(y, x []float64) {
	clear(y)
	for i, v := range x {
		y[i%len(y)] += v
	}
}
