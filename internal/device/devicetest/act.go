package devicetest

import (
	"math"
	"slices"

	"imgcls/internal/graph"
)

var reluCases = []testCase{
	{name: "one", op: graph.Act{Kind: graph.ReLU}, in: []arg{float(1)}, rows: 1},
	{name: "images", op: graph.Act{Kind: graph.ReLU}, in: []arg{float(2, 3, 5, 3)}, rows: 1},
	{name: "prime", op: graph.Act{Kind: graph.ReLU}, in: []arg{float(1009)}, rows: 1},
	{name: "large", op: graph.Act{Kind: graph.ReLU}, in: []arg{float(7, 4567)}, rows: 1},
	{name: "zeros", op: graph.Act{Kind: graph.ReLU}, rows: 1, in: []arg{{graph.F32, oneOf(-1, math.Copysign(0, -1), 0, 1), []int{37}}}},

	{name: "one", op: graph.ActBack{Act: graph.Act{Kind: graph.ReLU}}, in: []arg{float(1), float(1)}},
	{name: "images", op: graph.ActBack{Act: graph.Act{Kind: graph.ReLU}}, in: []arg{float(2, 3, 5, 3), float(2, 3, 5, 3)}},
	{name: "large", op: graph.ActBack{Act: graph.Act{Kind: graph.ReLU}}, in: []arg{float(31_991), float(31_991)}},
	{name: "zeros", op: graph.ActBack{Act: graph.Act{Kind: graph.ReLU}}, in: []arg{{graph.F32, oneOf(0, 1), []int{1009}}, float(1009)}},
}

// actCases makes cases of every other activation, of wide and of usual numbers.
func actCases() []testCase {
	cases := slices.Clone(reluCases)
	for _, kind := range []graph.ActKind{graph.ReLU6, graph.GELU, graph.SiLU} {
		act, near := graph.Act{Kind: kind}, composed
		if !kind.FromInput() {
			near = exact
		}
		for _, k := range []struct {
			name string
			x    arg
		}{
			{"one", float(1)},
			{"usual", float(2, 3, 5, 17)},
			{"wide", arg{graph.F32, signedTo(30), []int{7, 457}}},
			{"zeros and ends", arg{graph.F32, oneOf(-1, math.Copysign(0, -1), 0, 1, 6, 0x1p-149, -0x1p127, 0x1p127), []int{371}}},
		} {
			name := kind.String() + ", " + k.name
			cases = append(cases,
				testCase{name: name, op: act, in: []arg{k.x}, rows: 1, near: near},
				testCase{name: name, op: graph.ActBack{Act: act}, in: []arg{k.x, float(k.x.shape...)}, near: near})
		}
	}
	return cases
}
