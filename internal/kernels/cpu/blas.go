package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"imgcls/internal/kernels/cpu/tile"
)

// BLAS is gonum's blas.Float32 with the matrix product of an instruction set, the
// quickest where Set is nil.
// After
//
//	blas32.Use(cpu.BLAS{Set: tile.Best()})
//
// blas32.Gemm is that product. It runs on the goroutine that calls it.
type BLAS struct {
	gonum.Implementation
	Set *tile.Set
}

// Sgemm is c = alpha·op(a)·op(b) + beta·c, for op(a) [m,k], op(b) [k,n] and c
// [m,n]. Like gonum's, it panics where an extent, a stride or a length makes no
// sense, and does not read c where beta is 0.
func (s BLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	set := s.Set
	if set == nil {
		set = tile.Best()
	}
	if !set.Native() || badTranspose(tA) || badTranspose(tB) { // gonum says what is wrong
		s.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	left, right, product := Matrix{a, lda, tA != blas.NoTrans}, Matrix{b, ldb, tB != blas.NoTrans}, Matrix{c, ldc, false}
	left.check("a", m, k)
	right.check("b", k, n)
	product.check("c", m, n)
	product.scale(m, n, beta)
	if m == 0 || n == 0 || k == 0 || alpha == 0 {
		return
	}
	if alpha != 1 {
		left = left.scaled(m, k, alpha)
	}
	scratch := make([]float32, GemmScratch(set, m, n, k))
	Gemm(set, m, n, k, left, right, beta != 0, product, scratch)
}

func badTranspose(t blas.Transpose) bool {
	return t != blas.NoTrans && t != blas.Trans && t != blas.ConjTrans
}

// check panics where a matrix that the product sees as [rows,cols] cannot be.
func (m Matrix) check(name string, rows, cols int) {
	if m.Trans {
		rows, cols = cols, rows
	}
	switch {
	case rows < 0 || cols < 0:
		panic("blas: " + name + " has a negative extent")
	case m.Stride < max(1, cols):
		panic("blas: " + name + " has rows longer than their stride")
	case rows > 0 && cols > 0 && len(m.Data) < (rows-1)*m.Stride+cols:
		panic("blas: " + name + " is too short")
	}
}

// scale multiplies what is [rows,cols] by beta; with 0 it becomes zero, and is not
// read.
func (m Matrix) scale(rows, cols int, beta float32) {
	if beta == 1 {
		return
	}
	for i := range rows {
		row := m.Data[i*m.Stride:][:cols]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}

// scaled returns alpha·m for a matrix that the product sees as [rows,cols].
func (m Matrix) scaled(rows, cols int, alpha float32) Matrix {
	s := Matrix{make([]float32, rows*cols), cols, false}
	for i := range rows {
		for j := range cols {
			s.Data[i*cols+j] = alpha * m.from(i, j).Data[0]
		}
	}
	return s
}
