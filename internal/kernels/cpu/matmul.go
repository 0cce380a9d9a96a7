package cpu

import "imgcls/internal/kernels/cpu/tile"

// A MatMul is y[m,n] = bias[n] + Σ_k a[m,k]·b[k,n] for y [M,N]; Bias may be nil,
// and Act, if it is not, is applied to y.
type MatMul struct {
	Set     *tile.Set
	M, N, K int
	Y, A, B Matrix
	Bias    []float32
	Act     func(y, x []float32)
}

// dots reports whether both matrices have the terms of a sum in one piece, as a
// linear layer's input and weight do. Then no part of them is moved.
func (p MatMul) dots() bool { return !p.A.Trans && p.B.Trans }

// Packs reports whether the parts want b packed beforehand.
func (p MatMul) Packs() bool { return !p.dots() && packs(p.Set, p.M, p.K, p.B) }

// PackedB returns the elements of b as PackB packs it.
func (p MatMul) PackedB() int { return p.Set.Packed(p.K, p.N) }

// PackB packs the columns lo to hi of b, whole panels.
func (p MatMul) PackB(packed []float32, lo, hi int) {
	packColumns(p.Set, packed, p.B, p.K, p.N, lo, hi)
}

// Scratch returns the elements of the scratch that Part works in for a part of
// m rows and n columns.
func (p MatMul) Scratch(m, n int) int {
	if p.dots() {
		return 0
	}
	return GemmScratch(p.Set, m, n, p.K)
}

// Part computes the m rows from i and the n columns from j of y. j is a multiple
// of the width of the set's tiles. packed is what PackB made, for all columns and j
// 0, or nil.
func (p MatMul) Part(i, j, m, n int, packed, scratch []float32) {
	y := p.Y.from(i, j)
	a, b := p.A.from(i, 0), p.B.from(0, j)
	if p.dots() {
		dots(p.Set, m, n, p.K, a, b, y)
	} else {
		gemm(p.Set, m, n, p.K, a, b, packed, false, y, scratch)
	}
	if p.Bias == nil && p.Act == nil {
		return
	}
	for i := range m {
		row := y.Data[i*y.Stride:][:n]
		if p.Bias != nil {
			Add(row, row, p.Bias[j:])
		}
		if p.Act != nil {
			p.Act(row, row)
		}
	}
}

// dots is y = a·bᵀ by tiles of inner products.
func dots(set *tile.Set, m, n, k int, a, b, y Matrix) {
	const bytes = 4
	t := tile.Dot{AStep: bytes * a.Stride, BStep: bytes * b.Stride, CStep: bytes * y.Stride, K: k}
	for j := 0; j < n; j += t.N {
		t.N = min(set.DotWide, n-j)
		t.B = &b.Data[j*b.Stride]
		for i := 0; i < m; i += t.M {
			t.M = min(set.DotTall, m-i)
			t.A, t.C = &a.Data[i*a.Stride], &y.Data[i*y.Stride+j]
			set.Dot(&t)
		}
	}
}
