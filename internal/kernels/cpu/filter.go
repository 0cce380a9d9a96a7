package cpu

import (
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/kernels/cpu/vec"
)

// A Filter is the list of tiles in which the gradient of a convolution's filters
// is summed over images:
//
//	dw[o,r,s,i] = Σ dy[n,p,q,o] · x[n, p·Stride+r−Pad, q·Stride+s−Pad, g·I/G + i]
//
// The places p, q of a tap are those whose x is inside the image. Where the filters
// fill vectors better than what lies under one of them in a run, the sum is made
// transposed, as dw[r,s,i,o].
type Filter struct {
	conv       Conv
	set        *tile.Set
	Transposed bool
	block      int // images that a tile goes through before the next tile
	tiles      []filterTile
	stretches  []vec.Stretch // of a depthwise convolution, instead
}

// A filterTile is a tile of dw with the places that it is summed over.
type filterTile struct {
	dy, x, dw      int // where its own begin, in elements
	m, n, width    int
	length, height int // places
}

// NewFilter returns the tiles of c.
func NewFilter(set *tile.Set, c Conv) *Filter {
	f := &Filter{conv: c, set: set}
	if c.Depthwise() {
		f.Transposed, f.stretches = true, c.depthwiseStretches()
		return f
	}
	if !set.Native() { // it goes place by place
		return f
	}
	run := c.ins()
	if c.Pad == 0 && c.groups() == 1 { // what lies under a row of the filter is one run
		run *= c.S
	}
	f.Transposed = run*set.Packed(1, c.outs()) < c.outs()*set.Packed(1, run)
	// x and dy of a block of images stay in a nearby cache for all tiles.
	const near = 1 << 17
	f.block = max(1, near/(c.H*c.W*c.I+c.Places()*c.O))
	for r := range c.R {
		p, p1 := c.inside(r, c.H, c.P)
		if run > c.ins() {
			f.add(r, 0, p, p1, 0, c.Q, run)
			continue
		}
		for s := range c.S {
			q, q1 := c.inside(s, c.W, c.Q)
			f.add(r, s, p, p1, q, q1, run)
		}
	}
	return f
}

// inside returns the places lo to hi of most, at which tap r of the filter lies
// inside an extent of x.
func (c Conv) inside(r, extent, most int) (lo, hi int) {
	lo = max(0, (c.Pad-r+c.Stride-1)/c.Stride)
	if last := extent - 1 + c.Pad - r; last >= 0 {
		hi = min(most, last/c.Stride+1)
	}
	return lo, max(lo, hi)
}

// add adds the tiles of the run of x under tap r, s for the places p to p1 and q
// to q1.
func (f *Filter) add(r, s, p, p1, q, q1, run int) {
	c := f.conv
	t := filterTile{
		dy: (p*c.Q + q) * c.O, x: ((p*c.Stride+r-c.Pad)*c.W + q*c.Stride + s - c.Pad) * c.I,
		length: q1 - q, height: p1 - p,
	}
	for group := range c.groups() {
		f.addGroup(t, group, (r*c.S+s)*c.ins(), run)
		t.dy, t.x = t.dy+c.outs(), t.x+c.ins()
	}
}

// addGroup adds the tiles of one group, whose places t has.
func (f *Filter) addGroup(t filterTile, group, tap, run int) {
	c := f.conv
	first := group * c.outs()
	tall, wide := c.outs(), run
	if f.Transposed {
		tall, wide = run, c.outs()
	}
	for j := 0; j < wide; j += t.width {
		t.width = f.set.Width(wide - j)
		t.n = min(t.width, wide-j)
		for i := 0; i < tall; i += t.m {
			t.m = f.set.Share(tall - i)
			at := t
			if f.Transposed {
				at.x, at.dy, at.dw = t.x+i, t.dy+j, (tap+i)*c.O+first+j
			} else {
				at.x, at.dy, at.dw = t.x+j, t.dy+i, (first+i)*c.Taps()+tap+j
			}
			f.tiles = append(f.tiles, at)
		}
	}
}

// broad is the channels of a tile of a depthwise convolution: so few that some lines of
// them stay in a nearby cache.
const broad = 128

// Tiles returns the number of tiles; gonum's are the filters.
func (f *Filter) Tiles() int {
	if f.conv.Depthwise() {
		return (f.conv.O + broad - 1) / broad
	}
	if !f.set.Native() {
		return f.conv.O
	}
	return len(f.tiles)
}

