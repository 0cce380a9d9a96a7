package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"imgcls/internal/kernels/cpu/tile"
)

// TestConv compares the three operations of every instruction set with the sums
// that define them, in ranges with the whole, and the sets with each other.
func TestConv(t *testing.T) {
	for _, c := range []Conv{
		{N: 3, H: 9, W: 8, I: 3, P: 5, Q: 4, O: 6, R: 5, S: 5, Stride: 1},
		{N: 2, H: 11, W: 13, I: 2, P: 11, Q: 13, O: 4, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 4, H: 12, W: 9, I: 4, P: 6, Q: 5, O: 5, R: 4, S: 3, Stride: 2, Pad: 1},
		{N: 2, H: 3, W: 2, I: 1, P: 8, Q: 8, O: 2, R: 2, S: 1, Stride: 1, Pad: 3},
		{N: 2, H: 8, W: 8, I: 17, P: 4, Q: 4, O: 41, R: 1, S: 1, Stride: 2},
		{N: 5, H: 4, W: 4, I: 70, P: 4, Q: 4, O: 33, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 5, H: 4, W: 4, I: 70, P: 4, Q: 4, O: 83, R: 3, S: 3, Stride: 1, Pad: 1},     // places far apart, several images at once
		{N: 1, H: 2, W: 150, I: 65, P: 2, Q: 150, O: 81, R: 1, S: 3, Stride: 1, Pad: 1}, // a line of many places
		{N: 3, H: 9, W: 8, I: 34, P: 5, Q: 4, O: 80, R: 1, S: 1, Stride: 2},
		{N: 2, H: 6, W: 7, I: 140, O: 134, R: 2, S: 2, Stride: 1, Groups: 2},
		{N: 2, H: 32, W: 32, I: 3, P: 32, Q: 32, O: 16, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 2, H: 4, W: 40, I: 7, P: 3, Q: 26, O: 3, R: 2, S: 15, Stride: 1}, // wider than some sets could take
		{N: 1, H: 5, W: 29, I: 9, P: 5, Q: 29, O: 25, R: 1, S: 7, Stride: 1, Pad: 0},
		{N: 3, H: 7, W: 6, I: 6, P: 4, Q: 3, O: 9, R: 3, S: 3, Stride: 2, Pad: 1, Groups: 3},
		{N: 2, H: 9, W: 8, I: 34, O: 82, R: 3, S: 2, Stride: 1, Groups: 2},
		{N: 2, H: 5, W: 6, I: 5, P: 5, Q: 6, O: 10, R: 5, S: 5, Stride: 1, Pad: 2, Groups: 5},
		{N: 3, H: 8, W: 8, I: 24, P: 8, Q: 8, O: 32, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 3, H: 7, W: 9, I: 24, P: 7, Q: 9, O: 72, R: 3, S: 3, Stride: 1, Pad: 1}, // patches over the end
		{N: 2, H: 7, W: 30, I: 136, P: 9, Q: 32, O: 40, R: 3, S: 3, Stride: 1, Pad: 2},
		{N: 2, H: 10, W: 9, I: 24, O: 24, R: 3, S: 3, Stride: 1},
		{N: 3, H: 7, W: 9, I: 37, P: 4, Q: 5, O: 37, R: 3, S: 3, Stride: 2, Pad: 1, Groups: 37},
	} {
		if c.Pad == 0 {
			c.P, c.Q = (c.H-c.R)/c.Stride+1, (c.W-c.S)/c.Stride+1
		}
		checkConv(t, c)
	}
}

