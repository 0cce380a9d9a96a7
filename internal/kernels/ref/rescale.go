package ref

// The bounds of a loss scale; it and its inverse are float32 numbers between them.
const leastScale, mostScale = 0x1p-126, 0x1p126

// Scale multiplies x with the scale of a loss.
func Scale(x []float64, scale float64) {
	for i := range x {
		x[i] *= scale
	}
}

// Rescale ends a step that was applied or is to be skipped. The tally holds good
// steps in a row, skipped steps in a row and skipped steps in all. It returns 1,
// or 0 where the step would be the patience-th skipped in a row: then it sets
// nothing.
func Rescale(applied int32, scale []float64, tally []int64, growth, patience int) int32 {
	if applied == 0 {
		if tally[1]+1 >= int64(patience) {
			return 0
		}
		tally[0], tally[1], tally[2] = 0, tally[1]+1, tally[2]+1
		scale[0] = max(scale[0]/2, leastScale)
		return 1
	}
	tally[0], tally[1] = tally[0]+1, 0
	if tally[0] >= int64(growth) {
		tally[0], scale[0] = 0, min(2*scale[0], mostScale)
	}
	return 1
}
