package devicetest

import (
	"math"
	"math/rand/v2"

	"imgcls/internal/graph"
)

// leading is a scalar before the one that is asked for.
var leading = arg{graph.F32, given(0.24, 0.6), []int{2}}

// symmetric draws s and s·s of Quintic as they are after the first product, in size.
func symmetric(r *rand.Rand, i int) float64 { return math.Copysign(0.1, signed(r, i)) * r.Float64() }

var muonCases = []testCase{
	{name: "one filter", op: graph.Direction{Momentum: 1, Eps: 1e-7}, near: composedOfSums, in: []arg{leading, float(1, 1), float(1, 1)}},
	{name: "odd sizes", op: graph.Direction{Momentum: 1, Eps: 1e-7}, near: composedOfSums, in: []arg{leading, float(5, 3, 3, 7), float(5, 3, 3, 7)}},
	{name: "large", op: graph.Direction{Momentum: 1, Eps: 1e-7}, near: composedOfSums, in: []arg{leading, float(29, 3, 3, 131), float(29, 3, 3, 131)}},
	{name: "of nothing", op: graph.Direction{Momentum: 1, Eps: 1e-7}, near: composedOfSums, in: []arg{leading, {graph.F32, given(0), []int{3, 5}}, {graph.F32, given(0), []int{3, 5}}}},
	{name: "squares beyond f32", op: graph.Direction{Momentum: 1, Eps: 1e-7}, near: composedOfSums, in: []arg{
		leading, {graph.F32, signedTo(0x1p100), []int{3, 5}}, {graph.F32, signedTo(0x1p100), []int{3, 5}},
	}},

	{name: "of one number", op: graph.Quintic{A: 3.4445, B: -4.775, C: 2.0315}, near: composed, in: []arg{float(1, 1), float(1, 1)}},
	{name: "odd size", op: graph.Quintic{A: 3.4445, B: -4.775, C: 2.0315}, near: composed, in: []arg{
		{graph.F32, symmetric, []int{27, 27}}, {graph.F32, symmetric, []int{27, 27}},
	}},
	{name: "large", op: graph.Quintic{A: 3.4445, B: 4.775, C: 2.0315}, near: contraction, in: []arg{float(130, 130), float(130, 130)}},

	{name: "one filter", op: graph.Moved{}, near: composedOfSums, in: []arg{leading, float(1, 1), float(1, 1)}},
	{name: "odd sizes", op: graph.Moved{}, near: composedOfSums, in: []arg{leading, float(5, 3, 3, 7), float(5, 63)}},
	{name: "large", op: graph.Moved{LR: 1}, near: composedOfSums, in: []arg{{graph.F32, given(0.6, 0.001), []int{2}}, float(29, 3, 3, 131), float(29, 1179)}},

	{name: "nothing", op: graph.Assign{}, in: []arg{open()}},
	{name: "several", op: graph.Assign{}, set: []int{1, 3, 5}, in: []arg{
		open(), float(3, 2), float(3, 2), float(1), float(1), float(9_011), float(9_011),
	}},
}
