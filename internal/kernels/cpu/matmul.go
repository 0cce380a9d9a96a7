package cpu

// A MatMul is y[m,n] = bias[n] + Σ_k a[m,k]·b[k,n] for y [M,N]; Bias may be nil.
type MatMul struct {
	M, N, K int
	Y, A, B Matrix
	Bias    []float32
}

// Part computes the m rows from i and the n columns from j of y.
func (p MatMul) Part(i, j, m, n int) {
	y := p.Y.from(i, j)
	beta := float32(0)
	if p.Bias != nil {
		beta = 1
		for i := range m {
			copy(y.Data[i*y.Stride:], p.Bias[j:j+n])
		}
	}
	Gemm(m, n, p.K, p.A.from(i, 0), p.B.from(0, j), beta, y)
}
