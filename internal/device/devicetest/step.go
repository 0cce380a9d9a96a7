package devicetest

import (
	"math"
	"math/rand/v2"

	"imgcls/internal/graph"
)

var (
	learning = arg{graph.F32, given(0.01, 0.9, 5e-4), []int{3}} // rate, momentum, decay
	plain    = arg{graph.F32, given(0.001, 0, 0), []int{3}}
)

// adapting is 1 − lr·decay, the rate and the root of AdamW's first step.
var adapting = arg{graph.F32, given(0.99, 0.01, 31.6), []int{3}}

func adamW(offset []int) graph.AdamW {
	return graph.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Rate: 1, Root: 2, Offset: offset}
}

// positive draws numbers between ¼ and 2.
func positive(r *rand.Rand, i int) float64 { return math.Abs(signed(r, i)) }

// counter is the input of a step or cursor.
func counter(n float64) arg { return arg{graph.I64, given(n), []int{1}} }

var stepCases = []testCase{
	{name: "nothing", op: graph.Gate{}},
	{name: "one", op: graph.Gate{}, in: []arg{float(1)}},
	{name: "several", op: graph.Gate{}, in: []arg{float(1), float(3, 5, 5, 3), float(1009), float(2)}},
	{name: "large", op: graph.Gate{}, in: []arg{float(50_021), float(3), float(20_011)}},
	{name: "largest and least", op: graph.Gate{}, in: []arg{{graph.F32, given(0x1.fffffep127, -0x1.fffffep127, 0x1p-149, 0), []int{7}}}},

	{name: "one, shrunk", op: graph.Clip{Max: 0.125}, near: composed, in: []arg{float(1)}},
	{name: "below the norm", op: graph.Clip{Max: 1e6}, near: composed, in: []arg{float(3, 5), float(7)}},
	{name: "several", op: graph.Clip{Max: 1}, near: composed, in: []arg{float(6, 5, 5, 3), float(1), float(1009), float(2)}},
	{name: "large", op: graph.Clip{Max: 2}, near: composed, in: []arg{float(50_021), float(3), float(20_011)}},
	{name: "squares beyond f32", op: graph.Clip{Max: 1}, near: composed, in: []arg{{graph.F32, given(0x1p100, -0x1p99, 0x1p90), []int{3}}}},
	{name: "nothing", op: graph.Clip{Max: 1}},

	{name: "one", op: graph.Average{Decay: 0.75}, set: []int{1}, near: composed, in: []arg{open(), float(1), float(1)}},
	{name: "several", op: graph.Average{Decay: 0.999}, set: []int{1, 3}, near: composed, in: []arg{open(), float(3, 5, 5, 3), float(3, 5, 5, 3), float(9_011), float(9_011)}},

	{name: "first", op: graph.Record{}, set: []int{3}, in: []arg{open(), counter(0), float(1), float(5)}},
	{name: "round the ring", op: graph.Record{}, set: []int{3}, in: []arg{open(), counter(1<<40 + 3), float(1), float(7)}},
	{name: "ring of one", op: graph.Record{}, set: []int{3}, in: []arg{open(), counter(2), float(1), float(1)}},

	{name: "first", op: graph.Tick{Batch: 4}, set: []int{1, 2, 3}, in: []arg{open(), counter(0), counter(0), float(3), float(5, 3)}},
	{name: "to the last row", op: graph.Tick{Batch: 3}, set: []int{1, 2, 3}, in: []arg{open(), counter(3), counter(9), float(4), float(5, 4)}},
	{name: "behind the last row", op: graph.Tick{Batch: 1}, set: []int{1, 2, 3}, in: []arg{open(), counter(1 << 40), counter(1 << 41), float(3), float(5, 3)}},
	{name: "table of one row", op: graph.Tick{Batch: 1}, set: []int{1, 2, 3}, in: []arg{open(), counter(0), counter(7), float(1), float(1, 1)}},

	{name: "one", op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4}, near: composed, in: []arg{open(), learning, float(1), float(1), float(1)}},
	{name: "without momentum", op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4}, near: composed, in: []arg{open(), plain, float(17), float(17), float(17)}},
	{name: "several", op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4, 5, 7, 8, 10}, near: composed, in: []arg{
		open(), learning,
		float(6, 5, 5, 3), float(6, 5, 5, 3), float(6, 5, 5, 3),
		float(6), float(6), float(6),
		float(1009), float(1009), float(1009),
	}},
	{name: "large", op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4, 5, 7}, near: composed, in: []arg{
		open(), learning, float(7), float(7), float(7), float(9_011), float(9_011), float(9_011),
	}},
	{name: "Nesterov, other columns", op: graph.SGD{LR: 2, Momentum: 0, Decay: 1, Nesterov: true}, set: []int{2, 4}, near: composed, in: []arg{
		open(), {graph.F32, given(0.9, 5e-4, 0.01, 7), []int{4}}, float(7, 3), float(7, 3), float(7, 3),
	}},
	{name: "groups", op: graph.SGD{Momentum: 1, Decay: 2, Offset: []int{3, 0, 3}}, set: []int{2, 4, 5, 7, 8, 10}, near: composed, in: []arg{
		open(), {graph.F32, given(0.01, 0.9, 5e-4, 0.5, 0.25, 0), []int{6}},
		float(7), float(7), float(7), float(9_011), float(9_011), float(9_011), float(3), float(3), float(3),
	}},
	{name: "one", op: adamW(nil), set: []int{2, 4, 5}, near: composed, in: []arg{
		open(), adapting, float(17), float(17), float(17), {graph.F32, positive, []int{17}},
	}},
	{name: "groups", op: adamW([]int{3, 0}), set: []int{2, 4, 5, 6, 8, 9}, near: composed, in: []arg{
		open(), {graph.F32, given(0.9, 0.1, 2, 1, 0.5, 1), []int{6}},
		float(7), float(7), float(7), {graph.F32, positive, []int{7}},
		float(9_011), float(9_011), float(9_011), {graph.F32, positive, []int{9_011}},
	}},
	{name: "v alone overflows", op: adamW(nil), set: []int{2, 4, 5}, near: composed, in: []arg{
		open(), adapting, float(3), {graph.F32, given(1, 1, 0x1p100), []int{3}}, float(3), {graph.F32, positive, []int{3}},
	}},

	// The special momentum is doubled, and its p moves 4 times as far; f32 ends
	// below 2¹²⁸.
	overflow("no element overflows", 0, 0x1p120),
	overflow("first p overflows", 0, 0x1p126),
	overflow("last p overflows", largeParameter-1, -0x1p126),
	overflow("a p in the middle overflows", largeParameter/2, 0x1p126),
	overflow("first v overflows", 0, -0x1p127),
	overflow("last v overflows", largeParameter-1, 0x1p127),
	{name: "v alone overflows at rate 0", op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4}, near: composed, in: []arg{
		open(), {graph.F32, given(0, 2, 5e-4), []int{3}}, float(3), float(3), {graph.F32, given(1, 1, 0x1p127), []int{3}},
	}},
}

// largeParameter is an extent that devices divide.
const largeParameter = 9_011

// overflow is a case of two parameters. Of the momenta of the last one element
// is special.
func overflow(name string, at int, special float64) testCase {
	momentum := func(r *rand.Rand, i int) float64 {
		if i == at {
			return special
		}
		return signed(r, i)
	}
	return testCase{name: name, op: graph.SGD{Momentum: 1, Decay: 2}, set: []int{2, 4, 5, 7}, near: composed, in: []arg{
		open(), {graph.F32, given(4, 2, 5e-4), []int{3}},
		float(7), float(7), float(7),
		float(largeParameter), float(largeParameter), {graph.F32, momentum, []int{largeParameter}},
	}}
}
