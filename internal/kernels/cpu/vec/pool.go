package vec

// takes reports whether v takes the place of the greatest so far. Of equals the
// first stays, +0 and −0 being equal, and NaN stays before all.
func takes(best, v float32) bool { return best == best && !(v <= best) }

// Greater keeps in best the greater of best and v: the first of equals, and NaN
// before all.
func Greater(best, v []float32) { active.greater(best, v[:len(best)]) }

func greater(best, v []float32) {
	for c, b := range best {
		if takes(b, v[c]) {
			best[c] = v[c]
		}
	}
}

// GreaterOf does what Greater does, and notes tap in which where it is v's.
func GreaterOf(best []float32, which []uint8, v []float32, tap uint8) {
	active.greaterOf(best, which[:len(best)], v[:len(best)], tap)
}

func greaterOf(best []float32, which []uint8, v []float32, tap uint8) {
	for c, b := range best {
		if takes(b, v[c]) {
			best[c], which[c] = v[c], tap
		}
	}
}

// MaxPool2 takes the greatest value of windows of 2×2 that lie side by side:
// y [lines,cols,channels] from x [2·lines,width,channels], with 2·cols ≤ width.
// Where arg is not nil it says which one that was: 0 and 1 above, 2 and 3 below.
// The first of equals wins, and NaN wins over all.
func MaxPool2(y []float32, arg []uint8, x []float32, lines, width, cols, channels int) {
	if lines == 0 || cols == 0 || channels == 0 {
		return
	}
	y = y[:lines*cols*channels]
	x = x[:((2*lines-1)*width+2*cols)*channels]
	if arg == nil {
		active.maxPool2(y, x, lines, width, cols, channels)
		return
	}
	active.maxPool2Arg(y, arg[:len(y)], x, lines, width, cols, channels)
}

func maxPool2(y []float32, arg []uint8, x []float32, lines, width, cols, channels int) {
	at := 0
	for l := range lines {
		above, below := x[2*l*width*channels:], x[(2*l+1)*width*channels:]
		for q := range cols {
			from := 2 * q * channels
			a, b := above[from:from+channels], above[from+channels:from+2*channels]
			c, d := below[from:from+channels], below[from+channels:from+2*channels]
			for i, best := range a {
				tap := uint8(0)
				if takes(best, b[i]) {
					best, tap = b[i], 1
				}
				if takes(best, c[i]) {
					best, tap = c[i], 2
				}
				if takes(best, d[i]) {
					best, tap = d[i], 3
				}
				y[at] = best
				if arg != nil {
					arg[at] = tap
				}
				at++
			}
		}
	}
}

// MaxPool2Back is the gradient of MaxPool2: dx [2·lines,width,channels] is
// dy [lines,cols,channels] where arg says so and +0 elsewhere, also in what no
// window covers of its lines.
func MaxPool2Back(dx []float32, arg []uint8, dy []float32, lines, width, cols, channels int) {
	dx = dx[:2*lines*width*channels]
	if len(dx) == 0 || cols == 0 {
		clear(dx)
		return
	}
	n := lines * cols * channels
	active.maxPool2Back(dx, arg[:n], dy[:n], lines, width, cols, channels)
}

func maxPool2Back(dx []float32, arg []uint8, dy []float32, lines, width, cols, channels int) {
	clear(dx)
	offsets := [4]int{0, channels, width * channels, (width + 1) * channels}
	at := 0
	for l := range lines {
		for q := range cols {
			from := (2*l*width + 2*q) * channels
			for c := range channels {
				dx[from+offsets[arg[at]]+c] = dy[at]
				at++
			}
		}
	}
}
