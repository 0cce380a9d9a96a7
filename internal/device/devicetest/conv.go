package devicetest

import "imgcls/internal/graph"

// convCases makes a case of each convolution operation for each geometry.
func convCases() []testCase {
	geometries := []struct {
		name       string
		n, h, w, i int
		o, r, s    int
		op         graph.Conv
	}{
		{"of one number", 1, 1, 1, 1, 1, 1, 1, graph.Conv{Stride: 1}},
		{"5×5 of 3 channels", 3, 9, 8, 3, 6, 5, 5, graph.Conv{Stride: 1}},
		{"one place", 1, 5, 7, 3, 5, 5, 7, graph.Conv{Stride: 1}},
		{"padded", 3, 5, 6, 3, 4, 3, 3, graph.Conv{Stride: 1, Pad: 1}},
		{"stride and padding", 2, 7, 8, 3, 5, 3, 3, graph.Conv{Stride: 2, Pad: 1}},
		{"stride wider than the filter", 2, 8, 9, 2, 3, 1, 2, graph.Conv{Stride: 3}},
		{"rows left over", 2, 8, 10, 1, 2, 3, 3, graph.Conv{Stride: 4}},
		{"padding wider than the filter", 1, 2, 3, 2, 3, 2, 1, graph.Conv{Stride: 1, Pad: 3}},
		{"prime", 2, 7, 11, 7, 11, 3, 5, graph.Conv{Stride: 1, Pad: 2}},
		{"long sums", 2, 12, 12, 16, 5, 5, 5, graph.Conv{Stride: 1}},
		{"many channels", 3, 4, 5, 70, 67, 3, 3, graph.Conv{Stride: 1, Pad: 1}},
		{"3×3 filters over places in pairs", 5, 7, 9, 24, 72, 3, 3, graph.Conv{Stride: 1, Pad: 1}},
		{"3×3 filters over places in pairs, no padding", 2, 10, 9, 24, 24, 3, 3, graph.Conv{Stride: 1}},
		{"groups", 2, 7, 6, 6, 9, 3, 3, graph.Conv{Stride: 2, Pad: 1, Groups: 3}},
		{"groups of many", 2, 6, 9, 34, 82, 3, 2, graph.Conv{Stride: 1, Groups: 2}},
		{"filters of one channel", 3, 5, 6, 5, 10, 5, 5, graph.Conv{Stride: 1, Pad: 2, Groups: 5}},
		{"depthwise", 3, 9, 8, 17, 17, 3, 3, graph.Conv{Stride: 1, Pad: 1, Groups: 17}},
		{"depthwise, stride", 2, 10, 11, 37, 37, 3, 3, graph.Conv{Stride: 2, Pad: 1, Groups: 37}},
		{"depthwise 5×5", 2, 11, 7, 8, 8, 5, 5, graph.Conv{Stride: 1, Pad: 2, Groups: 8}},
		{"depthwise, stride and gaps", 2, 9, 12, 3, 3, 2, 3, graph.Conv{Stride: 3, Groups: 3}},
		{"depthwise, padding wider than the filter", 1, 2, 3, 2, 2, 2, 1, graph.Conv{Stride: 1, Pad: 3, Groups: 2}},
	}
	var cases []testCase
	for _, k := range geometries {
		p, q := (k.h+2*k.op.Pad-k.r)/k.op.Stride+1, (k.w+2*k.op.Pad-k.s)/k.op.Stride+1
		x, w, b, dy := float(k.n, k.h, k.w, k.i), float(k.o, k.r, k.s, k.i/max(1, k.op.Groups)), float(k.o), float(k.n, p, q, k.o)
		of := []testCase{
			{name: k.name, op: k.op, in: []arg{x, w}, rows: 1, near: contraction},
			{name: k.name + ", bias", op: k.op, in: []arg{x, w, b}, rows: 1, near: contraction},
			{name: k.name, op: graph.ConvBackData{Conv: k.op, H: k.h, W: k.w}, in: []arg{w, dy}, near: contraction},
			{name: k.name, op: graph.ConvBackFilter{Conv: k.op, R: k.r, S: k.s}, in: []arg{x, dy}, near: contraction},
		}
		for i := range of {
			of[i].patches = inPatches(k.op, k.r, k.s, k.i, k.o)
		}
		cases = append(cases, of...)
	}
	return cases
}

// inPatches reports whether devices may compute a convolution by filters r×s from i to
// o channels, and its gradients, in patches of places by Winograd's method.
func inPatches(op graph.Conv, r, s, i, o int) bool {
	return r == 3 && s == 3 && op.Stride == 1 && op.Groups <= 1 && min(i, o) >= 24 && i%8 == 0 && o%8 == 0
}
