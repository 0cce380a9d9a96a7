package ref

import "imgcls/internal/elementary"

// SoftmaxXent is the mean cross-entropy of softmax(x) with the true classes t,
// for x [N,C] and t [N], and its gradient:
//
//	loss    = 1/N Σ_n (log Σ_c exp x[n,c] − x[n,t[n]])
//	dx[n,c] = 1/N (softmax(x)[n,c] − [c = t[n]])
//
// The row's greatest value is subtracted before exp, so that nothing overflows.
// Either output may be nil.
func SoftmaxXent(loss, dx, x []float64, t []int32) {
	total := 0.0
	rows := float64(len(t))
	c := len(x) / len(t)
	for n, class := range t {
		row := x[n*c : (n+1)*c]
		greatest := row[0]
		for _, v := range row {
			greatest = max(greatest, v)
		}
		sum := 0.0
		for _, v := range row {
			sum += elementary.Exp(v - greatest)
		}
		total += elementary.Log(sum) + (greatest - row[class])
		if dx == nil {
			continue
		}
		for j, v := range row {
			p := elementary.Exp(v-greatest) / sum
			if j == int(class) {
				p--
			}
			dx[n*c+j] = p / rows
		}
	}
	if loss != nil {
		loss[0] = total / rows
	}
}
