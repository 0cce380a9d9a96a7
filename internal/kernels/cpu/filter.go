package cpu

import (
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/kernels/cpu/vec"
)

// A Filter is the list of panels in which the gradient of a convolution's filters
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
	panels     []filterPanel
	stretches  []vec.Stretch // of a depthwise convolution, instead
}

// A filterPanel is up to PanelSide rows and columns of dw under one tap, with the places
// that it is summed over.
type filterPanel struct {
	dy, x, dw      int // where its own begin, in elements
	rows, columns  int
	length, height int // places
}

// PanelSide is the most rows and columns of a panel.
const PanelSide = 64

// NewFilter returns the panels of c.
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

// add adds the panels of the run of x under tap r, s for the places p to p1 and q
// to q1.
func (f *Filter) add(r, s, p, p1, q, q1, run int) {
	c := f.conv
	at := filterPanel{
		dy: (p*c.Q + q) * c.O, x: ((p*c.Stride+r-c.Pad)*c.W + q*c.Stride + s - c.Pad) * c.I,
		length: q1 - q, height: p1 - p,
	}
	for group := range c.groups() {
		f.addGroup(at, group, (r*c.S+s)*c.ins(), run)
		at.dy, at.x = at.dy+c.outs(), at.x+c.ins()
	}
}

// addGroup adds the panels of one group, whose places at has.
func (f *Filter) addGroup(at filterPanel, group, tap, run int) {
	c := f.conv
	tall, wide, rowsApart := c.outs(), run, c.Taps()
	begin := group*c.outs()*c.Taps() + tap
	if f.Transposed {
		tall, wide, rowsApart = run, c.outs(), c.O
		begin = tap*c.O + group*c.outs()
	}
	for i := 0; i < tall; i += PanelSide {
		for j := 0; j < wide; j += PanelSide {
			p := at
			p.rows, p.columns, p.dw = min(PanelSide, tall-i), min(PanelSide, wide-j), begin+i*rowsApart+j
			if f.Transposed {
				p.x, p.dy = at.x+i, at.dy+j
			} else {
				p.x, p.dy = at.x+j, at.dy+i
			}
			f.panels = append(f.panels, p)
		}
	}
}

// broad is the channels of a tile of a depthwise convolution: so few that some lines of
// them stay in a nearby cache.
const broad = 128

// Panels returns the number of panels; gonum's are the filters.
func (f *Filter) Panels() int {
	if f.conv.Depthwise() {
		return (f.conv.O + broad - 1) / broad
	}
	if !f.set.Native() {
		return f.conv.O
	}
	return len(f.panels)
}

// Scratch returns the elements of the scratch that Sum works in.
func (f *Filter) Scratch() int {
	if f.conv.Depthwise() || !f.copies() {
		return 0
	}
	return 2 * PanelSide * max(fewPlaces, f.conv.Q)
}

// Sum computes the panels from to until of dw [O,R,S,I], or [R,S,I,O] where it is
// Transposed, over that many images of x and dy. With add it adds to what is there.
func (f *Filter) Sum(dw, x, dy []float32, from, until, images int, add bool, scratch []float32) {
	switch {
	case f.conv.Depthwise():
		for ; from < until; from++ {
			f.channels(dw, x, dy, from*broad, min((from+1)*broad, f.conv.O), images, add)
		}
	case !f.set.Native():
		f.places(dw, x, dy, from, until, images, add)
	default:
		// Every panel reads all images, so they take their turns at a few images, while
		// these are in a nearby cache.
		image, gradient := f.conv.H*f.conv.W*f.conv.I, f.conv.Places()*f.conv.O
		block := max(1, nearby/(image+gradient))
		for n := 0; n < images; n += block {
			for p := from; p < until; p++ {
				f.panel(&f.panels[p], dw, x[n*image:], dy[n*gradient:], min(block, images-n), add || n > 0, scratch)
			}
		}
	}
}

// nearby is the elements of images that stay there: 256 KiB, a part of every second
// cache.
const nearby = 1 << 16

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

// A panel is summed over some places before the next ones. Where places are far apart and
// tiles have few rows, what lies there is first copied together, line by line of a cache:
// else a tile fetches more than it reads, and places lie over one another in the nearest
// cache. The places are then so few that there is room in it for a line of each factor.
const (
	fewPlaces, manyPlaces = 128, 1024
	farApart, fewRows     = 64, 6
)

// align16 rounds up to whole lines.
func align16(n int) int { return (n + vec.LineElements - 1) / vec.LineElements * vec.LineElements }

