package vec

import (
	"math"
	"testing"
)

func init() {
	for _, c := range []int{8, 24, 64} {
		calls = append(calls,
			call{"WinogradFilter", func(m *memory, n int) {
				if n < 11 {
					next, step := c+n%3, c+n
					w := m.f32(8*next+c, 99)
					if n%2 == 0 {
						WinogradFilter(m.f32(15*step+c, 99), w, step, 0, next, c)
					} else {
						WinogradFilter(m.f32(15*step+c, 99), w, step, 8*next, -next, c)
					}
				}
			}},
			call{"WinogradInput", func(m *memory, n int) {
				if n < 11 {
					patches, next, step := n+1, c+n%3, (n+1)*c+n
					v := m.f32(15*step+patches*c, 99)
					var x [4][]float32
					for r := range x {
						x[r] = m.f32((2*patches+1)*next+c, 99)
					}
					WinogradInput(v, &x, step, next, patches, c)
				}
			}},
			call{"WinogradGradient", func(m *memory, n int) {
				if n < 11 {
					patches, next, step := n+1, c+n%3, (n+1)*c+n
					z := m.f32(15*step+patches*c, 99)
					y := [2][]float32{m.f32((2*patches-1)*next+c, 99), m.f32((2*patches-1)*next+c, 99)}
					WinogradGradient(z, &y, step, next, patches, c)
				}
			}},
			call{"WinogradFilterBack", func(m *memory, n int) {
				if n < 11 {
					next, step := c+n%3, c+n
					WinogradFilterBack(m.f32(8*next+c, 99), m.f32(15*step+c, 99), next, step, c)
				}
			}},
			call{"WinogradOutput", func(m *memory, n int) {
				if n < 11 {
					patches, stride, next := n+1, c+n%2, c+n%3
					step := patches*stride + n
					in, bias := m.f32(15*step+(patches-1)*stride+c, 99), m.f32(c, 99)
					y := [2][]float32{m.f32((2*patches-1)*next+c, 99), m.f32((2*patches-1)*next+c, 99)}
					WinogradOutput(&y, in, bias, step, stride, next, patches, c)
				}
			}})
	}
}

// TestWinograd compares the transforms, one after another, with the sums that they
// stand for, and a filter with the one turned.
func TestWinograd(t *testing.T) {
	const c = 8
	x, w, bias := numbers(16*c), numbers(9*c), numbers(c)
	rows := [4][]float32{x, x[4*c:], x[8*c:], x[12*c:]}
	for turned := range 2 {
		u, v, y := make([]float32, 16*c), make([]float32, 16*c), [2][]float32{make([]float32, 2*c), make([]float32, 2*c)}
		WinogradFilter(u, w, c, turned*8*c, c*(1-2*turned), c)
		WinogradInput(v, &rows, c, c, 1, c)
		for i := range u {
			u[i] *= v[i]
		}
		WinogradOutput(&y, u, bias, c, c, c, 1, c)
		for i := range 4 * c {
			p, q, ch := i/c/2, i/c%2, i%c
			want := float64(bias[ch])
			for tap := range 9 {
				of := tap
				if turned == 1 {
					of = 8 - tap
				}
				want += float64(x[((p+tap/3)*4+q+tap%3)*c+ch]) * float64(w[of*c+ch])
			}
			if got := y[p][q*c+ch]; math.Abs(float64(got)-want) > 1e-6 {
				t.Errorf("turned %d, output %d,%d of channel %d is %v, want %v", turned, p, q, ch, got, want)
			}
		}
	}
}

// TestWinogradBack compares the transforms that give a filter's gradient with the sums
// that define it.
func TestWinogradBack(t *testing.T) {
	const c = 8
	x, dy := numbers(16*c), numbers(4*c)
	rows, gradients := [4][]float32{x, x[4*c:], x[8*c:], x[12*c:]}, [2][]float32{dy, dy[2*c:]}
	v, z, dw := make([]float32, 16*c), make([]float32, 16*c), make([]float32, 9*c)
	WinogradInput(v, &rows, c, c, 1, c)
	WinogradGradient(z, &gradients, c, c, 1, c)
	for i := range v {
		v[i] *= z[i]
	}
	WinogradFilterBack(dw, v, c, c, c)
	for i, got := range dw {
		tap, ch := i/c, i%c
		want := 0.0
		for place := range 4 {
			want += float64(dy[place*c+ch]) * float64(x[((place/2+tap/3)*4+place%2+tap%3)*c+ch])
		}
		if math.Abs(float64(got)-want) > 1e-6 {
			t.Errorf("tap %d of channel %d is %v, want %v", tap, ch, got, want)
		}
	}
}

// No channels, or some that are not eight and eight, are a bug of the caller.
func TestWinogradChannels(t *testing.T) {
	x := make([]float32, 2000)
	for _, n := range []int{0, 12} {
		for name, call := range map[string]func(){
			"filter":      func() { WinogradFilter(x, x, 16, 0, 16, n) },
			"input":       func() { WinogradInput(x, &[4][]float32{x, x, x, x}, 16, 16, 1, n) },
			"output":      func() { WinogradOutput(&[2][]float32{x, x}, x, x, 16, 16, 16, 1, n) },
			"gradient":    func() { WinogradGradient(x, &[2][]float32{x, x}, 16, 16, 1, n) },
			"filter back": func() { WinogradFilterBack(x, x, 16, 16, n) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s takes %d channels", name, n)
					}
				}()
				call()
			}()
		}
	}
}
