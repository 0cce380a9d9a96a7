package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func random(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

// expectNear compares with sums in float64 of so many terms of absolute value
// at most 1.
func expectNear(t *testing.T, what string, got []float32, want []float64, terms int) {
	t.Helper()
	bound := 4 * math.Sqrt(float64(terms)) * 0x1p-24 * float64(terms)
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= bound) {
			t.Errorf("%s: element %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

func TestMatMul(t *testing.T) {
	for _, c := range []struct{ m, n, k int }{{1, 1, 1}, {4, 10, 84}, {65, 3, 7}, {3, 193, 5}, {130, 200, 33}} {
		for trans := range 4 {
			p := MatMul{M: c.m, N: c.n, K: c.k, Bias: random(3, c.n)}
			p.A = Matrix{random(1, c.m*c.k), c.k, trans&1 > 0}
			p.B = Matrix{random(2, c.k*c.n), c.n, trans&2 > 0}
			if p.A.Trans {
				p.A.Stride = c.m
			}
			if p.B.Trans {
				p.B.Stride = c.k
			}
			want := make([]float64, c.m*c.n)
			for i := range c.m {
				for j := range c.n {
					want[i*c.n+j] = float64(p.Bias[j])
					for k := range c.k {
						want[i*c.n+j] += float64(p.A.from(i, k).Data[0]) * float64(p.B.from(k, j).Data[0])
					}
				}
			}
			what := fmt.Sprintf("%d×%d×%d, transposed %02b", c.m, c.n, c.k, trans)
			y := make([]float32, c.m*c.n+1)
			y[c.m*c.n] = 99
			p.Y = Matrix{y, c.n, false}
			if allocs := testing.AllocsPerRun(1, func() { p.Part(0, 0, c.m, c.n) }); allocs != 0 {
				t.Errorf("%s: %v allocations: gonum went parallel", what, allocs)
			}
			expectNear(t, what, y, want, c.k+1)
			if y[c.m*c.n] != 99 {
				t.Errorf("%s: writes behind the product", what)
			}
			// In parts, the same bits.
			whole := append([]float32{}, y...)
			clear(y[:c.m*c.n])
			for i := range c.m {
				for j := 0; j < c.n; j += 7 {
					p.Part(i, j, 1, min(7, c.n-j))
				}
			}
			for i := range y {
				if y[i] != whole[i] {
					t.Errorf("%s: element %d is %v in a part, %v in the whole", what, i, y[i], whole[i])
					break
				}
			}
		}
	}
}