// copies reports whether the set's tiles have few rows.
func (f *Filter) copies() bool { return f.set.Native() && f.set.Tall <= fewRows }

// panel computes p over that many images; with add it adds to what is there.
func (f *Filter) panel(p *filterPanel, dw, x, dy []float32, images int, add bool, scratch []float32) {
	c := f.conv
	dw = dw[p.dw:]
	rowsApart := c.Taps()
	if f.Transposed {
		rowsApart = c.O
	}
	if p.length == 0 || p.height == 0 { // the tap lies outside at every place
		for i := 0; i < p.rows && !add; i++ {
			clear(dw[i*rowsApart:][:p.columns])
		}
		return
	}
	a := factor{data: dy[p.dy:], wide: PanelSide, place: c.O, line: c.Q * c.O, image: c.Places() * c.O}
	b := factor{data: x[p.x:], wide: PanelSide, place: c.Stride * c.I, line: c.Stride * c.W * c.I, image: c.H * c.W * c.I}
	if f.Transposed {
		a, b = b, a
	}
	places := manyPlaces
	together := f.copies() && min(a.place, b.place) >= farApart
	if together {
		places = fewPlaces
	}
	lines := max(1, min(p.height, places/p.length))
	block := 1 // images
	if lines == p.height {
		block = max(1, places/(p.length*p.height))
	}
	for n := 0; n < images; n += block {
		for line := 0; line < p.height; line += lines {
			cols := tile.Cols{CStep: bytes * rowsApart, Len: p.length, Rows: min(lines, p.height-line), Images: min(block, images-n)}
			if add || n > 0 || line > 0 {
				cols.Add = 1
			}
			left, right := a.from(n, line), b.from(n, line)
			if together {
				left = left.together(scratch, &cols, p.rows)
				right = right.together(scratch[len(left.data):], &cols, p.columns)
			}
			f.tiles(cols, dw, left, right, p, rowsApart)
		}
	}
}

// tiles computes the tiles of p as cols says.
func (f *Filter) tiles(cols tile.Cols, dw []float32, left, right factor, p *filterPanel, rowsApart int) {
	cols.AStep, cols.ARow, cols.AImage = left.steps(&cols)
	cols.BStep, cols.BRow, cols.BImage = right.steps(&cols)
	for j := 0; j < p.columns; j += cols.N {
		cols.Width = f.set.Width(p.columns - j)
		cols.N = min(cols.Width, p.columns-j)
		cols.B = right.at(j)
		for i := 0; i < p.rows; i += cols.M {
			cols.M = f.set.ShareCols(min(left.wide-i%left.wide, p.rows-i), cols.Width)
			cols.A, cols.C = left.at(i), &dw[i*rowsApart+j]
			f.set.Cols(&cols)
		}
	}
}

const bytes = 4 // of an element

// A factor is x or dy, from some place on: its elements, how many lie from one place,
// line or image to the next, and how many channels lie together at a place, with those
// that follow in a block of their own. A panel's all do, unless they were copied.
type factor struct {
	data               []float32
	place, line, image int
	wide, block        int
}

func (f factor) from(image, line int) factor {
	f.data = f.data[image*f.image+line*f.line:]
	return f
}

// at returns the place of a channel.
func (f factor) at(channel int) *float32 {
	return &f.data[channel/f.wide*f.block+channel%f.wide]
}

// steps returns those of tile.Cols.
func (f factor) steps(t *tile.Cols) (place, line, image int) {
	return bytes * f.place, bytes * (f.line - t.Len*f.place), bytes * (f.image - t.Rows*f.line)
}

// together copies so many channels of the places of t into whole lines.
func (f factor) together(to []float32, t *tile.Cols, channels int) factor {
	places := t.Images * t.Rows * t.Len
	g := factor{wide: vec.LineElements, place: vec.LineElements, line: vec.LineElements * t.Len, image: vec.LineElements * t.Len * t.Rows, block: vec.LineElements * places}
	g.data = to[:align16(channels)*places]
	for c := 0; c < channels; c += vec.LineElements {
		width := min(vec.LineElements, channels-c)
		for n := range t.Images {
			for line := range t.Rows {
				from := f.data[n*f.image+line*f.line+c:]
				if width == vec.LineElements {
					vec.Lines(to[:t.Len*width], from, f.place)
				} else {
					for i := range t.Len {
						copy(to[i*vec.LineElements:][:width], from[i*f.place:])
					}
				}
				to = to[t.Len*vec.LineElements:]
			}
		}
	}
	return g
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
