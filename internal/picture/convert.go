package picture

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
)

// toRGB converts what the standard library's decoders return. Their pictures
// begin at the origin.
func toRGB(img image.Image) (*RGB, error) {
	size := img.Bounds().Size()
	p := &RGB{Width: size.X, Height: size.Y, Pix: make([]byte, 3*size.X*size.Y)}
	switch m := img.(type) {
	case *image.YCbCr:
		fromYCbCr(p, m)
	case *image.CMYK:
		fromCMYK(p, m)
	case *image.Paletted:
		fromPalette(p, m)
	case *image.Gray:
		fromBytes(p, m.Pix, m.Stride, 1)
	case *image.RGBA: // opaque: the decoders keep alpha apart
		fromBytes(p, m.Pix, m.Stride, 4)
	case *image.Gray16:
		fromSamples(p, m.Pix, m.Stride, layout{samples: 1, wide: true})
	case *image.RGBA64: // opaque
		fromSamples(p, m.Pix, m.Stride, layout{samples: 4, wide: true})
	case *image.NRGBA:
		fromSamples(p, m.Pix, m.Stride, layout{samples: 4, alpha: true})
	case *image.NRGBA64:
		fromSamples(p, m.Pix, m.Stride, layout{samples: 4, wide: true, alpha: true})
	default:
		return nil, fmt.Errorf("pixel format %T not supported", img)
	}
	return p, nil
}

// fromBytes fills p from opaque pixels of one byte a sample: one for grey, or
// red, green, blue and one that does not count.
func fromBytes(p *RGB, pix []byte, stride, samples int) {
	green, blue := min(1, samples-1), min(2, samples-1)
	for y := range p.Height {
		out := p.Pix[3*y*p.Width:]
		for x := range p.Width {
			at := y*stride + x*samples
			out[3*x], out[3*x+1], out[3*x+2] = pix[at], pix[at+green], pix[at+blue]
		}
	}
}

// A layout says how a pixel lies in memory.
type layout struct {
	samples int  // 1: grey, 4: red, green, blue and alpha
	wide    bool // 16 bits a sample, the high byte first, instead of 8
	alpha   bool // the colours are to be weighted by the fourth sample
}

// fromSamples fills p from rows of stride bytes: each value is
// round(255·c·a/most²) with most, the largest sample, for the alpha of opaque
// pixels.
func fromSamples(p *RGB, pix []byte, stride int, l layout) {
	most := uint64(0xff)
	if l.wide {
		most = 0xffff
	}
	for y := range p.Height {
		row := pix[y*stride:]
		sample := func(i int) uint64 {
			if l.wide {
				return uint64(binary.BigEndian.Uint16(row[2*i:]))
			}
			return uint64(row[i])
		}
		out := p.Pix[3*y*p.Width:]
		for x := range p.Width {
			at, weight := x*l.samples, most
			if l.alpha {
				weight = sample(at + 3)
			}
			for c := range 3 {
				v := sample(at + min(c, l.samples-1))
				out[3*x+c] = byte((255*v*weight + most*most/2) / (most * most))
			}
		}
	}
}

func fromPalette(p *RGB, m *image.Paletted) {
	var table [256][3]byte
	for i, entry := range m.Palette {
		c := color.NRGBAModel.Convert(entry).(color.NRGBA)
		for j, v := range [3]byte{c.R, c.G, c.B} {
			table[i][j] = byte((uint32(v)*uint32(c.A) + 127) / 255)
		}
	}
	for y := range p.Height {
		for x, index := range m.Pix[y*m.Stride : y*m.Stride+p.Width] {
			copy(p.Pix[3*(y*p.Width+x):], table[index][:])
		}
	}
}

// fromCMYK takes the ink off white as Pillow does: with k = 255−K a channel is
// k − C·k/255, the quotient rounded.
func fromCMYK(p *RGB, m *image.CMYK) {
	for y := range p.Height {
		for x := range p.Width {
			ink := m.Pix[y*m.Stride+4*x:]
			k := 255 - int(ink[3])
			for c := range 3 {
				p.Pix[3*(y*p.Width+x)+c] = byte(k - (int(ink[c])*k+127)/255)
			}
		}
	}
}
