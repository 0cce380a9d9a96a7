package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"imgcls/internal/kernels/cpu/fence"
)

// fma is x·y + z, rounded once. The product is exact in float64, the sum is
// rounded to odd, from which rounding again is right (Boldo and Melquiond, 2008).
func fma(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	back := s - p
	rest := (p - (s - back)) + (c - back)
	if bits := math.Float64bits(s); rest != 0 && bits&1 == 0 {
		if (rest > 0) == (s > 0) {
			s = math.Float64frombits(bits + 1)
		} else {
			s = math.Float64frombits(bits - 1)
		}
	}
	return float32(s)
}

func TestFMA(t *testing.T) {
	for _, c := range [][4]float32{
		{3, 5, 7, 22},
		{1 + 0x1p-23, 1 + 0x1p-23, -1 - 0x1p-22, 0x1p-46},       // the last bit of the product counts
		{1 + 0x1p-12, 1 - 0x1p-12, 0x1p24, 0x1p24},              // just below the middle of two numbers
		{1 + 0x1p-23, 1 + 0x1p-12, 0x1p24, 0x1p24 + 2},          // just above it
		{-0x1p-100, 0x1p-100, 0, float32(math.Copysign(0, -1))}, // too small
		{0x1p-75, 0x1p-74, 0, 0x1p-149},
	} {
		if got := fma(c[0], c[1], c[2]); math.Float32bits(got) != math.Float32bits(c[3]) {
			t.Errorf("%v·%v + %v is %v, want %v", c[0], c[1], c[2], got, c[3])
		}
	}
}

// An arena lends slices that begin or end where their memory does.
type arena struct {
	fences [4][]float32
	random *rand.Rand
	high   bool
}

func newArena(t *testing.T) *arena {
	a := &arena{random: rand.New(rand.NewPCG(1, 2))}
	for i := range a.fences {
		region := fence.Bytes(t, 1<<16)
		a.fences[i] = unsafe.Slice((*float32)(unsafe.Pointer(&region[0])), len(region)/4)
	}
	return a
}

// draw fills slice i of n elements. Every third product is about as small as
// numbers get, or smaller.
func (a *arena) draw(i, n int) []float32 {
	x := a.fences[i][:n]
	if a.high {
		x = a.fences[i][len(a.fences[i])-n:]
	}
	scale := float32(1)
	if a.random.IntN(3) == 0 {
		scale = 0x1p-74
	}
	for i := range x {
		x[i] = scale * (2*a.random.Float32() - 1)
	}
	return x
}

// expectBits compares the bits of c, whose n columns lie stride apart, and of what
// lies between.
func expectBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

// forTiles calls f for every set in assembly and every tile, with slices at both
// ends of memory.
func forTiles(t *testing.T, tall, wide func(*Set) int, f func(s *Set, a *arena, m, n int)) {
	a := newArena(t)
	for _, s := range Sets() {
		if !s.Native() {
			continue
		}
		for m := 1; m <= tall(s); m++ {
			for n := 1; n <= wide(s); n++ {
				for _, a.high = range []bool{false, true} {
					f(s, a, m, n)
				}
			}
		}
	}
}

func tall(s *Set) int { return s.Tall }

func wide(s *Set) int { return s.Widths[0] }

// TestColsBits holds every tile to the definition, bit by bit, in memory that
// ends with the matrices.
func TestColsBits(t *testing.T) {
	tallest := func(s *Set) int { return max(s.Tall, slices.Max(append(s.TallCols, 0))) }
	forTiles(t, tallest, wide, func(s *Set, a *arena, m, n int) {
		if s.ShareCols(m, s.Width(n)) < m {
			return // two tiles
		}
		for _, e := range []struct{ length, rows, images int }{{1, 1, 1}, {5, 1, 1}, {2, 3, 2}, {8, 2, 1}, {13, 1, 2}} {
			aStep, bStep, cStep := m+a.random.IntN(3), n+a.random.IntN(3), n+1
			const gap = 2 // elements behind a row, three times as many behind an image
			place := func(step int, image, row, k int) int {
				return image*(e.rows*(e.length*step+gap)+3*gap) + row*(e.length*step+gap) + k*step
			}
			last := func(step int) int { return place(step, e.images-1, e.rows-1, e.length-1) }
			x, y, c := a.draw(0, last(aStep)+m), a.draw(1, last(bStep)+n), a.draw(2, (m-1)*cStep+n)
			add := a.random.Uint64N(2)
			want := append([]float32{}, c...)
			for i := range m {
				for j := range n {
					sum := &want[i*cStep+j]
					if add == 0 {
						*sum = 0
					}
					for l := range e.images * e.rows * e.length {
						image, row, k := l/e.length/e.rows, l/e.length%e.rows, l%e.length
						*sum = fma(x[place(aStep, image, row, k)+i], y[place(bStep, image, row, k)+j], *sum)
					}
				}
			}
			s.Cols(&Cols{
				A: &x[0], B: &y[0], C: &c[0], AStep: 4 * aStep, BStep: 4 * bStep, CStep: 4 * cStep,
				ARow: 4 * gap, BRow: 4 * gap, AImage: 12 * gap, BImage: 12 * gap,
				Len: e.length, Rows: e.rows, Images: e.images, M: m, N: n, Width: s.Width(n), Add: add,
			})
			expectBits(t, fmt.Sprintf("%s: cols %d×%d, %+v, add %d", s.Name, m, n, e, add), c, want)
		}
	})
}

