package cpu

import (
	"unsafe"

	"imgcls/internal/kernels/cpu/tile"
)

// A FewBack is the gradient of a convolution with respect to x of few channels.
// They do not fill vectors, but all that lies under a row of the filter does: so
// each place of dy is spread over the whole window of x under the filter at once,
// and what is zero in dy is left out.
type FewBack struct {
	conv         Conv
	set          *tile.Set
	pitch        int // elements from one line of an image, with its padding, to the next
	lanes        int
	passes       []fewPass
	filterMasks  unsafe.Pointer
	packed, room int // elements
}

// A fewPass is some rows of the filter, as many as fit in registers.
type fewPass struct {
	row, rows int
	w         int // where its packed filters begin
	offsets   []int32
	masks     unsafe.Pointer
}

// fewChannels is the number below which channels are few.
const fewChannels = 8

// FewBackData returns the gradient of c, or nil where c has many channels or very
// wide filters, for every set alike.
//
// An element of dx gets one sum for each place of dy, by ascending places, whatever
// the passes are: under one row of dy it lies in one row of the filter.
func (c Conv) FewBackData(set *tile.Set) *FewBack {
	lanes := set.Lanes(c.S * c.I)
	across := (c.S*c.I + lanes - 1) / lanes // vectors of a row of the filter
	if c.groups() > 1 || c.I >= fewChannels || c.S*c.I > tile.MostRun {
		return nil
	}
	f := &FewBack{conv: c, set: set, lanes: lanes, pitch: (c.W + 2*c.Pad) * c.I}
	f.room = (c.H + 2*c.Pad) * f.pitch
	for row := 0; row < c.R; {
		p := fewPass{row: row, rows: min(c.R-row, set.MostVectors()/across), w: f.packed}
		var valid []int
		for r := range p.rows {
			for v := range across {
				p.offsets = append(p.offsets, int32(4*(r*f.pitch+v*lanes)))
				valid = append(valid, min(lanes, c.S*c.I-v*lanes))
			}
		}
		p.masks = set.Valid(valid)
		f.passes = append(f.passes, p)
		f.packed += c.O * len(p.offsets) * lanes
		row += p.rows
	}
	var valid []int
	for o := 0; o < c.O; o += lanes {
		valid = append(valid, min(lanes, c.O-o))
	}
	f.filterMasks = set.Valid(valid)
	return f
}

// Packed returns the elements of the packed filters.
func (f *FewBack) Packed() int { return f.packed }

// Scratch returns the elements of an image with its padding, 0 if it has none.
func (f *FewBack) Scratch() int {
	if f.conv.Pad == 0 {
		return 0
	}
	return f.room
}

// Pack packs the filters w [O,R,S,I], for each pass [O,rows,across].
func (f *FewBack) Pack(packed, w []float32) {
	c, lanes := f.conv, f.lanes
	run := c.S * c.I
	for _, p := range f.passes {
		across := len(p.offsets) / p.rows * lanes
		for o := range c.O {
			for r := range p.rows {
				copy(packed[p.w+(o*p.rows+r)*across:][:run], w[(o*c.R+p.row+r)*run:])
			}
		}
	}
}

// Compute computes dx [H,W,I] of one image from dy [P,Q,O].
func (f *FewBack) Compute(dx, packed, dy, scratch []float32) {
	c := f.conv
	if c.Pad == 0 {
		f.spread(dx, packed, dy)
		return
	}
	f.spread(scratch, packed, dy)
	for h := range c.H {
		copy(dx[h*c.W*c.I:(h+1)*c.W*c.I], scratch[(h+c.Pad)*f.pitch+c.Pad*c.I:])
	}
}

// spread computes an image with its padding.
func (f *FewBack) spread(image, packed, dy []float32) {
	const bytes = 4
	c := f.conv
	t := tile.Spread{
		FilterMasks: f.filterMasks, DYStep: bytes * c.O, WindowStep: bytes * c.Stride * c.I, Places: c.Q, Filters: c.O, Lanes: f.lanes,
	}
	clear(image[:f.room])
	for p := range c.P {
		t.DY = &dy[p*c.Q*c.O]
		for i := range f.passes {
			pass := &f.passes[i]
			t.Window, t.W = &image[(p*c.Stride+pass.row)*f.pitch], &packed[pass.w]
			t.Offsets, t.Masks = &pass.offsets[0], pass.masks
			t.Vectors = len(pass.offsets)
			t.FilterStep = bytes * t.Vectors * f.lanes
			f.set.Spread(&t)
		}
	}
}
