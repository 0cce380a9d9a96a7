package metrics

import (
	"cmp"
	"slices"
)

// areas returns the area under the ROC curve, where a pair of equal scores
// counts one half (the midranks of Mann and Whitney), and the average
// precision, the sum over the thresholds of precision times the gain in
// recall. Both are undefined unless there are positive and negative samples.
func areas(scores []float64, labels []int32, positive int32) (roc, pr Figure) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })

	// From the highest score down; the samples of one score are taken at once.
	var positives, negatives int
	var halfPairs int64 // twice the pairs with the positive above
	var precision float64
	for len(order) > 0 {
		score, p, n := scores[order[0]], 0, 0
		for len(order) > 0 && scores[order[0]] == score {
			if labels[order[0]] == positive {
				p++
			} else {
				n++
			}
			order = order[1:]
		}
		halfPairs += int64(n) * int64(2*positives+p)
		positives += p
		negatives += n
		precision += float64(p) * float64(positives) / float64(positives+negatives)
	}
	if positives == 0 || negatives == 0 {
		return undefined, undefined
	}
	pairs := float64(positives) * float64(negatives)
	return Figure(float64(halfPairs) / 2 / pairs), Figure(precision / float64(positives))
}
