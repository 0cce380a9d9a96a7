package cpu

import (
	"math"
	"unsafe"

	"imgcls/internal/kernels/cpu/tile"
)

// A Walk is the list of tiles in which an image of a convolution's output is
// computed, or of a gradient that is a convolution too. It is the same for every
// image.
//
// A tile is some places of one line of the output. Where a run of the input
// under the filter would lie outside the image, it is not in the tile's list;
// where it does for the first or the last row of a tile alone, the list says so;
// and otherwise the tile ends before.
type Walk struct {
	set     *tile.Set
	size    int // elements of an output line
	from    int // elements of an input image
	groups  int
	columns int // of a group of the output
	next    int // elements of an input place from one group to the next
	depth   int // rows of the packed filters of a group
	k       int // elements of a run

	tiles []tile.Places
	lines []int // of each output line the first tile, and the end
	runs  []int32
	coff  []int32 // bytes, from the begin of the output image

	tooLarge bool // there are more runs than fit; then the lists end early
}

func newWalk(set *tile.Set, size, from, groups, columns, depth int) *Walk {
	return &Walk{set: set, size: size, from: from, groups: groups, columns: columns, depth: depth, lines: []int{0}}
}

// Tiles returns the number of tiles of one image.
func (w *Walk) Tiles() int { return len(w.tiles) }

// mostWords bounds the list of runs, whose bytes are counted in 32 bits; tests lower
// it.
var mostWords = math.MaxInt32/4 - 1<<12

// TooLarge reports whether the walk cannot be, as its list would be too long.
func (w *Walk) TooLarge() bool { return w.tooLarge }

// Packed returns the elements of the packed filters.
func (w *Walk) Packed() int { return w.groups * w.set.Packed(w.depth, w.columns) }

// Panels returns where the panels of the output's columns begin, and their end.
func (w *Walk) Panels() []int {
	bounds := []int{0}
	for group := range w.groups {
		for _, end := range w.set.Panels(w.columns)[1:] {
			bounds = append(bounds, group*w.columns+end)
		}
	}
	return bounds
}

// Scratch returns the elements of the scratch that Compute works in.
func (w *Walk) Scratch() int {
	if w.set.Native() {
		return 0
	}
	return w.set.Tall * w.depth
}

// endLine ends the line of the output to which tiles were added.
func (w *Walk) endLine() { w.lines = append(w.lines, len(w.tiles)) }

// line adds the tiles of count places of the current line, which lie step
// elements apart from begin on. in returns where the run of a place under a tap
// begins, if it is inside.
func (w *Walk) line(count, step, begin, taps int, in func(place, tap int) (from int, inside bool)) {
	for at := 0; at < count; {
		if w.tooLarge = w.tooLarge || len(w.runs)+taps*w.set.RunWords() > mostWords; w.tooLarge {
			return
		}
		m := w.set.Share(count - at)
		for !w.regular(at, m, taps, in) {
			m--
		}
		const bytes = 4
		t := tile.Places{M: int32(m), Runs: int32(bytes * len(w.runs)), COff: int32(bytes * len(w.coff))}
		line := (len(w.lines) - 1) * w.size
		for i := range m {
			w.coff = append(w.coff, int32(bytes*(line+begin+(at+i)*step)))
		}
		for tap := range taps {
			if which, any := w.which(at, m, tap, in); any {
				t.Taps++
				w.addTap(at, m, tap, which, in)
			}
		}
		w.tiles = append(w.tiles, t)
		at += m
	}
}

// addTap appends the words of one tap; see tile.Rows.
func (w *Walk) addTap(at, m, tap int, which int32, in func(place, tap int) (int, bool)) {
	words := make([]int32, w.set.RunWords())
	for i := range m {
		if from, inside := in(at+i, tap); inside {
			words[i] = int32(4 * from)
		}
	}
	words[w.set.Tall], words[w.set.Tall+1] = int32(tap*w.k), which
	w.runs = append(w.runs, words...)
}

