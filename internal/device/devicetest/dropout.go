package devicetest

import "imgcls/internal/graph"

// dropoutCases drop exactly what the reference drops: that is drawn in whole numbers.
func dropoutCases() (cases []testCase) {
	for _, k := range []struct {
		name  string
		rate  float64
		shape []int
	}{
		{"one", 0.5, []int{1, 1}},
		{"rows", 0.2, []int{5, 7}},
		{"images", 0.9, []int{3, 5, 3, 2}},
		{"nothing", 0, []int{2, 9}},
		{"large", 0.1, []int{7, 4567}},
	} {
		cases = append(cases, testCase{
			name: k.name, op: graph.Dropout{Rate: k.rate, Seed: 1<<50 + 3, Stream: 1<<64 - 2},
			in: []arg{
				float(k.shape...), {graph.I32, below(50_000), k.shape[:1]},
				{graph.I64, given(0), []int{1}}, {graph.I64, given(300), []int{1}},
			},
			rows: 2, near: contraction,
		}, testCase{
			name: k.name + " in mid-epoch", op: graph.Dropout{Rate: k.rate, Seed: 7, Stream: 11},
			in: []arg{
				float(k.shape...), {graph.I32, given(9, 2, 50_000), []int{k.shape[0] + 3}},
				{graph.I64, given(2), []int{1}}, {graph.I64, given(1), []int{1}},
			},
			near: contraction,
		})
	}
	return cases
}
