package cpu

import "imgcls/internal/kernels/cpu/vec"

// Finite reports whether no element of x is NaN or infinite.
func Finite(x []float32) bool { return vec.Finite(x) }

// SGD holds the factors of stochastic gradient descent; see graph.SGD.
type SGD = vec.SGD

// Record writes loss to its place in the ring.
func Record(ring []float32, step int64, loss float32) {
	ring[step%int64(len(ring))] = loss
}

// Tick counts a step of batch samples and copies the next one's row of table
// to scalars.
func Tick(step, cursor *int64, scalars, table []float32, batch int) {
	*step++
	*cursor += int64(batch)
	rows := len(table) / len(scalars)
	next := int(min(*step, int64(rows-1)))
	copy(scalars, table[next*len(scalars):])
}
