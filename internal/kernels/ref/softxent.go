package ref

import "imgcls/internal/elementary"

// Targets sets q [N,C] to what each row is to be:
//
//	q[n,c] = (1−smooth)·(w[n]·[c = t[n]] + (1−w[n])·[c = u[n]]) + smooth/C
//
// where without w every w is 1.
func Targets(q []float64, t, u []int32, w []float64, smooth float64) {
	c := len(q) / len(t)
	for i := range q {
		q[i] = smooth / float64(c)
	}
	for n, class := range t {
		if w == nil {
			q[n*c+int(class)] += 1 - smooth
			continue
		}
		q[n*c+int(class)] += (1 - smooth) * w[n]
		q[n*c+int(u[n])] += (1 - smooth) * (1 - w[n])
	}
}

// SoftXent is SoftmaxXent with targets q [N,C], rows of which add up to 1:
//
//	loss    = 1/N Σ_n Σ_c q[n,c]·(log Σ_j exp x[n,j] − x[n,c])
//	dx[n,c] = 1/N (softmax(x)[n,c] − q[n,c])
//
// Either output may be nil.
func SoftXent(loss, dx, x, q []float64, c int) {
	rows := len(x) / c
	total := 0.0
	for n := range rows {
		row, want := x[n*c:(n+1)*c], q[n*c:(n+1)*c]
		greatest := row[0]
		for _, v := range row {
			greatest = max(greatest, v)
		}
		sum := 0.0
		for _, v := range row {
			sum += elementary.Exp(v - greatest)
		}
		total += elementary.Log(sum)
		for j, v := range row {
			if want[j] != 0 { // else nothing, of a score of −∞ too
				total += want[j] * (greatest - v)
			}
			if dx != nil {
				dx[n*c+j] = (elementary.Exp(v-greatest)/sum - want[j]) / float64(rows)
			}
		}
	}
	if loss != nil {
		loss[0] = total / float64(rows)
	}
}
