package ref

import (
	"math"
	"slices"
)

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

// A Parameter is a tensor that is learnt, with its gradient, and what its rule
// keeps of earlier ones: a momentum, or two moments.
type Parameter struct {
	P, DP []float64
	Kept  [][]float64
}

// A Rule returns what p and what is kept become.
type Rule func(x Parameter) (p []float64, kept [][]float64)

// Update computes by each parameter's rule what it becomes, its gradient divided by
// scale first, and sets them if all are finite as float32, the type that devices
// keep them in. It returns 1 if it did, and otherwise 0.
func Update(parameters []Parameter, rules []Rule, scale float64) int32 {
	p, kept := make([][]float64, len(parameters)), make([][][]float64, len(parameters))
	for i, x := range parameters {
		if scale != 1 {
			x.DP = slices.Clone(x.DP)
			for j := range x.DP {
				x.DP[j] /= scale
			}
		}
		p[i], kept[i] = rules[i](x)
		for _, y := range append(kept[i], p[i]) {
			if !finite(y) {
				return 0
			}
		}
	}
	for i, x := range parameters {
		copy(x.P, p[i])
		for j := range x.Kept {
			copy(x.Kept[j], kept[i][j])
		}
	}
	return 1
}

// SGD returns the rule of stochastic gradient descent, which keeps v:
//
//	d = dp + decay·p
//	v = momentum·v + d
//	p = p − lr·(nesterov: d + momentum·v, else v)
func SGD(lr, momentum, decay float64, nesterov bool) Rule {
	return func(x Parameter) ([]float64, [][]float64) {
		ps, vs := make([]float64, len(x.P)), make([]float64, len(x.P))
		for i, p := range x.P {
			d := x.DP[i] + float64(decay*p)
			v := float64(momentum*x.Kept[0][i]) + d
			step := v
			if nesterov {
				step = d + float64(momentum*v)
			}
			ps[i], vs[i] = p-float64(lr*step), v
		}
		return ps, [][]float64{vs}
	}
}

// AdamW returns the rule of Adam with decoupled weight decay, which keeps m and v:
//
//	m = beta1·m + (1−beta1)·dp
//	v = beta2·v + (1−beta2)·dp²
//	p = keep·p − rate·m / (root·√v + eps)
func AdamW(keep, rate, root, beta1, beta2, eps float64) Rule {
	return func(x Parameter) ([]float64, [][]float64) {
		ps, ms, vs := make([]float64, len(x.P)), make([]float64, len(x.P)), make([]float64, len(x.P))
		for i, p := range x.P {
			d := x.DP[i]
			ms[i] = float64(beta1*x.Kept[0][i]) + float64((1-beta1)*d)
			vs[i] = float64(beta2*x.Kept[1][i]) + float64((1-beta2)*float64(d*d))
			ps[i] = float64(keep*p) - float64(rate*ms[i])/(float64(root*math.Sqrt(vs[i]))+eps)
		}
		return ps, [][]float64{ms, vs}
	}
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
