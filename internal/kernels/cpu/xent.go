package cpu

import (
	"math"

	"imgcls/internal/elementary"
)

// SoftmaxXent returns the sum of the cross-entropies of softmax(x) with the classes t,
// for x [N,C], divided by of, and writes its gradient to dx where it is not nil. It
// computes in float64: scores are few, and everything follows from them. exps [C] is
// room for the exponentials of a row.
func SoftmaxXent(dx, x []float32, t []int32, of int, exps []float64) (loss float32) {
	classes := len(x) / len(t)
	share := 1 / float64(of)
	total := 0.0
	for n, class := range t {
		row := x[n*classes : (n+1)*classes]
		most := math.Inf(-1)
		for _, v := range row {
			most = max(most, float64(v))
		}
		sum := 0.0
		for c, v := range row {
			exps[c] = elementary.Exp(float64(v) - most)
			sum += exps[c]
		}
		total += elementary.Log(sum) + most - float64(row[class])
		if dx == nil {
			continue
		}
		d := dx[n*classes : (n+1)*classes]
		for c := range d {
			p := exps[c] / sum
			if c == int(class) {
				p--
			}
			d[c] = float32(p * share)
		}
	}
	return float32(total * share)
}
