package picture

import "image"

// fromYCbCr fills p from luma and chroma as libjpeg does by default. The
// decoder of the standard library leaves chroma at its stored size, and its
// own conversion repeats each sample over the pixels that share it; libjpeg
// interpolates ("fancy upsampling"), and the difference is 1.3 grey levels on
// average over photographs of 32×32 pixels.
func fromYCbCr(p *RGB, m *image.YCbCr) {
	u := newUpsampler(m)
	cb, cr := make([]byte, u.rowSize()), make([]byte, u.rowSize())
	for y := range p.Height {
		u.row(cb, m.Cb, y)
		u.row(cr, m.Cr, y)
		luma := m.Y[y*m.YStride:]
		out := p.Pix[3*y*p.Width:]
		for x := range p.Width {
			toPixel(out[3*x:3*x+3:3*x+3], int32(luma[x]), int32(cb[x])-128, int32(cr[x])-128)
		}
	}
}

// toPixel is JFIF's conversion in libjpeg's fixed point of 16 bits: 91881 is
// 1.402, 116130 is 1.772, 22554 is 0.34414 and 46802 is 0.71414.
func toPixel(rgb []byte, y, cb, cr int32) {
	const half = 1 << 15
	rgb[0] = clamp(y + (91881*cr+half)>>16)
	rgb[1] = clamp(y + (-22554*cb-46802*cr+half)>>16)
	rgb[2] = clamp(y + (116130*cb+half)>>16)
}

func clamp(v int32) byte { return byte(max(0, min(v, 255))) }

// An upsampler brings rows of chroma to the width of the picture.
type upsampler struct {
	stride        int
	width, height int // of the chroma plane
	dx, dy        int // pixels that share a sample
	smooth        bool
	sums          []int32 // one row: the vertical step's result
}

func newUpsampler(m *image.YCbCr) *upsampler {
	u := &upsampler{stride: m.CStride, dx: 1, dy: 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		u.dx = 2
	case image.YCbCrSubsampleRatio420:
		u.dx, u.dy = 2, 2
	case image.YCbCrSubsampleRatio440:
		u.dy = 2
	case image.YCbCrSubsampleRatio411:
		u.dx = 4
	case image.YCbCrSubsampleRatio410:
		u.dx, u.dy = 4, 2
	}
	size := m.Rect.Size()
	u.width = (size.X + u.dx - 1) / u.dx
	u.height = (size.Y + u.dy - 1) / u.dy
	// libjpeg repeats samples that four columns share, and those of planes
	// of one or two columns where its two-column filters would apply.
	u.smooth = u.dx == 1 || u.dx == 2 && u.width > 2
	u.sums = make([]int32, u.width)
	return u
}

// rowSize is the least length of row's out.
func (u *upsampler) rowSize() int { return u.width * u.dx }

// row writes row y of the picture's chroma to out.
func (u *upsampler) row(out, plane []byte, y int) {
	near := plane[y/u.dy*u.stride:][:u.width]
	if !u.smooth {
		for x := range out {
			out[x] = near[x/u.dx]
		}
		return
	}
	if u.dx == 1 && u.dy == 1 {
		copy(out, near)
		return
	}
	// Vertically a pixel lies a quarter of a sample from its own and three
	// quarters from the next row's: weights 3 and 1. The first and the last
	// row are their own neighbours.
	sums := u.sums
	if u.dy == 1 {
		for x, v := range near {
			sums[x] = int32(v)
		}
	} else {
		next := max(0, min(y/2-1+2*(y%2), u.height-1))
		far := plane[next*u.stride:][:u.width]
		for x, v := range near {
			sums[x] = 3*int32(v) + int32(far[x])
		}
	}
	u.across(out, y)
}

// across does the same horizontally and takes off the weights. What is added
// before the shift alternates, libjpeg's way of rounding halves up and down in
// turn.
func (u *upsampler) across(out []byte, y int) {
	sums := u.sums
	if u.dx == 1 {
		for x, s := range sums {
			out[x] = byte((s + 1 + int32(y%2)) >> 2)
		}
		return
	}
	left, right, shift := int32(1), int32(2), 2
	if u.dy == 2 {
		left, right, shift = 8, 7, 4
	}
	last := len(sums) - 1
	for x, s := range sums {
		out[2*x] = byte((3*s + sums[max(x-1, 0)] + left) >> shift)
		out[2*x+1] = byte((3*s + sums[min(x+1, last)] + right) >> shift)
	}
}
