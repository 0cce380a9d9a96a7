package metrics

import (
	"cmp"
	"slices"

	"imgcls/internal/elementary"
)

// Float is the type of a logit.
type Float interface{ float32 | float64 }

// Softmax sets dst to the probabilities of a row of logits. A row with a logit
// that is NaN or +Inf, or with nothing but −Inf, gives NaN. The row may not be
// empty, and dst is at least as long.
func Softmax[F Float](dst []float64, row []F) { softmax(dst, row) }

// softmax is Softmax and returns the highest logit and the sum of exp(logit −
// highest). With them −ln p of class y is ln sum + (highest − row[y]), even
// where p itself is too small to be held.
func softmax[F Float](dst []float64, row []F) (highest, sum float64) {
	highest = float64(slices.Max(row))
	for i, z := range row {
		dst[i] = elementary.Exp(float64(z) - highest)
		sum += dst[i]
	}
	for i := range row {
		dst[i] /= sum
	}
	return highest, sum
}

// ArgMax returns the index of the highest value, the lowest such index where
// several are equal; NaN is below all numbers. It is −1 for an empty row.
func ArgMax[F Float](row []F) int {
	best := -1
	for i, v := range row {
		if best < 0 || cmp.Less(row[best], v) {
			best = i
		}
	}
	return best
}

// TopK returns the indices of the min(k, len(row)) highest values from the
// highest down, ordered as by ArgMax.
func TopK[F Float](row []F, k int) []int {
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
	return order[:min(max(k, 0), len(row))]
}

// rank is the place of class y in TopK, from 0.
func rank[F Float](row []F, y int) int {
	above := 0
	for i, v := range row {
		if v > row[y] || v == row[y] && i < y {
			above++
		}
	}
	return above
}

// Finite tells whether no value is NaN or infinite.
func Finite[F Float](row []F) bool {
	for _, v := range row {
		if v-v != 0 {
			return false
		}
	}
	return true
}