// which returns which of m places have a run under a tap, as tile.Rows knows it,
// and whether any has.
func (w *Walk) which(at, m, tap int, in func(place, tap int) (int, bool)) (which int32, any bool) {
	_, first := in(at, tap)
	_, last := in(at+m-1, tap)
	switch {
	case first && last:
		return tile.All, true
	case last:
		return tile.ButFirst, true
	case first:
		return tile.ButLast, true
	}
	return tile.All, false
}

// regular reports whether m places are a tile: under each tap all have a run, or
// none, or all but the first or the last.
func (w *Walk) regular(at, m, taps int, in func(place, tap int) (int, bool)) bool {
	for tap := range taps {
		inside := 0
		for i := range m {
			if _, yes := in(at+i, tap); yes {
				inside++
			}
		}
		which, any := w.which(at, m, tap, in)
		switch {
		case !any && inside > 0, any && which == tile.All && inside < m, which != tile.All && inside < m-1:
			return false
		}
	}
	return true
}

// A Layer is the memory that a convolution runs over: whole tensors of all images. Bias
// may be nil. With ReLU the output is max(y, 0).
type Layer struct {
	Y, X, Packed, Bias []float32
	ReLU               bool
}

// ComputeBands computes the lines lo to hi, counted over all images, as Compute does.
func (w *Walk) ComputeBands(l Layer, lo, hi, j, end int, scratch []float32) {
	lines, tiles := len(w.lines)-1, len(w.tiles)
	first := func(line int) int { return line/lines*tiles + w.lines[line%lines] }
	w.Compute(l, first(lo), first(hi), j, end, scratch)
}

// Compute computes the tiles lo to hi, counted over all images, of the output's
// columns j to end, which are whole panels.
func (w *Walk) Compute(l Layer, lo, hi, j, end int, scratch []float32) {
	image, tiles := (len(w.lines)-1)*w.size, len(w.tiles)
	for j < end {
		t := w.panel(l, j, scratch)
		for at := lo; at < hi; at += t.Count {
			n, first := at/tiles, at%tiles
			t.Count = min(tiles-first, hi-at)
			t.A, t.C, t.Places = &l.X[n*w.from+j/w.columns*w.next], &l.Y[n*image+j], &w.tiles[first]
			w.set.Rows(&t)
		}
		j += t.N
	}
}

// Bands returns the number of bands of one image, which are its lines.
func (w *Walk) Bands() int { return len(w.lines) - 1 }

// Height returns the lines of a band.
func (w *Walk) Height() int { return 1 }

// Rows returns the places of the output before a band.
func (w *Walk) Rows(band int) int { return band * (w.size / (w.groups * w.columns)) }

// Least returns how many bands are best computed in one call.
func (w *Walk) Least() int { return 1 }

// ComputeInto computes the lines lo to hi of the image x with all columns into l.Y,
// which begins with line lo.
func (w *Walk) ComputeInto(l Layer, x []float32, lo, hi int, scratch []float32) {
	for j := 0; j < w.groups*w.columns; {
		t := w.panel(l, j, scratch)
		t.A, t.C, t.Places = &x[j/w.columns*w.next], &l.Y[j], &w.tiles[w.lines[lo]]
		t.Count, t.CShift = w.lines[hi]-w.lines[lo], 4*lo*w.size
		w.set.Rows(&t)
		j += t.N
	}
}

// panel returns what the tiles of the panel share that begins at column j.
func (w *Walk) panel(l Layer, j int, scratch []float32) tile.Rows {
	group, column := j/w.columns, j%w.columns
	at := group*w.set.Packed(w.depth, w.columns) + w.set.Packed(w.depth, column)
	t := tile.Rows{B: &l.Packed[at], K: w.k, Depth: w.depth, Runs: unsafe.SliceData(w.runs), COff: unsafe.SliceData(w.coff), Scratch: scratch}
	t.Width = w.set.Width(w.columns - column)
	t.N = min(t.Width, w.columns-column)
	if l.Bias != nil {
		t.Bias = &l.Bias[j]
	}
	if l.ReLU {
		t.ReLU = 1
	}
	return t
}
