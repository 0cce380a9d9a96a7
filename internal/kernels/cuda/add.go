package cuda

import (
	"math"

	"imgcls/internal/graph"
)

// An Add is the sum of two tensors of N elements.
type Add struct {
	Type    graph.DType
	N       int
	Y, A, B Addr
}

// Launches returns one launch.
func (a Add) Launches() []Launch {
	return []Launch{elements("add_"+a.Type.String(), a.N, packed(a.Type), with(pointers(a.Y, a.A, a.B), a.N)...)}
}

// lanes is the number of neighbouring channels that a block of sums works on.
const lanes = 32

// A ChannelSum adds up the M rows of x [M,C] into y, f32 [C].
type ChannelSum struct {
	Type graph.DType
	M, C int
	Y, X Addr
}

// Launches adds up few rows at once, and of many groups of √M first.
func (s ChannelSum) Launches(room Room) []Launch {
	const few = 128
	sum := func(t graph.DType, y, x Addr, rows, span int) Launch {
		return blocks("channel_sum_"+t.String(), ceil(rows, span), ceil(s.C, lanes), with(pointers(y, x), rows, s.C, span)...)
	}
	if s.M <= few {
		return []Launch{sum(s.Type, s.Y, s.X, s.M, s.M)}
	}
	span := int(math.Ceil(math.Sqrt(float64(s.M))))
	groups := ceil(s.M, span)
	part := room(4 * groups * s.C)
	return []Launch{sum(s.Type, part, s.X, s.M, span), sum(graph.F32, s.Y, part, groups, groups)}
}
