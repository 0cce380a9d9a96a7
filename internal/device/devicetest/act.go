package devicetest

import (
	"math"

	"imgcls/internal/graph"
)

var actCases = []testCase{
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
