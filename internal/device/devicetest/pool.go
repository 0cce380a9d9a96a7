package devicetest

import (
	"math"
	"math/rand/v2"

	"imgcls/internal/graph"
)

// poolCases makes a case of pooling and its gradient for each geometry.
func poolCases() []testCase {
	geometries := []struct {
		name       string
		n, h, w, c int
		op         graph.MaxPool
	}{
		{"of one number", 1, 1, 1, 1, graph.MaxPool{Kernel: 1, Stride: 1}},
		{"2×2", 3, 8, 6, 6, graph.MaxPool{Kernel: 2, Stride: 2}},
		{"odd sizes", 2, 7, 5, 3, graph.MaxPool{Kernel: 2, Stride: 2}},
		{"overlap and padding", 2, 7, 8, 3, graph.MaxPool{Kernel: 3, Stride: 2, Pad: 1}},
		{"much overlap", 2, 6, 7, 5, graph.MaxPool{Kernel: 3, Stride: 1, Pad: 1}},
		{"even window, padding", 2, 5, 6, 3, graph.MaxPool{Kernel: 2, Stride: 1, Pad: 1}},
		{"gaps between windows", 2, 9, 8, 3, graph.MaxPool{Kernel: 2, Stride: 3}},
		{"the widest window", 1, 17, 15, 2, graph.MaxPool{Kernel: 15, Stride: 1}},
		{"large", 4, 29, 28, 16, graph.MaxPool{Kernel: 2, Stride: 2}},
		{"one place", 3, 4, 4, 17, graph.MaxPool{Kernel: 4, Stride: 4}},
	}
	draws := []struct {
		name string
		draw drawing
	}{
		{"", signed},
		{", equals", oneOf(-1, -0.5, 0.5)},
		{", not finite", oneOf(math.NaN(), math.Inf(1), math.Inf(-1), 1, 2)},
	}
	var cases []testCase
	for _, k := range geometries {
		for _, d := range draws {
			x := arg{graph.F32, d.draw, []int{k.n, k.h, k.w, k.c}}
			cases = append(cases, testCase{name: k.name + d.name, op: k.op, in: []arg{x}, rows: 1})
		}
		p, q := (k.h+2*k.op.Pad-k.op.Kernel)/k.op.Stride+1, (k.w+2*k.op.Pad-k.op.Kernel)/k.op.Stride+1
		winners := arg{graph.U8, insideWindow(k.op, k.h, k.w, p, q, k.c), []int{k.n, p, q, k.c}}
		cases = append(cases, testCase{
			name: k.name, op: graph.MaxPoolBack{MaxPool: k.op, H: k.h, W: k.w},
			in: []arg{winners, float(k.n, p, q, k.c)}, near: contraction,
		})
	}
	return cases
}

// insideWindow draws for each window one of its values that is not padding.
func insideWindow(op graph.MaxPool, h, w, p, q, c int) drawing {
	within := func(r *rand.Rand, place, extent int) int {
		first := place*op.Stride - op.Pad
		from, to := max(first, 0), min(first+op.Kernel, extent)
		return from - first + r.IntN(to-from)
	}
	return func(r *rand.Rand, i int) float64 {
		row := within(r, i/c/q%p, h)
		return float64(row*op.Kernel + within(r, i/c%q, w))
	}
}
