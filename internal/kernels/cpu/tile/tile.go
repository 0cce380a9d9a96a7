// Package tile multiplies small tiles of matrices, the loops in which nearly all
// of a network's time is spent. There are three products:
//
//	Cols  c[i,j] (+)= Σ_k a[k,i]·b[k,j]   both lie by k: a matrix product, a filter's gradient
//	Rows  c[i,j]   =  Σ_k a[i,k]·b[k,j]   the k of a row lie in runs, anywhere: a convolution
//	Dot   c[i,j]   =  Σ_k a[i,k]·b[j,k]   both lie by row: a linear layer
//
// and one implementation of them for each instruction set. Those in assembly are
// written by the generator in ../_asm, for amd64 and arm64; the portable one is gonum.
//
// # Same bits
//
// In Cols and Rows an element is one accumulator, to which the products are
// added in ascending k by fused multiply-add. In Dot it is sixteen, for the k
// that are equal modulo 16, zeros filling up the last sixteen, and these are added
// by halves. What a set's tiles measure never shows in the result, so AVX2, AVX-512
// and NEON give the same bits, whatever the tile that an element falls in. gonum
// gives others.
//
// The callers are trusted: pointers, steps and extents are not checked.
package tile

import "unsafe"

// A Set is the products in one instruction set.
type Set struct {
	Name             string
	Tall             int   // most rows of a tile of Cols and Rows
	Widths           []int // widths of such tiles, the widest first
	DotTall, DotWide int   // most rows and columns of a tile of Dot
	// Overlap says that steps may be shorter than what lies at each of them, as
	// the places of a convolution's filter overlap.
	Overlap bool

	kind kind
}

type kind uint8

const (
	portable kind = iota
	avx2
	avx512
	neon
)

// Sets lists what this processor can run, the quickest first. The last is gonum.
func Sets() []*Set { return append(native(), &gonumSet) }

// Native reports whether s is in assembly.
func (s *Set) Native() bool { return s.kind != portable }

// Best returns the quickest set.
func Best() *Set { return Sets()[0] }

// Width returns the width of the tile that takes the next of n columns.
func (s *Set) Width(n int) int {
	width := s.Widths[0]
	for _, w := range s.Widths {
		if w >= n {
			width = w
		}
	}
	return width
}

// Panels returns where the panels of n columns begin, and n.
func (s *Set) Panels(n int) []int {
	starts := []int{0}
	for j := 0; j < n; {
		j = min(n, j+s.Width(n-j))
		starts = append(starts, j)
	}
	return starts
}

// Packed returns the elements of a matrix [k,n] in panels; see Pack.
func (s *Set) Packed(k, n int) int {
	columns := 0
	for j := 0; j < n; j += s.Width(n - j) {
		columns += s.Width(n - j)
	}
	return k * columns
}

// Share returns how many of the remaining n rows the next tile should have, so
// that tiles are about equally tall.
func (s *Set) Share(n int) int {
	tiles := (n + s.Tall - 1) / s.Tall
	return (n + tiles - 1) / tiles
}

// Cols is c[i,j] (+)= Σ_k a[k,i]·b[k,j] for M rows and N columns. The k run
// through Images of Rows of Len.
type Cols struct {
	A, B, C *float32

	AStep, BStep   int // bytes from one k to the next
	Len            int // of a row
	ARow, BRow     int // bytes from behind a row to the next
	Rows           int // of an image
	AImage, BImage int // bytes from behind an image to the next
	Images         int
	CStep          int // bytes from one row of c to the next
	M, Width       int // the tile; N is at most Width
	mask           uint64
	lanes          *uint32
	Add            uint64 // 1: to what c holds
	N              int
}

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

// Dot is c[i,j] = Σ_k a[i,k]·b[j,k] for M rows and N columns.
type Dot struct {
	A, B, C             *float32
	AStep, BStep, CStep int // bytes from one row to the next
	K                   int
	M, N                int
	mask                uint64
	lanes               *uint32
}

// Cols computes t.
func (s *Set) Cols(t *Cols) {
	if s.kind != portable {
		t.mask, t.lanes = s.valid(t.N, t.Width)
	}
	s.cols(t)
}

// Rows computes t.
func (s *Set) Rows(t *Rows) {
	if s.kind == portable {
		s.columns(t)
		return
	}
	t.mask, t.lanes = s.valid(t.N, t.Width)
	s.rows(t)
}

// Dot computes t.
func (s *Set) Dot(t *Dot) {
	const parts = 16
	rest := t.K % parts
	t.mask, t.lanes = 1<<rest-1, nil
	if rest > 0 {
		t.lanes = &laneMasks[parts-rest]
	}
	s.dot(t)
}

// laneMasks holds sixteen ones and then zeros: from 16−n on stand n ones and as
// many zeros as a vector can need.
var laneMasks = func() (m [32]uint32) {
	for i := range 16 {
		m[i] = ^uint32(0)
	}
	return m
}()

// valid returns the masks of the last vector of a tile that has n of width
// columns.
func (s *Set) valid(n, width int) (uint64, *uint32) {
	lanes := min(width, s.vector())
	n -= width - lanes
	return 1<<n - 1, &laneMasks[16-n]
}

// vector returns the lanes of a vector.
func (s *Set) vector() int {
	if s.kind == avx512 {
		return 16
	}
	return 8
}

// Transpose is dst[c·dstStride + r] = src[r·srcStride + c] for c below cols and
// r below rows.
func (s *Set) Transpose(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) {
	whole := cols &^ 3
	for r := 0; r < rows; {
		done := 1
		from := 0
		if n := transposable(rows - r); n > 1 && whole > 0 && s.kind != portable {
			transpose(n, &dst[r], &src[r*srcStride], 4*dstStride, 4*srcStride, whole/4)
			done, from = n, whole
		}
		for i := r; i < r+done; i++ {
			row := src[i*srcStride : i*srcStride+cols]
			for c := from; c < cols; c++ {
				dst[c*dstStride+i] = row[c]
			}
		}
		r += done
	}
}

// transposable returns how many of n rows are transposed at once.
func transposable(n int) int {
	switch {
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

// PackRow sets the k-th of depth rows of a panel that is so wide.
func (s *Set) PackRow(panel, row []float32, width, depth, k int) {
	if s.kind != portable {
		copy(panel[k*width:(k+1)*width], row)
		return
	}
	for j, v := range row { // gonum's inner products want columns in one piece
		panel[j*depth+k] = v
	}
}

// PackColumns sets the columns of such a panel to the rows of src.
func (s *Set) PackColumns(panel, src []float32, stride, width, depth, columns int) {
	if s.kind != portable {
		s.Transpose(panel, width, src, stride, columns, depth)
		return
	}
	for j := range columns {
		copy(panel[j*depth:(j+1)*depth], src[j*stride:])
	}
}

// Pack lays the columns lo to hi of a matrix [k,n] out in panels for Cols, as wide
// as Width says, one row of a panel behind the other. lo is where a panel begins.
// Lanes behind the last column are left as they are. With trans, src is [n,k].
func (s *Set) Pack(dst, src []float32, stride int, trans bool, k, n, lo, hi int) {
	for j := lo; j < hi; {
		width := s.Width(n - j)
		cols := min(width, n-j)
		panel := dst[s.Packed(k, j):]
		if trans {
			s.Transpose(panel, width, src[j*stride:], stride, cols, k)
		} else {
			for i := range k {
				copy(panel[i*width:i*width+cols], src[i*stride+j:])
			}
		}
		j += width
	}
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