// Sum computes the tiles from to until of dw [O,R,S,I], or [R,S,I,O] where it is
// Transposed, over that many images of x and dy. With add it adds to what is there.
func (f *Filter) Sum(dw, x, dy []float32, from, until, images int, add bool) {
	if f.conv.Depthwise() {
		for ; from < until; from++ {
			f.channels(dw, x, dy, from*broad, min((from+1)*broad, f.conv.O), images, add)
		}
		return
	}
	if !f.set.Native() {
		f.places(dw, x, dy, from, until, images, add)
		return
	}
	for n := 0; n < images; n += f.block {
		for i := from; i < until; i++ {
			f.tile(&f.tiles[i], dw, x, dy, n, min(f.block, images-n), add || n > 0)
		}
	}
}

// channels does so for the channels lo to hi of a depthwise convolution.
func (f *Filter) channels(dw, x, dy []float32, lo, hi, images int, add bool) {
	c := f.conv
	if !add {
		for tap := range c.R * c.S {
			clear(dw[tap*c.O+lo : tap*c.O+hi])
		}
	}
	for n := range images {
		vec.SlideProducts(dw[lo:], x[n*c.H*c.W*c.I+lo:], dy[n*c.Places()*c.O+lo:], f.stretches, c.O, c.Stride*c.I, hi-lo)
	}
}

// tile computes a tile over images from n on; with add it adds to what is there.
func (f *Filter) tile(t *filterTile, dw, x, dy []float32, n, images int, add bool) {
	c := f.conv
	stride := c.Taps()
	if f.Transposed {
		stride = c.O
	}
	if t.length == 0 || t.height == 0 { // the tap lies outside at every place
		for i := range t.m {
			if !add {
				clear(dw[t.dw+i*stride:][:t.n])
			}
		}
		return
	}
	const bytes = 4
	xStep, xRow := c.Stride*c.I, (c.Stride*c.W-t.length*c.Stride)*c.I
	xImage := (c.H - t.height*c.Stride) * c.W * c.I
	dyStep, dyRow, dyImage := c.O, (c.Q-t.length)*c.O, (c.P-t.height)*c.Q*c.O
	call := tile.Cols{
		A: &dy[n*c.Places()*c.O+t.dy], AStep: bytes * dyStep, ARow: bytes * dyRow, AImage: bytes * dyImage,
		B: &x[n*c.H*c.W*c.I+t.x], BStep: bytes * xStep, BRow: bytes * xRow, BImage: bytes * xImage,
		C: &dw[t.dw], CStep: bytes * stride,
		Len: t.length, Rows: t.height, Images: images, M: t.m, N: t.n, Width: t.width,
	}
	if f.Transposed {
		call.A, call.B = call.B, call.A
		call.AStep, call.BStep = call.BStep, call.AStep
		call.ARow, call.BRow = call.BRow, call.ARow
		call.AImage, call.BImage = call.BImage, call.AImage
	}
	if add {
		call.Add = 1
	}
	f.set.Cols(&call)
}

// places does so for the filters from to until, place by place, and leaves out
// those where dy is zero.
func (f *Filter) places(dw, x, dy []float32, from, until, images int, add bool) {
	c := f.conv
	if !add {
		clear(dw[from*c.Taps() : until*c.Taps()])
	}
	for at := range images * c.Places() {
		n, p, q := at/c.Places(), at/c.Q%c.P, at%c.Q
		h, v := p*c.Stride-c.Pad, q*c.Stride-c.Pad
		s, s1 := max(0, -v), min(c.S, c.W-v)
		for o := from; o < until; o++ {
			g := dy[at*c.O+o]
			if g == 0 || s >= s1 {
				continue
			}
			for r := max(0, -h); r < min(c.R, c.H-h); r++ {
				c.addRow(dw[o*c.Taps()+(r*c.S+s)*c.ins():], x[((n*c.H+h+r)*c.W+v+s)*c.I+o/c.outs()*c.ins():], g, s1-s)
			}
		}
	}
}

// addRow adds g times what lies under so many taps of a row of a filter.
func (c Conv) addRow(dw, x []float32, g float32, taps int) {
	run := c.ins()
	if c.groups() == 1 {
		run, taps = run*taps, 1
	}
	for i := range taps {
		tile.Axpy(g, x[i*c.I:][:run], dw[i*run:][:run])
	}
}

// Finish adds up to dw [O,R,S,I] what Sum left in parts [parts, O·R·S·I], from the
// first to the last.
func (f *Filter) Finish(dw, parts []float32) {
	c := f.conv
	taps := c.Taps()
	if !f.Transposed {
		SumPartials(dw, parts, 1, len(dw), len(dw), 0, 1)
		return
	}
	// The columns of the sum, dw[r,s,i,o], are the rows of dw.
	SumPartials(parts, parts, 1, taps*c.O, taps*c.O, 0, 1)
	f.set.Transpose(dw, taps, parts, c.O, taps, c.O)
}
