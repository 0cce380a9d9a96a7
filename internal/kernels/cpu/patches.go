package cpu

import "imgcls/internal/kernels/cpu/vec"

// patches cut the output of a convolution by 3×3 filters at stride 1 into 2×2 places,
// and the input into the 4×4 under each, for Winograd's transforms. A band is a line
// of patches: two lines of the output, of which the last of an image may be one, as the
// last place of a line may be.
type patches struct {
	h, w, c int // of an input image
	p, q    int // of an output image
	pad     int
	zeros   []float32 // a line of the input
}

func (c Conv) patches() patches {
	return patches{h: c.H, w: c.W, c: c.I, p: c.P, q: c.Q, pad: c.Pad, zeros: make([]float32, c.W*c.I)}
}

// Bands returns the number of bands of one image.
func (g *patches) Bands() int { return (g.p + 1) / 2 }

// Rows returns the places of the output before a band, counted over all images.
func (g *patches) Rows(band int) int {
	return (band/g.Bands()*g.p + band%g.Bands()*2) * g.q
}

// across returns the patches of a band.
func (g *patches) across() int { return (g.q + 1) / 2 }

// whole returns how many of a band's patches, from first on, have all their places.
func (g *patches) whole(band, first, count int) int {
	if band%g.Bands()*2+1 < g.p {
		return min(count, g.q/2-first)
	}
	return 0
}

// A transform is where that of an input goes: sixteen planes, so many elements apart, of
// [patches, channels], for the channels from first on.
type transform struct {
	to              []float32
	plane           int
	first, channels int
	patch           []float32 // scratch for one patch [4,4,channels]
}

// inputs transforms the inputs of n patches, of which the first is at, counted over
// all images of x.
func (g *patches) inputs(t transform, x []float32, at, n int) {
	across, bands := g.across(), g.Bands()
	for done := 0; done < n; {
		band, first := (at+done)/across, (at+done)%across
		count := min(across-first, n-done)
		image := x[band/bands*g.h*g.w*g.c:]
		var lines [4][]float32
		for i := range lines {
			lines[i] = g.zeros
			if h := band%bands*2 + i - g.pad; h >= 0 && h < g.h {
				lines[i] = image[h*g.w*g.c:][:g.w*g.c]
			}
		}
		g.inputLine(t, lines, first, done, count)
		done += count
	}
}

// inputLine transforms the patches first to first+count of a band to the rows of t
// from row on.
func (g *patches) inputLine(t transform, lines [4][]float32, first, row, count int) {
	for end := first + count; first < end; {
		from, many, next := 2*first-g.pad, 1, g.c
		x, to := lines, t.to[row*t.channels:]
		if from >= 0 && from+4 <= g.w {
			many = min(end-first, (g.w-from)/2-1)
			for i := range x {
				x[i] = x[i][from*g.c+t.first:]
			}
		} else {
			next = t.channels
			clear(t.patch)
			for i := range x {
				x[i] = t.patch[i*4*next:][:4*next]
				left, right := max(0, from), min(g.w, from+4)
				if t.channels == g.c {
					copy(x[i][(left-from)*next:], lines[i][left*next:right*next])
					continue
				}
				for s := left; s < right; s++ {
					copy(x[i][(s-from)*next:][:next], lines[i][s*g.c+t.first:])
				}
			}
		}
		vec.WinogradInput(to, &x, t.plane, next, many, t.channels)
		first, row = first+many, row+many
	}
}
