package tile

import "unsafe"

// Rows is c[i,j] = bias[j] + Σ_k a[i,k]·b[k,j] for a list of tiles of N columns,
// where the k of a row lie in runs of K elements each, a run for each tap.
type Rows struct {
	A      *float32 // where the offsets of runs begin
	B      *float32 // [Depth, Width], a panel of PackRow or PackColumns
	C      *float32 // where the offset CShift in COff is
	Bias   *float32 // [N], or nil
	Places *Places  // the tiles
	// Runs holds for each tap of a tile Tall offsets of runs from A, in bytes; the
	// row of B that meets their first element; and which rows have such a run: All,
	// ButFirst or ButLast.
	Runs  *int32
	COff  *int32 // where the rows of c begin, in bytes
	Count int    // tiles

	CShift   int // bytes
	K, Width int
	mask     uint64  // a bit for each valid lane of the last vector
	lanes    *uint32 // the same as words of ones or zeros
	ReLU     uint64  // 1: what is not above zero, and no NaN, becomes zero
	N, Depth int
	// Scratch has room for Tall·Depth elements, for gonum.
	Scratch []float32
}

// Places are the rows of a tile of Rows.
type Places struct {
	M, Taps    int32
	Runs, COff int32 // where its own begin in Rows, in bytes
}

// Which rows of a tile have a run under a tap.
const (
	All = iota
	ButFirst
	ButLast
)

// RunWords returns the words that a tap takes in Rows.Runs.
func (s *Set) RunWords() int { return s.Tall + 2 }

// Rows computes t.
func (s *Set) Rows(t *Rows) {
	if s.kind == portable {
		s.columns(t)
		return
	}
	t.mask, t.lanes = s.valid(t.N, t.Width)
	s.rows(t)
}

// A rowsTile is one tile of a list.
type rowsTile struct {
	t    *Rows
	at   *Places
	coff []int32
}

func (t *Rows) tile(i int) rowsTile {
	at := (*Places)(unsafe.Add(unsafe.Pointer(t.Places), uintptr(i)*unsafe.Sizeof(Places{})))
	return rowsTile{t, at, unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(t.COff), at.COff)), at.M)}
}

// runs returns the words of all taps.
func (r rowsTile) runs(s *Set) []int32 {
	return unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(r.t.Runs), r.at.Runs)), int(r.at.Taps)*s.RunWords())
}

// begin sets c to the bias.
func (r rowsTile) begin(t *Rows) {
	for _, off := range r.coff {
		c := t.row(off)
		clear(c)
		if t.Bias != nil {
			copy(c, unsafe.Slice(t.Bias, t.N))
		}
	}
}

// end applies the ReLU.
func (r rowsTile) end(t *Rows) {
	for _, off := range r.coff {
		if t.ReLU == 0 {
			return
		}
		c := t.row(off)
		for j, v := range c {
			c[j] = max(v, 0)
		}
	}
}

// step returns the bytes between the rows of c from row i on.
func (r rowsTile) step(i int) int {
	if i+1 < len(r.coff) {
		return int(r.coff[i+1] - r.coff[i])
	}
	return 4 * r.t.N
}

// which returns the rows lo to hi that have a run under a tap.
func (s *Set) which(words []int32, m int) (lo, hi int) {
	switch words[s.Tall+1] {
	case ButFirst:
		return 1, m
	case ButLast:
		return 0, m - 1
	}
	return 0, m
}

// run returns the run of row i of a tap.
func (t *Rows) run(words []int32, i int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.A), words[i])), t.K)
}

// row returns a row of c.
func (t *Rows) row(off int32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.C), int(off)-t.CShift)), t.N)
}
