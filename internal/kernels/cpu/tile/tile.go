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

import (
	"fmt"
	"unsafe"
)

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

// Find returns the set of that name.
func Find(name string) (*Set, error) {
	var names []string
	for _, s := range Sets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("this processor has no %s; it has %v", name, names)
}

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

// Share returns into how many rows the next tile of the remaining n should
// have, so that tiles are about equally tall.
func (s *Set) Share(n int) int { return share(n, s.Tall) }

func share(n, most int) int {
	tiles := (n + most - 1) / most
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

// Rows is c[i,j] = bias[j] + Σ_k a[i,k]·b[k,j] for M rows and N columns, where
// the k of a row lie in Taps runs of K elements each.
type Rows struct {
	A    *float32 // where the offsets of runs begin
	B    *float32 // [taps·K, Width], a panel of Pack
	C    *float32 // where the offsets in COff begin
	Bias *float32 // [N], or nil
	// Runs holds for each tap Tall offsets of runs from A, in bytes; the row of
	// B that meets their first element; and which rows have such a run: All,
	// ButFirst or ButLast.
	Runs *int32
	COff *int32 // [M], in bytes

	Taps, K  int
	M, Width int
	mask     uint64
	lanes    *uint32
	ReLU     uint64 // 1: what is not above zero, and no NaN, becomes zero
	N        int
	// Scratch has room for Tall·K elements, unless Direct.
	Scratch []float32
}

// Which rows of a tile have a run under a tap.
const (
	All = iota
	ButFirst
	ButLast
)

// RunWords returns the words that a tap takes in Rows.Runs.
func (s *Set) RunWords() int { return s.Tall + 2 }

// Direct reports whether Rows works without scratch.
func (s *Set) Direct() bool { return s.Native() }

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
	if !s.Direct() {
		s.gather(t)
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

// Pack lays the columns lo to hi of a matrix [k,n] out in panels, as wide as Width
// says, one row of a panel behind the other. lo is where a panel begins. Lanes
// behind the last column are left as they are. With trans, src is [n,k].
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

// gather computes Rows by Cols: the runs of a tap are turned into columns.
func (s *Set) gather(t *Rows) {
	coff := unsafe.Slice(t.COff, t.M)
	for _, at := range coff {
		c := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.C), at)), t.N)
		if t.Bias != nil {
			copy(c, unsafe.Slice(t.Bias, t.N))
		} else {
			clear(c)
		}
	}
	words := s.RunWords()
	runs := unsafe.Slice(t.Runs, t.Taps*words)
	for ; len(runs) > 0; runs = runs[words:] {
		lo, hi := 0, t.M
		switch runs[s.Tall+1] {
		case ButFirst:
			lo++
		case ButLast:
			hi--
		}
		m := hi - lo
		for i := lo; i < hi; i++ {
			run := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.A), runs[i])), t.K)
			for k, v := range run {
				t.Scratch[k*m+i-lo] = v
			}
		}
		step := 4 * t.Width
		if m > 1 {
			step = int(coff[lo+1] - coff[lo])
		}
		s.Cols(&Cols{
			A: &t.Scratch[0], AStep: 4 * m,
			B: (*float32)(unsafe.Add(unsafe.Pointer(t.B), 4*t.Width*int(runs[s.Tall]))), BStep: 4 * t.Width,
			C: (*float32)(unsafe.Add(unsafe.Pointer(t.C), coff[lo])), CStep: step,
			Len: t.K, Rows: 1, Images: 1, M: m, N: t.N, Width: t.Width, Add: 1,
		})
	}
	if t.ReLU == 0 {
		return
	}
	for _, at := range coff {
		c := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.C), at)), t.N)
		for j, v := range c {
			c[j] = max(v, 0)
		}
	}
}
