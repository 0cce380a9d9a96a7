package devicetest

import (
	"math/rand/v2"

	"imgcls/internal/graph"
)

var gatherCases = []testCase{
	{name: "one of one", op: graph.Gather{Batch: 1}, in: []arg{
		{graph.I32, below(1), []int{1}}, {graph.I64, given(0), []int{1}}, {graph.U8, below(256), []int{1}},
	}},
	{name: "pictures and labels", op: graph.Gather{Batch: 3}, in: []arg{
		{graph.I32, below(11), []int{7}}, {graph.I64, given(2), []int{1}},
		{graph.U8, below(256), []int{11, 5, 3, 3}}, {graph.I32, below(10), []int{11}},
	}},
	{name: "the last samples, every type", op: graph.Gather{Batch: 4}, in: []arg{
		{graph.I32, below(5), []int{9}}, {graph.I64, given(5), []int{1}},
		float(5, 7), {graph.I64, below(1 << 40), []int{5, 1, 2}}, {graph.I32, below(1 << 30), []int{5, 3}}, {graph.U8, below(256), []int{5}},
	}},
	{name: "large", op: graph.Gather{Batch: 5}, in: []arg{
		{graph.I32, below(3), []int{5}}, {graph.I64, given(0), []int{1}}, {graph.U8, below(256), []int{3, 300, 101, 3}},
	}},

	{name: "grey", op: graph.Normalize{Mean: []float64{0.5}, Std: []float64{0.25}}, rows: 1, near: composed, in: []arg{
		{graph.U8, below(256), []int{2, 3, 5, 1}},
	}},
	{name: "every byte", op: graph.Normalize{Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.247, 0.2435, 0.2616}}, rows: 1, near: composed, in: []arg{
		{graph.U8, func(_ *rand.Rand, i int) float64 { return float64(i / 3 % 256) }, []int{1, 16, 16, 3}},
	}},
	{name: "large", op: graph.Normalize{Mean: []float64{0.5, 0.25}, Std: []float64{0.5, 0.2}}, rows: 1, near: composed, in: []arg{
		{graph.U8, below(256), []int{7, 53, 43, 2}},
	}},
}
