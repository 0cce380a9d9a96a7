package layers

import (
	"math"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/rng"
)

// What comes out of the filters is uncorrelated, with variance 1 but for the eps, and
// the second half is the first with the other sign.
func TestWhiten(t *testing.T) {
	const k, c, h, w, n = 2, 3, 9, 7, 40
	const d = k * k * c
	p := Pictures{H: h, W: w, C: c, Bytes: make([]byte, n*h*w*c), Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.25, 0.2, 0.3}}
	for i := range p.Bytes { // neighbours and channels are alike
		u := func(j int) float64 { return float64(rng.Uniform(1, 2, uint64(j))) }
		p.Bytes[i] = byte(128*u(i/c/2) + 100*u(1e6+i/c) + 27*u(2e6+i))
	}
	g, s, _ := apply(Whiten{Kernel: k}, 2, 1, h, w, c)
	fitted := s.Whiten(p)[g.Named("weight")]
	if len(fitted) != 2*d*d || g.Tensor(g.Named("weight")).Role != graph.Buffer {
		t.Fatalf("%d numbers, %s", len(fitted), g.Tensor(g.Named("weight")))
	}
	var product [d * d]float64
	patches := 0
	for at := range n {
		for y := range h - k + 1 {
			for x := range w - k + 1 {
				var out [d]float64
				for i := range d {
					r, q, ch := i/(k*c), i/c%k, i%c
					v := (float64(p.Bytes[((at*h+y+r)*w+x+q)*c+ch])/255 - p.Mean[ch]) / p.Std[ch]
					for o := range out {
						out[o] += float64(fitted[o*d+i]) * v
					}
				}
				for i := range d {
					for j := range d {
						product[i*d+j] += out[i] * out[j]
					}
				}
				patches++
			}
		}
	}
	for i := range d {
		for j := range d {
			got, want, near := product[i*d+j]/float64(patches), 0.0, 1e-6
			if i == j {
				norm := 0.0
				for _, v := range fitted[i*d : (i+1)*d] {
					norm += float64(v) * float64(v)
				}
				want, near = 1-whitenEps*norm, 1e-5 // λ/(λ+eps), where the filter is of norm 1/√(λ+eps)
			}
			if math.Abs(got-want) > near {
				t.Errorf("mean product of outputs %d and %d is %v, want %v", i, j, got, want)
			}
		}
	}
	for i, v := range fitted[:d*d] {
		if fitted[d*d+i] != -v {
			t.Fatalf("number %d is %v, and %v in the second half", i, v, fitted[d*d+i])
		}
	}
}

// The first filters hand on a channel each, and the others are drawn.
func TestDirac(t *testing.T) {
	g, s, _ := apply(Conv{Out: 5, Kernel: 3, Pad: 1, NoBias: true, Init: Dirac}, 2, 1, 4, 4, 2)
	w := make([]float32, 5*9*2)
	s.Initialize(g.Named("weight"), 1, w)
	for i, v := range w {
		o, place, channel := i/18, i/2%9, i%2
		switch want := float32(0); {
		case o < 2 && place == 4 && channel == o:
			if want = 1; v != want {
				t.Errorf("filter %d hands on %v", o, v)
			}
		case o < 2 && v != 0:
			t.Errorf("filter %d has %v at %d of channel %d", o, v, place, channel)
		case o >= 2 && (v == 0 || math.Abs(float64(v)) > 1/math.Sqrt(18)):
			t.Errorf("filter %d has %v", o, v)
		}
	}
}
