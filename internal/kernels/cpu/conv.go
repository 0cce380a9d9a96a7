package cpu

import "imgcls/internal/kernels/cpu/tile"

// A Conv holds the extents of a convolution of x [N,H,W,I] with w [O,R,S,I/G] in G
// groups, which gives y [N,P,Q,O]; see graph.Conv.
//
// No matrix of columns is made: tiles read x, or dy, where it lies, and what lies
// outside the image is left out; or, where InPatches says so, patches of it are
// transformed, with zeros outside.
type Conv struct {
	N, H, W, I  int
	P, Q, O     int
	R, S        int
	Stride, Pad int
	Groups      int // G; 0 means 1
}

func (c Conv) groups() int { return max(1, c.Groups) }

// ins and outs return the channels of x and of y in a group.
func (c Conv) ins() int  { return c.I / c.groups() }
func (c Conv) outs() int { return c.O / c.groups() }

// Taps returns the number of products in a sum, R·S·I/G.
func (c Conv) Taps() int { return c.R * c.S * c.ins() }

// Strips returns where columns of an output, O or I, may be cut, and their end: at
// PanelSide columns of a group. That no set's own panels count, as where a sum over
// places is cut shows in its bits.
func (c Conv) Strips(columns int) []int {
	starts, each := []int{0}, columns/c.groups()
	for group := range c.groups() {
		for j := PanelSide; j < each; j += PanelSide {
			starts = append(starts, group*each+j)
		}
		starts = append(starts, (group+1)*each)
	}
	return starts
}

// Places returns the number of places of y in one image, P·Q.
func (c Conv) Places() int { return c.P * c.Q }

// Forward returns the walk that computes y from x [H,W,I] for each image, with w
// packed by PackForward.
func (c Conv) Forward(set *tile.Set) *Walk {
	w := newWalk(set, c.Q*c.O, c.H*c.W*c.I, c.groups(), c.outs(), c.Taps())
	w.k, w.next = c.ins(), c.ins()
	rows := c.Pad == 0 && c.groups() == 1 // what a row of the filter covers lies in one run
	if rows {
		w.k = c.S * c.I
	}
	c.forwardLines(w, rows)
	return w
}

// A liner takes the lines of an output one after another.
type liner interface {
	line(count, step, begin, taps int, in func(place, tap int) (from int, inside bool))
	endLine()
}

// forwardLines adds the lines of y. With rows a tap is a whole row of the filter.
func (c Conv) forwardLines(to liner, rows bool) {
	taps := c.R * c.S
	if rows {
		taps = c.R
	}
	for p := range c.P {
		to.line(c.Q, c.O, 0, taps, func(q, tap int) (from int, inside bool) {
			h, v := p*c.Stride+tap, q*c.Stride
			if !rows {
				h, v = p*c.Stride+tap/c.S-c.Pad, q*c.Stride+tap%c.S-c.Pad
			}
			return (h*c.W + v) * c.I, h >= 0 && h < c.H && v >= 0 && v < c.W
		})
		to.endLine()
	}
}

// BackData returns the walk that computes dx from dy [P,Q,O] for each image, with
// w packed by PackBackData. A place of x meets the taps whose distance is a
// multiple of the stride.
func (c Conv) BackData(set *tile.Set) *Walk {
	w := newWalk(set, c.W*c.I, c.P*c.Q*c.O, c.groups(), c.ins(), c.R*c.S*c.outs())
	w.k, w.next = c.outs(), c.outs()
	c.backLines(w)
	return w
}

// backLines adds the lines of dx.
func (c Conv) backLines(to liner) {
	for h := range c.H {
		for phase := range min(c.Stride, c.W) {
			count := (c.W - phase + c.Stride - 1) / c.Stride
			to.line(count, c.Stride*c.I, phase*c.I, c.R*c.S, func(j, tap int) (from int, inside bool) {
				p, q := h+c.Pad-tap/c.S, phase+j*c.Stride+c.Pad-tap%c.S
				inside = p >= 0 && q >= 0 && p%c.Stride == 0 && q%c.Stride == 0
				p, q = p/c.Stride, q/c.Stride
				return (p*c.Q + q) * c.O, inside && p < c.P && q < c.Q
			})
		}
		to.endLine()
	}
}

// PackForward packs the columns lo to hi, filters of w, for Forward.
func (c Conv) PackForward(set *tile.Set, packed, w []float32, lo, hi int) {
	taps, outs := c.Taps(), c.outs()
	for o := lo; o < hi; {
		group, left := o/outs, outs-o%outs
		width := set.Width(left)
		at := group*set.Packed(taps, outs) + set.Packed(taps, o%outs)
		set.PackColumns(packed[at:], w[o*taps:], taps, width, taps, min(width, left))
		o += min(width, left)
	}
}

// PackBackData packs the columns lo to hi, channels of x, for BackData.
func (c Conv) PackBackData(set *tile.Set, packed, w []float32, lo, hi int) {
	taps, ins, outs := c.R*c.S, c.ins(), c.outs()
	for j := lo; j < hi; {
		group, left := j/ins, ins-j%ins
		width := set.Width(left)
		cols := min(width, left)
		panel := packed[group*set.Packed(taps*outs, ins)+set.Packed(taps*outs, j%ins):]
		for tap := range taps {
			for o := range outs {
				from := ((group*outs+o)*taps+tap)*ins + j%ins
				set.PackRow(panel, w[from:][:cols], width, taps*outs, tap*outs+o)
			}
		}
		j += cols
	}
}
