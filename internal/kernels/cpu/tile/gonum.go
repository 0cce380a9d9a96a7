package tile

import (
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gonumSet is gonum's Sgemm on tiles of one of its blocks, which it computes
// without starting goroutines.
var gonumSet = Set{Name: "gonum", Tall: 64, Widths: []int{64, 32, 16, 8}, DotTall: 64, DotWide: 64, kind: portable}

var engine gonum.Implementation

func gonumCols(t *Cols) {
	beta := float32(t.Add)
	aRow, bRow := t.Len*t.AStep+t.ARow, t.Len*t.BStep+t.BRow
	for i := range t.Images * t.Rows {
		image := i / t.Rows
		a := unsafe.Add(unsafe.Pointer(t.A), i*aRow+image*t.AImage)
		b := unsafe.Add(unsafe.Pointer(t.B), i*bRow+image*t.BImage)
		gonumGemm(blas.Trans, blas.NoTrans, t.M, t.N, t.Len, a, t.AStep, b, t.BStep, beta, t.C, t.CStep)
		beta = 1
	}
}

func gonumDot(t *Dot) {
	gonumGemm(blas.NoTrans, blas.Trans, t.M, t.N, t.K, unsafe.Pointer(t.A), t.AStep, unsafe.Pointer(t.B), t.BStep, 0, t.C, t.CStep)
}

// columns computes Rows by inner products: taps under which all rows of a tile have
// a run, one behind the other in b, are gathered into a matrix of columns.
func (s *Set) columns(t *Rows) {
	words := s.RunWords()
	for i := range t.Count {
		at := t.tile(i)
		at.begin(t)
		for runs := at.runs(s); len(runs) > 0; {
			n := 1
			for n*words < len(runs) && s.follows(runs[(n-1)*words:], t.K) {
				n++
			}
			s.columnsOf(t, at, runs, n)
			runs = runs[n*words:]
		}
		at.end(t)
	}
}

// follows reports whether the second of the taps in words goes on where the first
// one ends, and both have all rows.
func (s *Set) follows(words []int32, k int) bool {
	next := words[s.RunWords():]
	return words[s.Tall+1] == All && next[s.Tall+1] == All && int(next[s.Tall]) == int(words[s.Tall])+k
}

// columnsOf adds the products of the first n taps in runs.
func (s *Set) columnsOf(t *Rows, r rowsTile, runs []int32, n int) {
	lo, hi := s.which(runs, len(r.coff))
	deep := n * t.K
	for tap := range n {
		words := runs[tap*s.RunWords():]
		for i := lo; i < hi; i++ {
			copy(t.Scratch[(i-lo)*deep+tap*t.K:], t.run(words, i))
		}
	}
	gonumGemm(blas.NoTrans, blas.Trans, hi-lo, t.N, deep,
		unsafe.Pointer(&t.Scratch[0]), 4*deep, unsafe.Add(unsafe.Pointer(t.B), 4*int(runs[s.Tall])), 4*t.Depth,
		1, &t.row(r.coff[lo])[0], r.step(lo))
}

// gonumSpread is Spread with a run for each vector.
func gonumSpread(t *Spread) {
	offsets := unsafe.Slice(t.Offsets, t.Vectors)
	for place := range t.Places {
		dy, window := unsafe.Add(unsafe.Pointer(t.DY), place*t.DYStep), unsafe.Add(unsafe.Pointer(t.Window), place*t.WindowStep)
		for o, g := range unsafe.Slice((*float32)(dy), t.Filters) {
			if g == 0 {
				continue
			}
			w := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(t.W), o*t.FilterStep)), t.FilterStep/4)
			for v, off := range offsets {
				run := w[v*t.Lanes:][:t.Lanes]
				engine.Saxpy(t.Lanes, g, run, 1, unsafe.Slice((*float32)(unsafe.Add(window, off)), t.Lanes), 1)
			}
		}
	}
}

// Axpy is y += alpha·x.
func Axpy(alpha float32, x, y []float32) { engine.Saxpy(len(x), alpha, x, 1, y, 1) }

// gonumGemm calls Sgemm on slices that end where the matrices do.
func gonumGemm(transA, transB blas.Transpose, m, n, k int, a unsafe.Pointer, aStep int, b unsafe.Pointer, bStep int, beta float32, c *float32, cStep int) {
	matrix := func(p unsafe.Pointer, rows, cols, step int) ([]float32, int) {
		stride := max(step/4, cols) // of a single row it says nothing
		return unsafe.Slice((*float32)(p), (rows-1)*stride+cols), stride
	}
	aRows, aCols, bRows, bCols := m, k, k, n
	if transA == blas.Trans {
		aRows, aCols = k, m
	}
	if transB == blas.Trans {
		bRows, bCols = n, k
	}
	as, lda := matrix(a, aRows, aCols, aStep)
	bs, ldb := matrix(b, bRows, bCols, bStep)
	cs, ldc := matrix(unsafe.Pointer(c), m, n, cStep)
	engine.Sgemm(transA, transB, m, n, k, 1, as, lda, bs, ldb, beta, cs, ldc)
}
