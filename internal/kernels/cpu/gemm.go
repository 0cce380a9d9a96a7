package cpu

import (
	"imgcls/internal/kernels/cpu/tile"
)

// A Matrix lies in memory by rows, Stride elements apart. Trans says that the
// product takes it transposed.
type Matrix struct {
	Data   []float32
	Stride int
	Trans  bool
}

// from returns the matrix that begins at row i and column j of the one that the
// product sees.
func (m Matrix) from(i, j int) Matrix {
	if m.Trans {
		i, j = j, i
	}
	m.Data = m.Data[i*m.Stride+j:]
	return m
}

// The blocks of a product: depth rows of b, of which across columns are packed at
// a time, and down rows of a.
const (
	blockDepth  = 384
	blockAcross = 2048
	blockDown   = 192
)

// GemmScratch returns the elements of the scratch that Gemm works in.
func GemmScratch(set *tile.Set, m, n, k int) int {
	depth := min(k, blockDepth)
	return set.Packed(depth, min(n, blockAcross)) + depth*min(m, blockDown)
}

// Gemm is c = a·b, or c += a·b with add, for a [M,K], b [K,N] and c [M,N], which
// is not transposed; no extent is 0. Each element of c is summed over k in ascending order, so it
// has the same bits whichever part of c a call covers.
//
// A matrix that lies as the tiles want it, with a's columns or b's rows in one
// piece, is read where it is, if it is not so deep that its rows crowd each
// other out of the cache. Anything else is packed, block by block, as BLIS does
// (Van Zee and van de Geijn, 2015).
func Gemm(set *tile.Set, m, n, k int, a, b Matrix, add bool, c Matrix, scratch []float32) {
	gemm(set, m, n, k, a, b, nil, add, c, scratch)
}

// gemm is Gemm where packed, if it is not nil, holds b as packColumns packs it.
func gemm(set *tile.Set, m, n, k int, a, b Matrix, packed []float32, add bool, c Matrix, scratch []float32) {
	for from := 0; from < k; from += blockDepth {
		depth := min(blockDepth, k-from)
		for j := 0; j < n; j += blockAcross {
			across := min(blockAcross, n-j)
			g := block{set: set, depth: depth, add: add || from > 0}
			rest := scratch
			if packed != nil {
				g.b, g.bPacked = Matrix{Data: packed[from*set.Packed(1, n)+set.Packed(depth, j):]}, true
			} else {
				rest = g.columns(b.from(from, j), m, across, k, scratch)
			}
			for i := 0; i < m; i += blockDown {
				down := min(blockDown, m-i)
				g.rows(a.from(i, from), down, k, rest)
				g.multiply(down, across, c.from(i, j))
			}
		}
	}
}

// A block is a part of a product small enough for the caches.
type block struct {
	set   *tile.Set
	depth int
	add   bool
	a, b  Matrix // as they lie, or packed
	// Whether they lie in panels of a tile's rows and columns.
	aPacked, bPacked bool
}

// packs reports whether it pays to pack b for m rows of a.
func packs(set *tile.Set, m, k int, b Matrix) bool {
	return b.Trans || k > blockDepth && m > 4*set.Tall
}

// packColumns packs the columns lo to hi of b [k,n], whole panels, for all blocks of
// depth one behind the other.
func packColumns(set *tile.Set, packed []float32, b Matrix, k, n, lo, hi int) {
	for from := 0; from < k; from += blockDepth {
		set.Pack(packed[from*set.Packed(1, n):], b.from(from, 0).Data, b.Stride, b.Trans, min(blockDepth, k-from), n, lo, hi)
	}
}

// columns sets b, packed into scratch where that pays, and returns the rest of
// the scratch.
func (g *block) columns(b Matrix, m, n, k int, scratch []float32) (rest []float32) {
	g.b = b
	if g.bPacked = packs(g.set, m, k, b); !g.bPacked {
		return scratch
	}
	g.set.Pack(scratch, b.Data, b.Stride, b.Trans, g.depth, n, 0, n)
	g.b = Matrix{Data: scratch}
	return scratch[g.set.Packed(g.depth, n):]
}

// rows sets a, packed into scratch where that pays, in panels as tall as tiles.
func (g *block) rows(a Matrix, m, k int, scratch []float32) {
	g.a = a
	if g.aPacked = !a.Trans || k > blockDepth; !g.aPacked {
		return
	}
	for i := 0; i < m; {
		tall := g.set.Share(m - i)
		panel := scratch[i*g.depth:]
		if a.Trans {
			for l := range g.depth {
				copy(panel[l*tall:(l+1)*tall], a.Data[l*a.Stride+i:])
			}
		} else {
			g.set.Transpose(panel, tall, a.Data[i*a.Stride:], a.Stride, tall, g.depth)
		}
		i += tall
	}
	g.a = Matrix{Data: scratch}
}

// multiply goes through the tiles of c.
func (g *block) multiply(m, n int, c Matrix) {
	const bytes = 4
	t := tile.Cols{Len: g.depth, Rows: 1, Images: 1, CStep: bytes * c.Stride}
	if g.add {
		t.Add = 1
	}
	for j := 0; j < n; j += t.Width {
		t.Width = g.set.Width(n - j)
		t.N = min(t.Width, n-j)
		b, bStep := j, g.b.Stride
		if g.bPacked {
			b, bStep = g.set.Packed(g.depth, j), t.Width
		}
		t.BStep = bytes * bStep
		for i := 0; i < m; i += t.M {
			t.M = g.set.Share(m - i)
			a, aStep := i, g.a.Stride
			if g.aPacked {
				a, aStep = i*g.depth, t.M
			}
			t.A, t.AStep, t.B = &g.a.Data[a], bytes*aStep, &g.b.Data[b]
			t.C = &c.Data[i*c.Stride+j]
			g.set.Cols(&t)
		}
	}
}
