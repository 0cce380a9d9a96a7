package cpu

import "imgcls/internal/augment"

// An Augment changes pictures of H×W pixels, as graph.Augment says.
type Augment struct {
	H, W   int
	Policy augment.Policy
	Blank  []uint8 // a pixel
}

// One makes y of a picture x for a draw.
func (a Augment) One(y, x []uint8, d augment.Draw) {
	c := len(a.Blank)
	for row := range a.H {
		from, to := row+d.Top-a.Policy.Crop, y[row*a.W*c:][:a.W*c]
		if a.Policy.Reflect {
			from = mirrored(from, a.H)
		}
		if from < 0 || from >= a.H {
			clear(to)
			continue
		}
		a.row(to, x[from*a.W*c:][:a.W*c], d.Left-a.Policy.Crop)
		if d.Flip {
			mirror(to, c)
		}
	}
	if a.Policy.Jitters() {
		for _, kind := range d.Order {
			a.jitter(y, kind, int64(d.Factor[kind]))
		}
	}
	for row := max(0, d.CutTop); row < min(a.H, d.CutTop+a.Policy.Cutout); row++ {
		for col := max(0, d.CutLeft); col < min(a.W, d.CutLeft+a.Policy.Cutout); col++ {
			copy(y[(row*a.W+col)*c:], a.Blank)
		}
	}
}

// row moves a row to the left by shift pixels, or to the right by fewer than 0.
func (a Augment) row(to, from []uint8, shift int) {
	c := len(a.Blank)
	lo, hi := max(0, -shift), min(a.W, a.W-shift) // the pixels that come from within
	copy(to[lo*c:hi*c], from[(lo+shift)*c:])
	if !a.Policy.Reflect {
		clear(to[:lo*c])
		clear(to[hi*c:])
		return
	}
	for col := range a.W {
		if col < lo || col >= hi {
			copy(to[col*c:(col+1)*c], from[mirrored(col+shift, a.W)*c:])
		}
	}
}

// mirror exchanges left and right of a row of pixels of c values.
func mirror(row []uint8, c int) {
	for l, r := 0, len(row)-c; l < r; l, r = l+c, r-c {
		for i := range c {
			row[l+i], row[r+i] = row[r+i], row[l+i]
		}
	}
}

// mirrored returns the place within 0 … n−1 that i, less than n outside, is mirrored to.
func mirrored(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*(n-1) - i
	}
	return i
}

// jitter changes brightness (0), contrast (1) or saturation (2) by f/augment.One. What
// the first two make of a value is the same throughout the picture, and so in a table.
func (a Augment) jitter(y []uint8, kind int, f int64) {
	const one = augment.One
	if c := len(a.Blank); f == one || kind == 2 && c != 3 {
		return
	}
	if kind == 2 {
		for i := 0; i+2 < len(y); i += 3 {
			g := (one - f) * grey(y[i], y[i+1], y[i+2])
			y[i], y[i+1], y[i+2] = clamp((f*int64(y[i])+g)>>16), clamp((f*int64(y[i+1])+g)>>16), clamp((f*int64(y[i+2])+g)>>16)
		}
		return
	}
	n, sum := int64(1), int64(0)
	if kind == 1 {
		n, sum = a.grey(y)
	}
	var table [256]uint8
	for v := range table {
		table[v] = clamp((f*int64(v)*n + (one-f)*sum) / (one * n))
	}
	for i, v := range y {
		y[i] = table[v]
	}
}

// grey returns the sum of a picture's grey, and of how many values it is.
func (a Augment) grey(y []uint8) (n, sum int64) {
	if len(a.Blank) != 3 {
		for _, v := range y {
			sum += int64(v)
		}
		return int64(len(y)), sum
	}
	for i := 0; i+2 < len(y); i += 3 {
		sum += grey(y[i], y[i+1], y[i+2])
	}
	return int64(len(y) / 3), sum
}

func grey(r, g, b uint8) int64 { return (2989*int64(r) + 5870*int64(g) + 1140*int64(b)) / 10_000 }

func clamp(v int64) uint8 { return uint8(min(max(v, 0), 255)) }
