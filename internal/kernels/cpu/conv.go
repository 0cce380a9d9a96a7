package cpu

import "imgcls/internal/kernels/cpu/tile"

// A Conv holds the extents of a convolution of x [N,H,W,I] with w [O,R,S,I],
// which gives y [N,P,Q,O]; see graph.Conv.
//
// No matrix of columns is made: tiles read x, or dy, where it lies. What lies
// outside the image is left out and not replaced by zeros.
type Conv struct {
	N, H, W, I  int
	P, Q, O     int
	R, S        int
	Stride, Pad int
}

// Taps returns the number of products in a sum, R·S·I.
func (c Conv) Taps() int { return c.R * c.S * c.I }

// Places returns the number of places of y in one image, P·Q.
func (c Conv) Places() int { return c.P * c.Q }

// Forward returns the walk that computes y from x [H,W,I] for each image, with w
// packed by PackForward.
func (c Conv) Forward(set *tile.Set) *Walk {
	w := newWalk(set, c.Q*c.O, c.H*c.W*c.I, c.O, c.Taps())
	w.k = c.I
	taps := c.R * c.S
	if c.Pad == 0 { // what a row of the filter covers lies in one run
		w.k, taps = c.S*c.I, c.R
	}
	for p := range c.P {
		w.line(c.Q, c.O, 0, taps, func(q, tap int) (from int, inside bool) {
			h, v := p*c.Stride+tap, q*c.Stride
			if c.Pad > 0 {
				h, v = p*c.Stride+tap/c.S-c.Pad, q*c.Stride+tap%c.S-c.Pad
			}
			return (h*c.W + v) * c.I, h >= 0 && h < c.H && v >= 0 && v < c.W
		})
		w.endLine()
	}
	return w
}

// BackData returns the walk that computes dx from dy [P,Q,O] for each image, with
// w packed by PackBackData. A place of x meets the taps whose distance is a
// multiple of the stride.
func (c Conv) BackData(set *tile.Set) *Walk {
	w := newWalk(set, c.W*c.I, c.P*c.Q*c.O, c.I, c.R*c.S*c.O)
	w.k = c.O
	for h := range c.H {
		for phase := range min(c.Stride, c.W) {
			count := (c.W - phase + c.Stride - 1) / c.Stride
			w.line(count, c.Stride*c.I, phase*c.I, c.R*c.S, func(j, tap int) (from int, inside bool) {
				p, q := h+c.Pad-tap/c.S, phase+j*c.Stride+c.Pad-tap%c.S
				inside = p >= 0 && q >= 0 && p%c.Stride == 0 && q%c.Stride == 0
				p, q = p/c.Stride, q/c.Stride
				return (p*c.Q + q) * c.O, inside && p < c.P && q < c.Q
			})
		}
		w.endLine()
	}
	return w
}

// PackForward packs the columns lo to hi, filters of w, for Forward.
func (c Conv) PackForward(set *tile.Set, packed, w []float32, lo, hi int) {
	taps := c.Taps()
	for o := lo; o < hi; {
		width := set.Width(c.O - o)
		set.PackColumns(packed[set.Packed(taps, o):], w[o*taps:], taps, width, taps, min(width, c.O-o))
		o += width
	}
}

// PackBackData packs the columns lo to hi, channels of x, for BackData.
func (c Conv) PackBackData(set *tile.Set, packed, w []float32, lo, hi int) {
	taps := c.R * c.S
	for j := lo; j < hi; {
		width := set.Width(c.I - j)
		cols := min(width, c.I-j)
		panel := packed[set.Packed(taps*c.O, j):]
		for tap := range taps {
			for o := range c.O {
				set.PackRow(panel, w[(o*taps+tap)*c.I+j:][:cols], width, taps*c.O, tap*c.O+o)
			}
		}
		j += width
	}
}
