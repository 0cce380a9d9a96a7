package cpu

// A Conv holds the extents of a convolution of x [N,H,W,I] with w [O,R,S,I],
// which gives y [N,P,Q,O]; see graph.Conv.
//
// All three operations go through a matrix of columns, one row for each place
// of y, which holds the R·S·I values of x under the filter there. The rows are
// Row elements apart, so that every one is aligned; what is added is zero. It is
// made Tile rows at a time, to stay in the nearest cache.
type Conv struct {
	N, H, W, I  int
	P, Q, O     int
	R, S        int
	Stride, Pad int
}

// Tile is the number of rows of columns that exist at once.
const Tile = 64

// Taps returns the number of products in a sum, R·S·I.
func (c Conv) Taps() int { return c.R * c.S * c.I }

// Row returns Taps rounded up to a multiple of four.
func (c Conv) Row() int { return (c.Taps() + 3) &^ 3 }

// Places returns the number of places of y in one image, P·Q.
func (c Conv) Places() int { return c.P * c.Q }

// Scratch returns the elements of the scratch that each operation works in: the
// columns, and behind them one line of x with its padding.
func (c Conv) Scratch() int { return Tile*c.Row() + (c.W+2*c.Pad)*c.I }

// Filters returns the elements of filters as PackFilters lays them out.
func (c Conv) Filters() int { return c.O * c.Row() }

// PackFilters copies the filters lo to hi of w to packed [O,Row]. Where Row is
// Taps, w is packed as it is.
func (c Conv) PackFilters(packed, w []float32, lo, hi int) {
	taps, row := c.Taps(), c.Row()
	for o := lo; o < hi; o++ {
		n := copy(packed[o*row:], w[o*taps:(o+1)*taps])
		clear(packed[o*row+n : (o+1)*row])
	}
}

// Forward computes the places lo to hi of all N·P·Q of y. The filters are
// packed; bias may be nil.
func (c Conv) Forward(y, x, packed, bias, scratch []float32, lo, hi int) {
	row := c.Row()
	for ; lo < hi; lo += Tile {
		n := min(Tile, hi-lo)
		c.columns(scratch, x, lo, n)
		MatMul{
			M: n, N: c.O, K: row,
			Y:    Matrix{y[lo*c.O:], c.O, false},
			A:    Matrix{scratch, row, false},
			B:    Matrix{packed, row, true},
			Bias: bias,
		}.Part(0, 0, n, c.O)
	}
}

// BackFilter sums the gradient of w over the images lo to hi into packed
// [O,Row].
func (c Conv) BackFilter(packed, x, dy, scratch []float32, lo, hi int) {
	row := c.Row()
	clear(packed[:c.Filters()])
	for at, end := lo*c.Places(), hi*c.Places(); at < end; at += Tile {
		n := min(Tile, end-at)
		c.columns(scratch, x, at, n)
		Gemm(c.O, row, n, Matrix{dy[at*c.O:], c.O, true}, Matrix{scratch, row, false}, 1, Matrix{packed, row, false})
	}
}

// BackData computes dx for the images lo to hi.
func (c Conv) BackData(dx, w, dy, scratch []float32, lo, hi int) {
	taps, row, image := c.Taps(), c.Row(), c.H*c.W*c.I
	clear(dx[lo*image : hi*image])
	for at, end := lo*c.Places(), hi*c.Places(); at < end; at += Tile {
		n := min(Tile, end-at)
		Gemm(n, taps, c.O, Matrix{dy[at*c.O:], c.O, false}, Matrix{w, taps, false}, 0, Matrix{scratch, row, false})
		c.spread(dx, scratch, at, n)
	}
}

// columns writes the rows for n places of y, counted over all images from at.
func (c Conv) columns(scratch, x []float32, at, n int) {
	row, span, step := c.Row(), c.S*c.I, c.Stride*c.I
	col, padded := scratch[:Tile*row], scratch[Tile*row:c.Scratch()]
	for i := range n {
		for j := i*row + c.Taps(); j < (i+1)*row; j++ {
			col[j] = 0
		}
	}
	clear(padded)
	for i := 0; i < n; {
		s := c.strip(at+i, n-i)
		for r := range c.R {
			line := padded
			switch from, inside := c.line(s, r); {
			case !inside:
				clear(padded)
			case c.Pad == 0:
				line = x[from:]
			default:
				copy(padded[c.Pad*c.I:], x[from:from+c.W*c.I])
			}
			to, side := i*row+r*span, s.q*step
			for range s.count {
				copy(col[to:to+span], line[side:side+span])
				to += row
				side += step
			}
		}
		i += s.count
	}
}

// spread adds such rows to the places of dx that they were taken from.
func (c Conv) spread(dx, scratch []float32, at, n int) {
	row, span, step := c.Row(), c.S*c.I, c.Stride*c.I
	col, padded := scratch[:Tile*row], scratch[Tile*row:c.Scratch()]
	for i := 0; i < n; {
		s := c.strip(at+i, n-i)
		for r := range c.R {
			from, inside := c.line(s, r)
			if !inside {
				continue
			}
			width := c.W * c.I
			line := dx[from : from+width]
			if c.Pad > 0 {
				line = padded
				clear(line)
			}
			to, side := i*row+r*span, s.q*step
			for range s.count {
				engine.Saxpy(span, 1, col[to:], 1, line[side:], 1)
				to += row
				side += step
			}
			if c.Pad > 0 {
				engine.Saxpy(width, 1, padded[c.Pad*c.I:], 1, dx[from:], 1)
			}
		}
		i += s.count
	}
}

// A strip is some places that follow one another in a line of y.
type strip struct {
	image, p, q int // the first place
	count       int
}

// strip returns the strip that begins at a place, counted over all images, and
// has most places at the most.
func (c Conv) strip(at, most int) strip {
	q := at % c.Q
	return strip{at / c.Places(), at / c.Q % c.P, q, min(most, c.Q-q)}
}

// line returns where the line of x begins that line r of the filter lies on,
// and whether it is inside the image.
func (c Conv) line(s strip, r int) (from int, inside bool) {
	h := s.p*c.Stride + r - c.Pad
	return (s.image*c.H + h) * c.W * c.I, h >= 0 && h < c.H
}
