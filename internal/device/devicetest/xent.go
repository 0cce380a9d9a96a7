package devicetest

import "imgcls/internal/graph"

var xentCases = []testCase{
	{name: "one class", op: graph.SoftmaxXent{}, near: composed, in: []arg{float(1, 1), {graph.I32, below(1), []int{1}}}},
	{name: "two classes", op: graph.SoftmaxXent{}, near: composed, in: []arg{float(1, 2), {graph.I32, below(2), []int{1}}}},
	{name: "ten classes", op: graph.SoftmaxXent{}, near: composed, in: []arg{float(4, 10), {graph.I32, below(10), []int{4}}}},
	{name: "prime", op: graph.SoftmaxXent{}, near: composed, in: []arg{float(7, 101), {graph.I32, below(101), []int{7}}}},
	// Scores whose exponentials overflow and underflow float32.
	{name: "large scores", op: graph.SoftmaxXent{}, near: composed, in: []arg{
		{graph.F32, signedTo(1000), []int{5, 3}}, {graph.I32, below(3), []int{5}},
	}},
	// A probability that is 1 in float32.
	{name: "certain", op: graph.SoftmaxXent{}, near: composed, in: []arg{
		{graph.F32, given(40, 1, -1), []int{2, 3}}, {graph.I32, given(0, 1), []int{2}},
	}},
	{name: "smoothed, one class", op: graph.SoftmaxXent{Smooth: 0.1}, near: composed, in: []arg{float(2, 1), {graph.I32, below(1), []int{2}}}},
	{name: "smoothed", op: graph.SoftmaxXent{Smooth: 0.2}, near: composed, in: []arg{float(7, 10), {graph.I32, below(10), []int{7}}}},
	{name: "smoothed large scores", op: graph.SoftmaxXent{Smooth: 0.9}, near: composed, in: []arg{
		{graph.F32, signedTo(1000), []int{65, 3}}, {graph.I32, below(3), []int{65}},
	}},
	{name: "a part", op: graph.SoftmaxXent{Of: 21}, near: composed, in: []arg{float(7, 10), {graph.I32, below(10), []int{7}}}},
	{name: "a large part", op: graph.SoftmaxXent{Of: 100}, near: composed, in: []arg{
		float(70, 5), {graph.I32, below(5), []int{70}}}},
	{name: "a smoothed part", op: graph.SoftmaxXent{Smooth: 0.2, Of: 30}, near: composed, in: []arg{float(7, 10), {graph.I32, below(10), []int{7}}}},
	{name: "mixed", op: graph.SoftmaxXent{Mixed: true}, near: composed, in: mixed(5, 10)},
	{name: "mixed and smoothed", op: graph.SoftmaxXent{Smooth: 0.1, Mixed: true}, near: composed, in: mixed(7, 101)},
}

// mixed are the inputs of mixed targets, of which some are of the same class twice and some
// of one class alone.
func mixed(n, c int) []arg {
	classes := arg{graph.I32, below(c), []int{n}}
	return []arg{float(n, c), classes, classes, {graph.F32, oneOf(0, 0.25, 0.3, 0.75, 1), []int{n}}}
}
