package ref

import "imgcls/internal/augment"

// Augment makes of a picture x [H,W,C] another one, y, as graph.Augment says for a draw d.
func Augment(y, x []uint8, h, w int, p augment.Policy, blank []uint8, d augment.Draw) {
	c := len(blank)
	at := func(row, col int) int { return (row*w + col) * c }
	for row := range h {
		for col := range w {
			from := col
			if d.Flip {
				from = w - 1 - col
			}
			r, s := row+d.Top-p.Crop, from+d.Left-p.Crop
			if p.Reflect {
				r, s = mirrored(r, h), mirrored(s, w)
			}
			for ch := range c {
				y[at(row, col)+ch] = 0
				if r >= 0 && r < h && s >= 0 && s < w {
					y[at(row, col)+ch] = x[at(r, s)+ch]
				}
			}
		}
	}
	for _, kind := range d.Order {
		jitter(y, c, kind, int64(d.Factor[kind]))
	}
	for row := max(0, d.CutTop); row < min(h, d.CutTop+p.Cutout); row++ {
		for col := max(0, d.CutLeft); col < min(w, d.CutLeft+p.Cutout); col++ {
			copy(y[at(row, col):], blank)
		}
	}
}

// mirrored returns the place within 0 … n−1 that i, less than n outside, is mirrored to.
func mirrored(i, n int) int {
	if i < 0 {
		i = -i
	}
	if i >= n {
		i = 2*(n-1) - i
	}
	return i
}

// jitter changes brightness (0), contrast (1) or saturation (2) by f/augment.One.
func jitter(y []uint8, c, kind int, f int64) {
	if kind == 2 && c != 3 {
		return
	}
	n := int64(len(y)) // of what sum is the sum of
	if c == 3 {
		n /= 3
	}
	sum := int64(0)
	for i := 0; i < len(y); i += c {
		sum += grey(y[i : i+c])
	}
	for i := 0; i < len(y); i += c {
		g := grey(y[i : i+c])
		for j := i; j < i+c; j++ {
			v, rest := int64(y[j]), int64(augment.One)-f
			switch kind {
			case 0:
				v = f * v / augment.One
			case 1:
				v = (f*v*n + rest*sum) / (augment.One * n)
			case 2:
				v = (f*v + rest*g) / augment.One
			}
			y[j] = uint8(min(max(v, 0), 255))
		}
	}
}

// grey returns the grey of a pixel of three channels, and the sum of one of others.
func grey(pixel []uint8) (g int64) {
	if len(pixel) == 3 {
		return (2989*int64(pixel[0]) + 5870*int64(pixel[1]) + 1140*int64(pixel[2])) / 10_000
	}
	for _, v := range pixel {
		g += int64(v)
	}
	return g
}
