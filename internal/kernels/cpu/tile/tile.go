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

import "slices"

// A Set is the products in one instruction set.
type Set struct {
	Name             string
	Tall             int   // most rows that a tile of any width may have
	Widths           []int // widths of tiles of Cols and Rows, the widest first
	TallCols         []int // most rows of a tile of Cols of each width; nil where it is Tall
	DotTall, DotWide int   // most rows and columns of a tile of Dot

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

// Native reports whether s is in assembly. Its steps may be shorter than what lies
// at each of them, as the places of a convolution's filter overlap; gonum's may not.
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

// Share returns how many of the remaining n rows the next tile should have, so
// that tiles are about equally tall.
func (s *Set) Share(n int) int { return share(n, s.Tall) }

// ShareCols is Share for tiles of Cols of that width.
func (s *Set) ShareCols(n, width int) int {
	if s.TallCols == nil {
		return s.Share(n)
	}
	return share(n, s.TallCols[slices.Index(s.Widths, width)])
}

func share(n, most int) int {
	tiles := (n + most - 1) / most
	return (n + tiles - 1) / tiles
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
