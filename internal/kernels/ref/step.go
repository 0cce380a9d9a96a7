package ref

import "math"

// Gate is 1 when every number of every tensor is finite, and 0 otherwise.
func Gate(tensors ...[]float64) int32 {
	for _, x := range tensors {
		for _, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return 0
			}
		}
	}
	return 1
}

// Record writes a step's loss to its place in a ring.
func Record(ring []float64, step int64, loss float64) {
	ring[step%int64(len(ring))] = loss
}

// Tick counts a step, moves the cursor on by batch samples, and copies the next
// step's row of table to scalars; after the last row it stays there.
func Tick(step, cursor []int64, scalars, table []float64, batch int) {
	step[0]++
	cursor[0] += int64(batch)
	rows := len(table) / len(scalars)
	row := int(min(step[0], int64(rows-1)))
	copy(scalars, table[row*len(scalars):])
}

// SGD updates one parameter tensor p and its momentum v with the gradient dp:
//
//	d = dp + decay·p
//	v = momentum·v + d
//	p = p − lr·(nesterov: d + momentum·v, else v)
func SGD(p, v, dp []float64, lr, momentum, decay float64, nesterov bool) {
	for i := range p {
		d := dp[i] + float64(decay*p[i])
		v[i] = float64(momentum*v[i]) + d
		step := v[i]
		if nesterov {
			step = d + float64(momentum*v[i])
		}
		p[i] -= float64(lr * step)
	}
}