func checkConv(t *testing.T, c Conv) {
	image, places := c.H*c.W*c.I, c.N*c.Places()
	x, w, bias := random(1, c.N*image), random(2, c.O*c.Taps()), random(3, c.O)
	dy := random(4, places*c.O)
	for i := range dy { // as behind a ReLU
		dy[i] = max(dy[i], 0)
	}
	y64, dx64, dw64 := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
	for i := range y64 {
		y64[i] = float64(bias[i%c.O])
	}
	c.each(func(y, x64, w64 int) {
		y64[y] += float64(x[x64]) * float64(w[w64])
		dx64[x64] += float64(dy[y]) * float64(w[w64])
		dw64[w64] += float64(dy[y]) * float64(x[x64])
	})

	var first map[string][]float32 // of the first set in assembly
	for _, set := range tile.Sets() {
		what := fmt.Sprintf("%s: %+v: ", set.Name, c)
		got := map[string][]float32{
			"y":  walked(t, what+"y", c.Forward(set), len(dy), x, bias, func(packed []float32) { c.PackForward(set, packed, w, 0, c.O) }),
			"dx": walked(t, what+"dx", c.BackData(set), len(x), dy, nil, func(packed []float32) { c.PackBackData(set, packed, w, 0, c.I) }),
		}
		for name, patches := range map[string]*Winograd{"winograd y": c.ForwardWinograd(set), "winograd dx": c.BackDataWinograd(set)} {
			if patches != nil && name == "winograd y" {
				got[name] = inPatches(t, what+name, patches, len(y64), x, w, bias)
				expectNear(t, what+name, got[name], y64, c.Taps()+1)
				if e, plain := deviation(got[name], y64), deviation(got["y"], y64); e > 3*plain {
					t.Errorf("%sa mean error of %v, that of plain sums is %v", what, e, plain)
				}
			} else if patches != nil {
				got[name] = inPatches(t, what+name, patches, len(dx64), dy, w, nil)
				expectNear(t, what+name, got[name], dx64, c.O*c.R*c.S)
			}
		}
		if w := c.BackFilterWinograd(set, PanelSide); w != nil {
			got["winograd dw"] = filled(len(dw64))
			parts, half, scratch := filled(2*w.Size()), c.N/2, filled(w.Scratch())
			clear(parts) // there may be no image
			for i := range w.Panels() {
				w.Sum(parts, x, dy, i, i+1, half, false, scratch)
				for n := half; n < c.N; n++ {
					w.Sum(parts[w.Size():], x[n*image:], dy[n*c.Places()*c.O:], i, i+1, 1, n > half, scratch)
				}
			}
			for i := range w.Panels() {
				w.Finish(got["winograd dw"], parts, i, i+1)
			}
			expectNear(t, what+"winograd dw", got["winograd dw"], dw64, places)
		}
		f := NewFilter(set, c)
		parts, dw := filled(len(w)*2), filled(len(w))
		half, panels := c.N/2, f.Panels()
		for group, images := range [][2]int{{0, half}, {half, c.N}} {
			part := parts[group*len(w):][:len(w)]
			clear(part) // there may be no image
			for i := range panels {
				f.Sum(part, x[images[0]*image:], dy[images[0]*c.Places()*c.O:], i, i+1, images[1]-images[0], i%2 > 0, make([]float32, f.Scratch()))
			}
		}
		f.Finish(dw, parts)
		got["dw"] = dw
		if few := c.FewBackData(set); few != nil {
			packed, scratch := filled(few.Packed()), filled(few.Scratch())
			few.Pack(packed, w)
			got["few"] = filled(len(x))
			for n := range c.N {
				few.Compute(got["few"][n*image:], packed, dy[n*c.Places()*c.O:], scratch)
			}
			expectNear(t, what+"dx of few", got["few"], dx64, c.O*c.R*c.S)
		}

		expectNear(t, what+"y", got["y"], y64, c.Taps()+1)
		expectNear(t, what+"dx", got["dx"], dx64, c.O*c.R*c.S)
		expectNear(t, what+"dw", got["dw"], dw64, places)
		if !set.Native() { // gonum
			continue
		}
		if first == nil {
			first = got
		}
		if len(got) != len(first) {
			t.Errorf("%swhether channels are few differs from the first set's", what)
		}
		for name := range got {
			if !slices.Equal(got[name], first[name]) {
				t.Errorf("%s%s has other bits than the first set's", what, name)
			}
		}
	}
}

// Convolutions are computed in patches where these are quicker, and TestConv tries both
// forms there.
func TestInPatches(t *testing.T) {
	some := Conv{N: 1, H: 8, W: 8, I: 24, P: 8, Q: 8, O: 32, R: 3, S: 3, Stride: 1, Pad: 1}
	for what, change := range map[string]func(c *Conv){
		"5×5 filters":                  func(c *Conv) { c.R, c.S = 5, 5 },
		"strides":                      func(c *Conv) { c.Stride = 2 },
		"groups":                       func(c *Conv) { c.Groups = 2 },
		"padding wider than a patch":   func(c *Conv) { c.Pad = 3 },
		"channels that are not eights": func(c *Conv) { c.I = 28 },
		"few channels":                 func(c *Conv) { c.O = 16 },
		"images of few patches":        func(c *Conv) { c.H, c.P = 6, 6 },
	} {
		c := some
		change(&c)
		if c.InPatches() {
			t.Errorf("%s are computed in patches", what)
		}
	}
	set := tile.Best()
	if some.ForwardWinograd(set) == nil || some.BackDataWinograd(set) == nil || some.BackFilterWinograd(set, PanelSide) == nil {
		t.Error("a 3×3 convolution is not computed in patches")
	}
}

