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

// SGD holds the factors of stochastic gradient descent.
type SGD struct {
	LR, Momentum, Decay float64
	Nesterov            bool
	Scale               float64 // of every dp; 0 means 1
}

// A Parameter is a tensor that is learnt, with its gradient and momentum.
type Parameter struct{ P, DP, V []float64 }

// Update computes every new p and v,
//
//	d = dp/scale + decay·p
//	v = momentum·v + d
//	p = p − lr·(nesterov: d + momentum·v, else v)
//
// and sets them if all are finite as float32, the type that devices keep them
// in. It returns 1 if it did, and otherwise 0.
func (s SGD) Update(parameters []Parameter) int32 {
	if s.Scale == 0 {
		s.Scale = 1
	}
	next := make([]Parameter, len(parameters))
	for i, x := range parameters {
		next[i] = s.next(x)
		if !finite(next[i].P) || !finite(next[i].V) {
			return 0
		}
	}
	for i, x := range parameters {
		copy(x.P, next[i].P)
		copy(x.V, next[i].V)
	}
	return 1
}

// next returns what p and v become.
func (s SGD) next(x Parameter) Parameter {
	y := Parameter{P: make([]float64, len(x.P)), V: make([]float64, len(x.V))}
	for i, p := range x.P {
		d := x.DP[i]/s.Scale + float64(s.Decay*p)
		v := float64(s.Momentum*x.V[i]) + d
		step := v
		if s.Nesterov {
			step = d + float64(s.Momentum*v)
		}
		y.P[i], y.V[i] = p-float64(s.LR*step), v
	}
	return y
}

// finite reports whether every number of x, rounded to float32, is finite.
func finite(x []float64) bool {
	for _, v := range x {
		if r := float64(float32(v)); math.IsNaN(r) || math.IsInf(r, 0) {
			return false
		}
	}
	return true
}
