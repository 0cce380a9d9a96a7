package cpu

// Gather copies the samples of x that order names, size bytes each, to y.
func Gather(y, x []byte, order []int32, size int) {
	for b, sample := range order {
		copy(y[b*size:(b+1)*size], x[int(sample)*size:])
	}
}

// Normalize looks up each byte of x, pixels of len(tables) channels, in its
// channel's table.
func Normalize(y []float32, x []uint8, tables [][256]float32) {
	y = y[:len(x)]
	if len(tables) == 3 {
		red, green, blue := &tables[0], &tables[1], &tables[2]
		for i := 0; i+2 < len(x); i += 3 {
			y[i], y[i+1], y[i+2] = red[x[i]], green[x[i+1]], blue[x[i+2]]
		}
		return
	}
	for i := 0; i < len(x); i += len(tables) {
		for c := range tables {
			y[i+c] = tables[c][x[i+c]]
		}
	}
}
