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
	a, b := unsafe.Pointer(t.A), unsafe.Pointer(t.B)
	beta := float32(t.Add)
	for range t.Images {
		for range t.Rows {
			gonumGemm(blas.Trans, blas.NoTrans, t.M, t.N, t.Len, a, t.AStep, b, t.BStep, beta, t.C, t.CStep)
			beta = 1
			a = unsafe.Add(a, t.Len*t.AStep+t.ARow)
			b = unsafe.Add(b, t.Len*t.BStep+t.BRow)
		}
		a, b = unsafe.Add(a, t.AImage), unsafe.Add(b, t.BImage)
	}
}

func gonumDot(t *Dot) {
	gonumGemm(blas.NoTrans, blas.Trans, t.M, t.N, t.K, unsafe.Pointer(t.A), t.AStep, unsafe.Pointer(t.B), t.BStep, 0, t.C, t.CStep)
}

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
