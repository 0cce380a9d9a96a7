package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// engine does the linear algebra.
var engine blas.Float32 = gonum.Implementation{}

// gonum takes blocks of 64×64 and stays on one goroutine for three of them.
const (
	block  = 64
	blocks = 3
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

func (m Matrix) trans() blas.Transpose {
	if m.Trans {
		return blas.Trans
	}
	return blas.NoTrans
}

// Gemm is c = beta·c + a·b, with a [M,K], b [K,N] and c [M,N]; c is not
// transposed. Each element of c sums over all of k at once, so it has the same
// bits whichever part of c a call covers.
func Gemm(m, n, k int, a, b Matrix, beta float32, c Matrix) {
	rows, cols := block, blocks*block
	if n <= block {
		rows, cols = cols, block
	}
	for i := 0; i < m; i += rows {
		for j := 0; j < n; j += cols {
			a, b, c := a.from(i, 0), b.from(0, j), c.from(i, j)
			engine.Sgemm(a.trans(), b.trans(), min(rows, m-i), min(cols, n-j), k,
				1, a.Data, a.Stride, b.Data, b.Stride, beta, c.Data, c.Stride)
		}
	}
}
