package cpu

// Dropout scales those elements of a sample x by factor whose word is at least
// threshold, and sets the others to 0. Words are those of four elements from 4·four on.
func Dropout(y, x []float32, factor float32, threshold uint32, words func(four int) [4]uint32) {
	for at := 0; at < len(x); at += 4 {
		four := words(at / 4)
		to := y[at:min(at+4, len(x))]
		for i, v := range x[at:][:len(to)] {
			to[i] = 0
			if four[i] >= threshold {
				to[i] = v * factor
			}
		}
	}
}
