package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"imgcls/internal/kernels/cpu/tile"
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

// TestMatMul compares all four forms in every instruction set with the sum, and
// parts with the whole.
func TestMatMul(t *testing.T) {
	for _, set := range tile.Sets() {
		for _, c := range []struct{ m, n, k int }{
			{1, 1, 1}, {4, 10, 84}, {65, 3, 7}, {3, 193, 5}, {130, 200, 33}, {13, 33, 600}, {200, 70, 257}, {5, 2100, 3}, {1, 64, 16}, {4, 12, 48},
		} {
			for trans := range 4 {
				checkMatMul(t, set, c.m, c.n, c.k, trans)
			}
		}
	}
}

func checkMatMul(t *testing.T, set *tile.Set, m, n, k, trans int) {
	t.Helper()
	p := MatMul{Set: set, M: m, N: n, K: k, Bias: random(3, n)}
	if m%2 == 0 {
		p.Act = ReLU
	}
	p.A = Matrix{random(1, m*k), k, trans&1 > 0}
	p.B = Matrix{random(2, k*n), n, trans&2 > 0}
	if p.A.Trans {
		p.A.Stride = m
	}
	if p.B.Trans {
		p.B.Stride = k
	}
	want := make([]float64, m*n)
	for i := range m {
		for j := range n {
			sum := float64(p.Bias[j])
			for l := range k {
				sum += float64(p.A.from(i, l).Data[0]) * float64(p.B.from(l, j).Data[0])
			}
			if p.Act != nil {
				sum = max(sum, 0)
			}
			want[i*n+j] = sum
		}
	}
	what := fmt.Sprintf("%s: %d×%d×%d, transposed %02b", set.Name, m, n, k, trans)
	y, scratch := filled(m*n+1), filled(p.Scratch(m, n))
	y[m*n] = 99
	p.Y = Matrix{y, n, false}
	if allocs := testing.AllocsPerRun(1, func() { p.Part(0, 0, m, n, nil, scratch) }); allocs != 0 {
		t.Errorf("%s: %v allocations", what, allocs)
	}
	expectNear(t, what, y[:m*n], want, k+1)
	if y[m*n] != 99 {
		t.Errorf("%s: writes behind the product", what)
	}
	// In parts, the same bits.
	whole, wide := slices.Clone(y), set.Widths[0]
	copy(y, filled(m*n))
	for i := range m {
		for j := 0; j < n; j += wide {
			p.Part(i, j, 1, min(wide, n-j), nil, scratch)
		}
	}
	if !p.dots() {
		packed := filled(p.PackedB())
		panels := set.Panels(n)
		for i := range panels[1:] {
			p.PackB(packed, panels[i], panels[i+1])
		}
		copy(y, filled(m*n))
		for i := range m {
			p.Part(i, 0, 1, n, packed, scratch)
		}
	}
	if !slices.Equal(y, whole) {
		t.Errorf("%s: parts have other bits than the whole", what)
	}
}
