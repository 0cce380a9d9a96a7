package layers

import (
	"math"

	"imgcls/internal/elementary"
)

// An Init says how a parameter starts: uniform within Bound of Center or, where there
// is a Std, normal around it.
type Init struct {
	Bound, Center, Std float64
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

// A ConvInit is how the filters of a convolution start.
type ConvInit uint8

// The kinds of ConvInit.
const (
	Default  ConvInit = iota // FanIn, as PyTorch's Conv2d
	HeNormal                 // normal with variance 2/(Kernel²·Out), as torchvision's networks
)

// of returns how filters [out,kernel,kernel,in] start.
func (c ConvInit) of(out, kernel, in int) Init {
	if c == HeNormal {
		return Init{Std: math.Sqrt(2 / float64(kernel*kernel*out))}
	}
	return FanIn(kernel * kernel * in)
}
