package layers

import (
	"math"

	"imgcls/internal/elementary"
)

// An Init says how a parameter starts: uniform within Bound of Center or, where there
// is a Std, normal around it. Dirac says that of filters [O,R,S,I] the first I hand on a
// channel each: 1 in the middle of that channel and 0 elsewhere.
type Init struct {
	Bound, Center, Std float64
	Dirac              bool
}

// FanIn is PyTorch's default for convolutions and linear layers, weights and
// biases alike: uniform within 1/√fan, where fan is the number of inputs that
// one output sees. (Kaiming uniform with a = √5 comes to the same.)
func FanIn(fan int) Init { return Init{Bound: 1 / math.Sqrt(float64(fan))} }

// value maps u in [0, 1), a multiple of 2⁻²⁴, to what is drawn. 2u−1 is exact, so
// uniform numbers are rounded once; a normal one takes the middle of its share.
func (i Init) value(u float32) float32 {
	if i.Std != 0 {
		return float32(i.Center + float64(elementary.Normal(float64(u)+0x1p-25)*i.Std))
	}
	return float32(i.Center + float64((2*float64(u)-1)*i.Bound))
}

// dirac makes the first filters of w, of that shape, hand on a channel each.
func dirac(w []float32, shape []int) {
	r, s, in := shape[1], shape[2], shape[3]
	size := r * s * in
	for o := range min(shape[0], in) {
		filter := w[o*size:][:size]
		clear(filter)
		filter[(r/2*s+s/2)*in+o] = 1
	}
}

// A ConvInit is how the filters of a convolution start.
type ConvInit uint8

// The kinds of ConvInit.
const (
	Default  ConvInit = iota // FanIn, as PyTorch's Conv2d
	HeNormal                 // normal with variance 2/(Kernel²·Out), as torchvision's networks
	Dirac                    // the first filters hand on a channel each, the others are FanIn
)

// of returns how filters [out,kernel,kernel,in] start.
func (c ConvInit) of(out, kernel, in int) Init {
	if c == HeNormal {
		return Init{Std: math.Sqrt(2 / float64(kernel*kernel*out))}
	}
	init := FanIn(kernel * kernel * in)
	init.Dirac = c == Dirac
	return init
}
