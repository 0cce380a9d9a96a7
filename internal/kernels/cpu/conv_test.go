package cpu

import (
	"fmt"
	"slices"
	"testing"
)

// TestConv compares the three operations with the sums that define them, in
// shapes of more places than a tile has, and in ranges with the whole.
func TestConv(t *testing.T) {
	for _, c := range []Conv{
		{N: 3, H: 9, W: 8, I: 3, P: 5, Q: 4, O: 6, R: 5, S: 5, Stride: 1},
		{N: 2, H: 11, W: 13, I: 2, P: 11, Q: 13, O: 4, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 4, H: 12, W: 9, I: 4, P: 6, Q: 5, O: 5, R: 4, S: 3, Stride: 2, Pad: 1},
		{N: 2, H: 3, W: 2, I: 1, P: 8, Q: 8, O: 2, R: 2, S: 1, Stride: 1, Pad: 3},
	} {
		what := fmt.Sprintf("%+v", c)
		image, places := c.H*c.W*c.I, c.N*c.Places()
		x, w, bias := random(1, c.N*image), random(2, c.O*c.Taps()), random(3, c.O)
		dy := random(4, places*c.O)
		y64, dx64, dw64 := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
		for i := range y64 {
			y64[i] = float64(bias[i%c.O])
		}
		c.each(func(y, x64, w64 int) {
			y64[y] += float64(x[x64]) * float64(w[w64])
			dx64[x64] += float64(dy[y]) * float64(w[w64])
			dw64[w64] += float64(dy[y]) * float64(x[x64])
		})

		// What another operation left in the scratch must not show.
		scratch, packed := make([]float32, c.Scratch()+9), random(6, c.Filters())
		for i := range scratch {
			scratch[i] = nan
		}
		y, dx, dw := make([]float32, len(dy)), random(7, len(x)), make([]float32, len(w))
		c.PackFilters(packed, w, 0, c.O)
		c.Forward(y, x, packed, bias, scratch, 0, places)
		expectNear(t, what+": y", y, y64, c.Taps()+1)
		whole := slices.Clone(y)
		for lo := 0; lo < places; lo += 7 {
			c.Forward(y, x, packed, bias, scratch, lo, min(lo+7, places))
		}
		if !slices.Equal(y, whole) {
			t.Errorf("%s: y in parts has other bits", what)
		}

		c.BackData(dx, w, dy, scratch, 0, c.N)
		expectNear(t, what+": dx", dx, dx64, c.O*c.R*c.S)

		partials := random(8, 2*c.Filters())
		c.BackFilter(partials[:c.Filters()], x, dy, scratch, 0, 1)
		c.BackFilter(partials[c.Filters():], x, dy, scratch, 1, c.N)
		SumPartials(dw, partials, c.O, c.Taps(), c.Row(), 0, c.O)
		expectNear(t, what+": dw", dw, dw64, places)
	}
}

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
				for i := range c.I {
					f(place*c.O+o, ((n*c.H+h)*c.W+v)*c.I+i, (o*c.R*c.S+tap)*c.I+i)
				}
			}
		}
	}
}
