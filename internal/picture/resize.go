package picture

import "math"

// Resize returns src squashed or stretched to width×height, both at least 1,
// with a bilinear filter whose support widens when it shrinks, so that every
// source pixel counts. Source and result cover the same area: pixel centres
// lie at halves. It is Pillow's Image.resize with BILINEAR to the bit, or to a
// rounding where Pillow works down first, and for enlarging it is PyTorch's
// interpolate without align_corners. An equal size returns src itself.
//
// The arithmetic is integer but for the weights, which are rounded to 22 bits
// from products that are rounded one by one, so every processor gives the same
// bits.
func Resize(src *RGB, width, height int) *RGB {
	// Across first, then down. Where that would make a picture larger than
	// source and result together, as for one column of 20,000 rows, the
	// other order keeps memory bounded.
	if src.Height*width > src.Height*src.Width+height*width {
		return resizeX(resizeY(src, height), width)
	}
	return resizeY(resizeX(src, width), height)
}

// weightBits is the precision of a weight: a sum of products with bytes, and
// a bit for the sign, fill the rest of 32.
const weightBits = 32 - 8 - 2

// A window is the source pixels that make one result pixel, and their weights
// in units of 2⁻²².
type window struct {
	first   int
	weights []int32
}

func windows(from, to int) []window {
	scale := float64(from) / float64(to)
	spread := max(scale, 1)
	result := make([]window, to)
	for i := range result {
		center := float64((float64(i) + 0.5) * scale)
		first := max(0, int(center-spread+0.5))
		last := min(from, int(center+spread+0.5))
		weights := make([]float64, last-first)
		var sum float64
		for j := range weights {
			d := float64((float64(j+first) - center + 0.5) * (1 / spread))
			weights[j] = max(0, 1-math.Abs(d))
			sum += weights[j]
		}
		w := window{first, make([]int32, len(weights))}
		for j, v := range weights {
			w.weights[j] = int32(0.5 + float64(v/sum*(1<<weightBits)))
		}
		result[i] = w
	}
	return result
}

func resizeX(src *RGB, width int) *RGB {
	if width == src.Width {
		return src
	}
	dst := &RGB{Width: width, Height: src.Height, Pix: make([]byte, 3*width*src.Height)}
	ws := windows(src.Width, width)
	for y := range src.Height {
		in := src.Pix[3*y*src.Width:]
		out := dst.Pix[3*y*width:]
		for x, w := range ws {
			weigh(out[3*x:3*x+3], in[3*w.first:], 3, w.weights)
		}
	}
	return dst
}

func resizeY(src *RGB, height int) *RGB {
	if height == src.Height {
		return src
	}
	row := 3 * src.Width
	dst := &RGB{Width: src.Width, Height: height, Pix: make([]byte, row*height)}
	for y, w := range windows(src.Height, height) {
		for x := 0; x < row; x += 3 {
			weigh(dst.Pix[y*row+x:][:3], src.Pix[w.first*row+x:], row, w.weights)
		}
	}
	return dst
}

// weigh writes the weighted sum of pixels that stand step bytes apart.
func weigh(out, in []byte, step int, weights []int32) {
	r, g, b := int32(1)<<(weightBits-1), int32(1)<<(weightBits-1), int32(1)<<(weightBits-1)
	for i, w := range weights {
		p := in[i*step : i*step+3]
		r += w * int32(p[0])
		g += w * int32(p[1])
		b += w * int32(p[2])
	}
	out[0], out[1], out[2] = clamp(r>>weightBits), clamp(g>>weightBits), clamp(b>>weightBits)
}