// TestRowsBits does so for runs that overlap and that lack the first or the last
// row, with and without bias and ReLU.
func TestRowsBits(t *testing.T) {
	forTiles(t, tall, wide, func(s *Set, a *arena, m, n int) {
		k, cStep, width := 1+a.random.IntN(18), n+1, s.Width(n)
		const taps = 3
		x, b, c := a.draw(0, m+k+taps), a.draw(1, taps*k*width), a.draw(2, (m-1)*cStep+n)
		bias := a.draw(3, n)
		var runs, coff []int32
		for tap := range taps {
			words := make([]int32, s.RunWords())
			for i := range m {
				words[i] = int32(4 * (i + tap + 1))
			}
			words[s.Tall], words[s.Tall+1] = int32((taps-1-tap)*k), int32(tap)
			if m == 1 {
				words[s.Tall+1] = All
			}
			runs = append(runs, words...)
		}
		want := append([]float32{}, c...)
		r := Rows{A: &x[0], B: &b[0], C: &c[0], Runs: &runs[0], K: k, N: n, Width: width, ReLU: a.random.Uint64N(2),
			Places: &Places{M: int32(m), Taps: taps}, Count: 1}
		if a.random.IntN(2) > 0 {
			r.Bias = &bias[0]
		}
		for i := range m {
			coff = append(coff, int32(4*i*cStep))
			for j := range n {
				sum := float32(0)
				if r.Bias != nil {
					sum = bias[j]
				}
				for tap := range taps {
					if m > 1 && (tap == ButFirst && i == 0 || tap == ButLast && i == m-1) {
						continue
					}
					for l := range k {
						sum = fma(x[i+tap+1+l], b[((taps-1-tap)*k+l)*width+j], sum)
					}
				}
				if r.ReLU > 0 {
					sum = max(sum, 0)
				}
				want[i*cStep+j] = sum
			}
		}
		r.COff = &coff[0]
		s.Rows(&r)
		expectBits(t, fmt.Sprintf("%s: rows %d×%d of %d, ReLU %d, bias %t", s.Name, m, n, k, r.ReLU, r.Bias != nil), c, want)
	})
}

// TestRowsNaN: ReLU leaves NaN, and makes +0 of −0 and −Inf.
func TestRowsNaN(t *testing.T) {
	forTiles(t, tall, wide, func(s *Set, a *arena, m, n int) {
		special := []float32{float32(math.NaN()), float32(math.Copysign(0, -1)), float32(math.Inf(-1)), float32(math.Inf(1))}
		want := []float32{special[0], 0, 0, special[3]}
		x, b, c, bias := a.draw(0, m), a.draw(1, s.Width(n)), a.draw(2, m*n), a.draw(3, n)
		clear(x)
		for i := range b {
			b[i] = -1 // 0·−1 + −0 is −0
		}
		runs, coff := make([]int32, s.RunWords()), make([]int32, m)
		for i := range m {
			runs[i], coff[i] = int32(4*i), int32(4*i*n)
		}
		for j := range n {
			bias[j] = special[j%4]
		}
		s.Rows(&Rows{A: &x[0], B: &b[0], C: &c[0], Bias: &bias[0], Runs: &runs[0], COff: &coff[0],
			Places: &Places{M: int32(m), Taps: 1}, Count: 1, K: 1, N: n, Width: s.Width(n), ReLU: 1})
		for i, got := range c {
			w := want[i%n%4]
			if math.Float32bits(got) != math.Float32bits(w) && !(got != got && w != w) {
				t.Fatalf("%s: %d×%d: element %d is %g, want %g", s.Name, m, n, i, got, w)
			}
		}
	})
}

// dot adds the products in sixteen parts, and these by halves. Zeros fill x and y
// up to a multiple of sixteen.
func dot(x, y []float32) float32 {
	var parts [16]float32
	for k := range (len(x) + 15) / 16 * 16 {
		a, b := float32(0), float32(0)
		if k < len(x) {
			a, b = x[k], y[k]
		}
		parts[k%16] = fma(a, b, parts[k%16])
	}
	for half := 8; half > 0; half /= 2 {
		for p := range half {
			parts[p] += parts[p+half]
		}
	}
	return parts[0]
}

// TestDotBits holds every tile to the definition, also where all that is added is
// −0.
func TestDotBits(t *testing.T) {
	dotTall, dotWide := func(s *Set) int { return s.DotTall }, func(s *Set) int { return s.DotWide }
	forTiles(t, dotTall, dotWide, func(s *Set, a *arena, m, n int) {
		for at := range 100 {
			k, tiny := 1+at/2, at%2 > 0 // where tiny, every product becomes −0
			aStep, bStep, cStep := k+a.random.IntN(3), k+a.random.IntN(3), n+1
			x, y, c := a.draw(0, (m-1)*aStep+k), a.draw(1, (n-1)*bStep+k), a.draw(2, (m-1)*cStep+n)
			if tiny {
				for i := range x {
					x[i] = 0x1p-100
				}
				for i := range y {
					y[i] = -0x1p-100
				}
			}
			want := append([]float32{}, c...)
			for i := range m {
				for j := range n {
					want[i*cStep+j] = dot(x[i*aStep:][:k], y[j*bStep:][:k])
				}
			}
			s.Dot(&Dot{A: &x[0], B: &y[0], C: &c[0], AStep: 4 * aStep, BStep: 4 * bStep, CStep: 4 * cStep, K: k, M: m, N: n})
			expectBits(t, fmt.Sprintf("%s: dot %d×%d of %d", s.Name, m, n, k), c, want)
		}
	})
}
