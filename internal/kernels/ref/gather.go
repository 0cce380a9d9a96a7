package ref

// Gather copies the samples whose turn it is, each as long as size:
//
//	y[b] = x[order[cursor+b]]   for b < len(y)/size
func Gather[T any](y, x []T, order []int32, cursor int64, size int) {
	for b := range len(y) / size {
		from := int(order[int(cursor)+b]) * size
		copy(y[b*size:(b+1)*size], x[from:from+size])
	}
}

// Normalize turns bytes x [..., C] into numbers:
//
//	y = (x/255 − mean[c]) / std[c]
func Normalize(y []float64, x []uint8, mean, std []float64) {
	for i, v := range x {
		c := i % len(mean)
		y[i] = (float64(v)/255 - mean[c]) / std[c]
	}
}