// A list of runs that has no room ends early and says so.
func TestWalkTooLarge(t *testing.T) {
	defer func(most int) { mostWords = most }(mostWords)
	c := Conv{N: 1, H: 40, W: 40, I: 1, P: 40, Q: 40, O: 1, R: 7, S: 7, Stride: 1, Pad: 3}
	for most, want := range map[int]bool{mostWords: false, 1000: true} {
		mostWords = most
		for _, w := range []*Walk{c.Forward(tile.Best()), c.BackData(tile.Best())} {
			if w.TooLarge() != want || len(w.runs) > most {
				t.Errorf("room for %d words: too large %t, %d words", most, w.TooLarge(), len(w.runs))
			}
		}
	}
}

// deviation returns the root of the mean square of the differences.
func deviation(got []float32, want []float64) float64 {
	sum := 0.0
	for i, w := range want {
		sum += (float64(got[i]) - w) * (float64(got[i]) - w)
	}
	return math.Sqrt(sum / float64(len(want)))
}

// filled returns n elements of what another operation may have left.
func filled(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = nan
	}
	return x
}

// walked runs a walk as a whole, and in parts of tiles and of columns, which must
// give the same bits, with and without ReLU.
func walked(t *testing.T, what string, w *Walk, n int, x, bias []float32, pack func([]float32)) []float32 {
	t.Helper()
	packed, scratch := filled(w.Packed()), filled(w.Scratch())
	pack(packed)
	columns := w.groups * w.columns
	images := n / (columns * w.places())
	units := images * w.Tiles()
	l := Layer{Y: filled(n), X: x, Packed: packed, Bias: bias}
	w.Compute(l, 0, units, 0, columns, scratch)
	whole := l.Y
	l.Y = filled(n)
	panels := w.Panels()
	for j := range panels[1:] {
		for lo := 0; lo < units; lo += 3 {
			w.Compute(l, lo, min(lo+3, units), panels[j], panels[j+1], scratch)
		}
	}
	if !slices.Equal(l.Y, whole) {
		t.Errorf("%s in parts has other bits", what)
	}
	lines := len(w.lines) - 1
	l.Y = filled(lines * w.size)
	for line := range lines {
		one := l
		one.Y = l.Y[line*w.size:]
		w.ComputeInto(one, x, line, line+1, scratch)
	}
	if !slices.Equal(l.Y, whole[:len(l.Y)]) {
		t.Errorf("%s by lines has other bits", what)
	}
	l.Y, l.ReLU = filled(n), true
	w.Compute(l, 0, units, 0, columns, scratch)
	for i, y := range l.Y {
		if want := max(whole[i], 0); y != want {
			t.Fatalf("%s: element %d is %v with ReLU, want %v", what, i, y, want)
		}
	}
	return whole
}

// inPatches runs a Winograd as a whole, and in parts of bands and of columns, which
// must give the same bits, with and without ReLU.
func inPatches(t *testing.T, what string, w *Winograd, n int, x, f, bias []float32) []float32 {
	t.Helper()
	packed := filled(w.Packed())
	w.Pack(packed, f, 0, w.o, filled(w.Scratch()))
	bands := n / (w.p * w.q * w.o) * w.Bands()
	l := Layer{Y: filled(n), X: x, Packed: packed, Bias: bias}
	w.ComputeBands(l, 0, bands, 0, w.o, filled(w.Scratch()))
	whole := l.Y
	panels, again := w.Panels(), filled(w.Packed())
	for j := range panels[1:] {
		w.Pack(again, f, panels[j], panels[j+1], filled(w.Scratch()))
	}
	l.Packed = again
	for _, relu := range []bool{false, true} {
		l.Y, l.ReLU = filled(n), relu
		for j := range panels[1:] {
			for lo := 0; lo < bands; lo += 3 {
				w.ComputeBands(l, lo, min(lo+3, bands), panels[j], panels[j+1], filled(w.Scratch()))
			}
		}
		for i, y := range l.Y {
			if want := whole[i]; y != want && !(relu && y == max(want, 0)) {
				t.Fatalf("%s in parts: element %d is %v, want %v (ReLU %t)", what, i, y, want, relu)
			}
		}
	}
	return whole
}

func (w *Walk) places() int { return (len(w.lines) - 1) * w.size / (w.groups * w.columns) }

// each calls f with the elements of y, x and w of every product.
func (c Conv) each(f func(y, x, w int)) {
	for place := range c.N * c.Places() {
		n, p, q := place/c.Places(), place/c.Q%c.P, place%c.Q
		for tap := range c.R * c.S {
			h, v := p*c.Stride+tap/c.S-c.Pad, q*c.Stride+tap%c.S-c.Pad
			if h < 0 || h >= c.H || v < 0 || v >= c.W {
				continue
			}
			for o := range c.O {
				for i := range c.ins() {
					f(place*c.O+o, ((n*c.H+h)*c.W+v)*c.I+o/c.outs()*c.ins()+i, (o*c.R*c.S+tap)*c.ins()+i)
				}
			}
		}
	}
}
