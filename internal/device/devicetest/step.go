package devicetest

import (
	"math/rand/v2"

	"imgcls/internal/graph"
)

var (
	learning = arg{graph.F32, given(0.01, 0.9, 5e-4), []int{3}} // rate, momentum, decay
	plain    = arg{graph.F32, given(0.001, 0, 0), []int{3}}
)

// counter is the input of a step or cursor.
func counter(n float64) arg { return arg{graph.I64, given(n), []int{1}} }

var stepCases = []testCase{
	{name: "nothing", op: graph.Gate{}},
	{name: "one", op: graph.Gate{}, in: []arg{float(1)}},
	{name: "several", op: graph.Gate{}, in: []arg{float(1), float(3, 5, 5, 3), float(1009), float(2)}},
	{name: "large", op: graph.Gate{}, in: []arg{float(50_021), float(3), float(20_011)}},
	{name: "largest and least", op: graph.Gate{}, in: []arg{{graph.F32, given(0x1.fffffep127, -0x1.fffffep127, 0x1p-149, 0), []int{7}}}},

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
