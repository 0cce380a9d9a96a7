package devicetest

import "imgcls/internal/graph"

// avgPoolCases makes a case of average pooling and its gradient for each geometry.
func avgPoolCases() []testCase {
	var cases []testCase
	for _, k := range []struct {
		name       string
		n, h, w, c int
		op         graph.AvgPool
	}{
		{"of one number", 1, 1, 1, 1, graph.AvgPool{R: 1, S: 1, Stride: 1}},
		{"2×2", 3, 8, 6, 6, graph.AvgPool{R: 2, S: 2, Stride: 2}},
		{"odd sizes", 2, 7, 5, 3, graph.AvgPool{R: 2, S: 2, Stride: 2}},
		{"overlap and padding", 2, 7, 8, 3, graph.AvgPool{R: 3, S: 3, Stride: 2, Pad: 1}},
		{"much overlap", 2, 6, 7, 5, graph.AvgPool{R: 3, S: 2, Stride: 1, Pad: 1}},
		{"gaps between windows", 2, 9, 8, 3, graph.AvgPool{R: 2, S: 2, Stride: 3}},
		{"whole images", 4, 7, 9, 131, graph.AvgPool{R: 7, S: 9, Stride: 1}},
	} {
		p, q := places(k.h, k.op.R, k.op.Stride, k.op.Pad), places(k.w, k.op.S, k.op.Stride, k.op.Pad)
		cases = append(cases,
			testCase{name: k.name, op: k.op, in: []arg{float(k.n, k.h, k.w, k.c)}, rows: 1, near: composed},
			testCase{name: k.name, op: graph.AvgPoolBack{AvgPool: k.op, H: k.h, W: k.w}, in: []arg{float(k.n, p, q, k.c)}, near: composed})
	}
	return cases
}
