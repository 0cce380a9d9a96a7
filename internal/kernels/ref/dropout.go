package ref

// Dropout scales those elements of a sample x by factor whose word is at least
// threshold, and sets the others to 0. Words are those of four elements from 4·four on.
func Dropout(y, x []float64, factor float64, threshold uint32, words func(four int) [4]uint32) {
	for e := range x {
		y[e] = 0
		if words(e / 4)[e%4] >= threshold {
			y[e] = x[e] * factor
		}
	}
}
