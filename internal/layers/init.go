package layers

import (
	"math"

	"imgcls/internal/elementary"
	"imgcls/internal/rng"
)

// An Init says how a parameter starts: uniform within Bound of Center or, where
// there is a Deviation, normal with that about Center.
type Init struct {
	Bound, Center, Deviation float64
}

// FanIn is PyTorch's default for convolutions and linear layers, weights and
// biases alike: uniform within 1/√fan, where fan is the number of inputs that
// one output sees. (Kaiming uniform with a = √5 comes to the same.)
func FanIn(fan int) Init { return Init{Bound: 1 / math.Sqrt(float64(fan))} }

// FanOut is Kaiming's normal for what a ReLU follows, which keeps the variance of
// gradients: fan is the number of outputs that one input reaches.
func FanOut(fan int) Init { return Init{Deviation: math.Sqrt(2 / float64(fan))} }

// draw returns the first value of an element. 2u−1 is exact, so there is one rounding.
func (i Init) draw(seed, stream, index uint64) float32 {
	if i.Deviation > 0 {
		return float32(i.Center + float64(normal(seed, stream, index)*i.Deviation))
	}
	u := float64(rng.Uniform(seed, stream, index))
	return float32(i.Center + float64((2*u-1)*i.Bound))
}

// normal draws from the standard normal distribution, by Marsaglia's polar method:
// of points in a square, the first within the unit circle. Tries count in the upper
// bits of the index, where no element of a parameter is.
func normal(seed, stream, index uint64) float64 {
	const each = 1 << 56
	for try := uint64(0); ; try++ {
		words := rng.Block(seed, stream, index+try*each)
		for w := 0; w < len(words); w += 2 {
			x, y := centred(words[w]), centred(words[w+1])
			if r := float64(x*x) + float64(y*y); r < 1 {
				return x * math.Sqrt(-2*elementary.Log(r)/r)
			}
		}
	}
}

// centred maps a word to the middle of its part of (−1, 1); it is never 0.
func centred(word uint32) float64 { return (float64(word)+0.5)*0x1p-31 - 1 }
