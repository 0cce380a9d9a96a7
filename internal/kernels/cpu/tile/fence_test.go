package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"imgcls/internal/kernels/cpu/fence"
)

// floats returns n numbers within ±1 whose last is the last of the memory.
func floats(t testing.TB, r *rand.Rand, n int) []float32 {
	b := fence.Bytes(t, 4*n)
	x := unsafe.Slice((*float32)(unsafe.Pointer(&b[len(b)-4*n])), n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

// near compares with a sum in float64 of so many products of numbers within ±1.
func near(t *testing.T, what string, got float32, want float64, terms int) {
	t.Helper()
	if bound := 4 * math.Sqrt(float64(terms)) * 0x1p-24 * float64(terms+1); !(math.Abs(float64(got)-want) <= bound) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestColsInBounds multiplies tiles of every size, unpacked, with all that they
// read and write at the end of memory. A row of c has an element behind it that
// must stay.
func TestColsInBounds(t *testing.T) {
	for _, s := range Sets() {
		for m := 1; m <= min(s.Tall, 13); m++ {
			for n := 1; n <= min(s.Widths[0], 33); n++ {
				r := rand.New(rand.NewPCG(1, uint64(m*100+n)))
				const k, stays = 5, 77
				a, b := floats(t, r, k*m), floats(t, r, k*n)
				c := floats(t, r, m*(n+1)-1)
				for i := n; i < len(c); i += n + 1 {
					c[i] = stays
				}
				for add := range 2 {
					s.Cols(&Cols{
						A: &a[0], AStep: 4 * m, B: &b[0], BStep: 4 * n, C: &c[0], CStep: 4 * (n + 1),
						Len: k, Rows: 1, Images: 1, M: m, N: n, Width: s.Width(n), Add: uint64(add),
					})
				}
				for at, got := range c {
					i, j := at/(n+1), at%(n+1)
					if j == n {
						if got != stays {
							t.Errorf("%s: %d×%d: writes behind row %d", s.Name, m, n, i)
						}
						continue
					}
					want := 0.0
					for l := range k {
						want += 2 * float64(a[l*m+i]) * float64(b[l*n+j])
					}
					near(t, fmt.Sprintf("%s: %d×%d: c[%d,%d]", s.Name, m, n, i, j), got, want, 2*k)
				}
			}
		}
	}
}

// TestDotInBounds does so with inner products of every rest of sixteen.
func TestDotInBounds(t *testing.T) {
	for _, s := range Sets() {
		for m := 1; m <= min(s.DotTall, 5); m++ {
			for n := 1; n <= min(s.DotWide, 7); n++ {
				for k := 1; k <= 34; k++ {
					r := rand.New(rand.NewPCG(2, uint64(m*1000+n*100+k)))
					a, b, c := floats(t, r, m*k), floats(t, r, n*k), floats(t, r, m*n)
					s.Dot(&Dot{A: &a[0], AStep: 4 * k, B: &b[0], BStep: 4 * k, C: &c[0], CStep: 4 * n, K: k, M: m, N: n})
					for at, got := range c {
						want := 0.0
						for l := range k {
							want += float64(a[at/n*k+l]) * float64(b[at%n*k+l])
						}
						near(t, fmt.Sprintf("%s: %d×%d×%d: element %d", s.Name, m, n, k, at), got, want, k)
					}
				}
			}
		}
	}
}

// TestRowsInBounds convolves tiles of every height whose runs lie anywhere, the
// last of them at the end of memory, in two taps of which the second leaves out
// the first or the last row.
func TestRowsInBounds(t *testing.T) {
	for _, s := range Sets() {
		for m := 1; m <= min(s.Tall, 13); m++ {
			for n := 1; n <= min(s.Widths[0], 33); n += 1 + m%3 {
				for _, which := range []int32{All, ButFirst, ButLast} {
					if which != All && m == 1 {
						continue
					}
					rowsInBounds(t, s, m, n, which)
				}
			}
		}
	}
}

func rowsInBounds(t *testing.T, s *Set, m, n int, which int32) {
	const k, taps = 3, 2
	r := rand.New(rand.NewPCG(3, uint64(m*100+n)))
	width := s.Width(n)
	x, w, bias, c := floats(t, r, m*k+k), floats(t, r, taps*k*n), floats(t, r, n), floats(t, r, m*n)
	panel := floats(t, r, taps*k*width)
	for l := range taps * k {
		s.PackRow(panel, w[l*n:(l+1)*n], width, taps*k, l)
	}
	runs, coff := make([]int32, taps*s.RunWords()), make([]int32, m)
	for tap := range taps {
		words := runs[tap*s.RunWords():]
		for i := range m {
			words[i] = int32(4 * k * ((i + tap) % (m + 1)))
		}
		words[s.Tall] = int32(tap * k)
	}
	runs[2*s.RunWords()-1] = which
	for i := range coff {
		coff[i] = int32(4 * n * i)
	}
	lo, hi := 0, m
	switch which {
	case ButFirst:
		lo = 1
	case ButLast:
		hi = m - 1
	}
	places := Places{M: int32(m), Taps: taps}
	s.Rows(&Rows{
		A: &x[0], B: &panel[0], C: &c[0], Bias: &bias[0], Places: &places, Runs: &runs[0], COff: &coff[0], Count: 1,
		K: k, Width: width, N: n, ReLU: 1, Depth: taps * k, Scratch: make([]float32, s.Tall*taps*k),
	})
	for at, got := range c {
		i, j := at/n, at%n
		want := float64(bias[j])
		for tap := range taps {
			if tap == 1 && (i < lo || i >= hi) {
				continue
			}
			for l := range k {
				want += float64(x[int(runs[tap*s.RunWords()+i])/4+l]) * float64(w[(tap*k+l)*n+j])
			}
		}
		near(t, fmt.Sprintf("%s: %d×%d, rows %d to %d: c[%d,%d]", s.Name, m, n, lo, hi, i, j), got, max(want, 0), taps*k+1)
	}
}
