package layers

import "math"

// An Init says how a parameter starts: uniform within Bound of Center.
type Init struct {
	Bound, Center float64
}

// FanIn is PyTorch's default for convolutions and linear layers, weights and
// biases alike: uniform within 1/√fan, where fan is the number of inputs that
// one output sees. (Kaiming uniform with a = √5 comes to the same.)
func FanIn(fan int) Init { return Init{Bound: 1 / math.Sqrt(float64(fan))} }

// value maps u in [0, 1) to the range. 2u−1 is exact, so there is one rounding.
func (i Init) value(u float32) float32 { return float32(i.Center + float64((2*float64(u)-1)*i.Bound)) }
