package devicetest

import "imgcls/internal/graph"

// batchNormCases makes a case of each operation of batch norm for each shape.
func batchNormCases() []testCase {
	var cases []testCase
	for _, k := range []struct {
		name  string
		shape []int
		eps   float64
	}{
		{"two numbers", []int{2, 1}, 1e-5},
		{"rows", []int{7, 5}, 1e-5},
		{"images", []int{3, 4, 5, 3}, 1e-3},
		{"prime", []int{2, 7, 5, 17}, 1e-5},
		{"wide", []int{5, 3, 2, 131}, 1e-12},
		{"large", []int{4, 28, 27, 16}, 1e-5},
	} {
		c := k.shape[len(k.shape)-1]
		x, channel := float(k.shape...), float(c)
		variance := arg{graph.F32, given(0.5, 1.5, 0.75), []int{c}}
		batch, running := graph.BatchNorm{Eps: k.eps}, graph.BatchNorm{Eps: k.eps, Running: true}
		cases = append(cases,
			testCase{name: k.name, op: batch, in: []arg{x, channel, channel}, near: composed},
			testCase{name: k.name + ", running", op: running, in: []arg{x, channel, channel, channel, variance}, rows: 1, near: composed},
			testCase{name: k.name, op: graph.BatchNormBack{BatchNorm: batch}, in: []arg{x, channel, channel, variance, x}, near: composed},
			testCase{name: k.name + ", running", op: graph.BatchNormBack{BatchNorm: running}, in: []arg{x, channel, channel, variance, x}, near: composed},
		)
	}
	return append(cases,
		testCase{name: "one", op: graph.Track{Momentum: []float64{0.1}, M: [][]int{{2}}}, set: []int{1, 2}, near: composed,
			in: []arg{open(), float(1), float(1), float(1), float(1)}},
		testCase{name: "several", op: graph.Track{Momentum: []float64{0.1, 0.4}, M: [][]int{{36, 1009}}}, set: []int{1, 2, 3, 4}, near: composed,
			in: []arg{open(), float(5), float(5), float(131), float(131), float(5), float(5), float(131), float(131)}},
		testCase{name: "by three batches", op: graph.Track{Momentum: []float64{0.1, 0.4}, M: [][]int{{36, 9}, {36, 9}, {20, 5}}},
			set: []int{1, 2, 3, 4}, near: composed,
			in: []arg{open(), float(5), float(5), float(1031), float(1031), float(5), float(5), float(1031), float(1031),
				float(5), float(5), float(1031), float(1031), float(5), float(5), float(1031), float(1031)}},
	)
}
