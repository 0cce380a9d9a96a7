package cpu

import (
	"math"

	"imgcls/internal/elementary"
)

// Targets are what the rows of scores are to be: of class T[n] or, where W is not nil, that
// by W[n] and U[n] by the rest, of which Smooth is shared out to all classes.
type Targets struct {
	T, U   []int32
	W      []float32
	Smooth float64
}

// of returns the two classes of row n and their weights.
func (t Targets) of(n int) (first, second int, ofFirst, ofSecond float64) {
	keep := 1 - t.Smooth
	first = int(t.T[n])
	if t.W == nil {
		return first, first, keep, 0
	}
	w := float64(t.W[n])
	return first, int(t.U[n]), keep * w, keep * (1 - w)
}

// SoftXent is SoftmaxXent with soft targets.
func SoftXent(dx, x []float32, t Targets, of int, exps []float64) (loss float32) {
	rows := len(t.T)
	classes := len(x) / rows
	part, share := t.Smooth/float64(classes), 1/float64(of)
	total := 0.0
	for n := range rows {
		row := x[n*classes : (n+1)*classes]
		most := math.Inf(-1)
		for _, v := range row {
			most = max(most, float64(v))
		}
		sum, below := 0.0, 0.0
		for c, v := range row {
			exps[c] = elementary.Exp(float64(v) - most)
			sum += exps[c]
			below += most - float64(v)
		}
		first, second, ofFirst, ofSecond := t.of(n)
		total += elementary.Log(sum) + weighed(part, below) +
			weighed(ofFirst, most-float64(row[first])) + weighed(ofSecond, most-float64(row[second]))
		if dx == nil {
			continue
		}
		d := dx[n*classes : (n+1)*classes]
		for c := range d {
			p := exps[c]/sum - part
			if c == first {
				p -= ofFirst
			}
			if c == second {
				p -= ofSecond
			}
			d[c] = float32(p * share)
		}
	}
	return float32(total * share)
}

// weighed is the product, and 0 by no weight, of an infinity too.
func weighed(weight, x float64) float64 {
	if weight == 0 {
		return 0
	}
	return float64(weight * x)
}
