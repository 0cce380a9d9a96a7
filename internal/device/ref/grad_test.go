package ref_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

var relu = graph.Act{Kind: graph.ReLU}

// A gradCase is a value computed from leaves, or the loss of scores computed
// from them.
type gradCase struct {
	name   string
	leaves [][]int
	spaced bool // leaves hold numbers ½ apart, so that no two compete in a pool
	scores bool // the value is scores [N,C], judged by cross-entropy
	build  func(add adder, x []graph.Value) graph.Value
}

// An adder adds an operation and returns its first output.
type adder func(op graph.Op, in ...graph.Value) graph.Value

// one returns a build function of a single operation on all leaves.
func one(op graph.Op) func(adder, []graph.Value) graph.Value {
	return func(add adder, x []graph.Value) graph.Value { return add(op, x...) }
}

func leaves(shapes ...[]int) [][]int { return shapes }

var gradCases = []gradCase{
	{name: "conv", leaves: leaves([]int{2, 5, 4, 3}, []int{2, 3, 2, 3}), build: one(graph.Conv{Stride: 1})},
	{name: "conv, bias", leaves: leaves([]int{2, 4, 4, 2}, []int{3, 3, 3, 2}, []int{3}), build: one(graph.Conv{Stride: 1})},
	{name: "conv, padding", leaves: leaves([]int{1, 3, 4, 2}, []int{2, 3, 3, 2}, []int{2}), build: one(graph.Conv{Stride: 1, Pad: 1})},
	{name: "conv, stride", leaves: leaves([]int{2, 6, 5, 2}, []int{2, 2, 3, 2}), build: one(graph.Conv{Stride: 2})},
	{name: "conv, stride and padding", leaves: leaves([]int{1, 6, 7, 2}, []int{3, 3, 3, 2}, []int{3}), build: one(graph.Conv{Stride: 3, Pad: 2})},
	{name: "conv, gaps", leaves: leaves([]int{1, 7, 5, 1}, []int{2, 1, 2, 1}), build: one(graph.Conv{Stride: 3})},
	{name: "conv, groups", leaves: leaves([]int{2, 4, 5, 6}, []int{4, 3, 2, 3}, []int{4}), build: one(graph.Conv{Stride: 1, Pad: 1, Groups: 2})},
	{name: "conv, depthwise", leaves: leaves([]int{2, 5, 6, 3}, []int{3, 3, 3, 1}), build: one(graph.Conv{Stride: 2, Pad: 1, Groups: 3})},
	{name: "pool", leaves: leaves([]int{2, 5, 4, 3}), spaced: true, build: one(graph.MaxPool{Kernel: 2, Stride: 2})},
	{name: "pool, overlap and padding", leaves: leaves([]int{2, 5, 6, 2}), spaced: true, build: one(graph.MaxPool{Kernel: 3, Stride: 1, Pad: 1})},
	{name: "pool, gaps", leaves: leaves([]int{1, 7, 5, 2}), spaced: true, build: one(graph.MaxPool{Kernel: 2, Stride: 3})},
	{name: "relu", leaves: leaves([]int{3, 17}), build: one(relu)},
	{name: "matmul", leaves: leaves([]int{3, 5}, []int{5, 4}), build: one(graph.MatMul{})},
	{name: "matmul, a transposed", leaves: leaves([]int{5, 3}, []int{5, 4}), build: one(graph.MatMul{TransA: true})},
	{name: "matmul, b transposed", leaves: leaves([]int{3, 5}, []int{4, 5}), build: one(graph.MatMul{TransB: true})},
	{name: "matmul, both transposed", leaves: leaves([]int{5, 3}, []int{4, 5}), build: one(graph.MatMul{TransA: true, TransB: true})},
	{name: "linear", leaves: leaves([]int{3, 5}, []int{4, 5}, []int{4}), build: one(graph.MatMul{TransB: true})},
	{name: "matmul, all transposed, bias", leaves: leaves([]int{5, 3}, []int{4, 5}, []int{4}), build: one(graph.MatMul{TransA: true, TransB: true})},
	{name: "add", leaves: leaves([]int{2, 3}, []int{2, 3}), build: one(graph.Add{})},
	{name: "reshape", leaves: leaves([]int{2, 6}), build: one(graph.Reshape{Shape: []int{3, 2, 2}})},
	{name: "cross-entropy", leaves: leaves([]int{4, 5}), scores: true, build: func(_ adder, x []graph.Value) graph.Value { return x[0] }},

	{name: "relu6", leaves: leaves([]int{3, 17}), build: one(graph.Act{Kind: graph.ReLU6})},
	{name: "gelu", leaves: leaves([]int{3, 17}), build: one(graph.Act{Kind: graph.GELU})},
	{name: "silu", leaves: leaves([]int{3, 17}), build: one(graph.Act{Kind: graph.SiLU})},
	{name: "average pool", leaves: leaves([]int{2, 5, 4, 3}), build: one(graph.AvgPool{R: 2, S: 2, Stride: 2})},
	{name: "average pool, overlap and padding", leaves: leaves([]int{2, 5, 6, 2}), build: one(graph.AvgPool{R: 3, S: 2, Stride: 1, Pad: 1})},
	{name: "batch norm", leaves: leaves([]int{2, 3, 2, 3}, []int{3}, []int{3}), build: one(graph.BatchNorm{Eps: 1e-5})},
	{name: "batch norm of rows", leaves: leaves([]int{5, 4}, []int{4}, []int{4}), build: one(graph.BatchNorm{Eps: 0.1})},

	{name: "a value added to itself", leaves: leaves([]int{7}), build: func(add adder, x []graph.Value) graph.Value {
		return add(graph.Add{}, x[0], x[0])
	}},
	{name: "a matrix times itself", leaves: leaves([]int{4, 4}), build: func(add adder, x []graph.Value) graph.Value {
		return add(graph.MatMul{TransA: true}, x[0], x[0])
	}},
	{name: "a value used three times", leaves: leaves([]int{3, 4}, []int{4, 4}), build: func(add adder, x []graph.Value) graph.Value {
		y := add(graph.Add{}, add(graph.MatMul{}, x[0], x[1]), x[0])
		return add(graph.Add{}, add(relu, x[0]), y)
	}},
	{name: "weights used twice", leaves: leaves([]int{2, 5, 5, 3}, []int{3, 3, 3, 3}, []int{3}), build: func(add adder, x []graph.Value) graph.Value {
		conv := graph.Conv{Stride: 1, Pad: 1}
		return add(conv, add(relu, add(conv, x...)), x[1], x[2])
	}},
	{name: "a network", scores: true,
		leaves: leaves([]int{2, 7, 7, 2}, []int{3, 3, 3, 2}, []int{3}, []int{6, 27}, []int{6}, []int{6, 5}),
		build: func(add adder, x []graph.Value) graph.Value {
			y := add(relu, add(graph.Conv{Stride: 1, Pad: 1}, x[:3]...))
			y = add(graph.MaxPool{Kernel: 3, Stride: 2}, y)
			y = add(graph.Reshape{Shape: []int{2, 27}}, y)
			y = add(relu, add(graph.MatMul{TransB: true}, y, x[3], x[4]))
			return add(graph.MatMul{}, y, x[5])
		}},
}

// TestGradients compares each gradient rule, and the kernels that it uses, with
// central differences.
func TestGradients(t *testing.T) {
	const seed = 2
	for _, c := range gradCases {
		t.Run(c.name, func(t *testing.T) {
			f := newFunctional(t, c, rand.New(rand.NewPCG(seed, 0)))
			f.run(t)
			var want [][]float64
			for i, d := range f.grads {
				if d == 0 {
					t.Fatalf("leaf %d has no gradient", i)
				}
				want = append(want, slices.Clone(f.prog.Float64(d)))
			}
			for i, leaf := range f.leaves {
				f.difference(t, i, f.prog.Float64(leaf), want[i])
			}
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
	}
}

// A functional is Σ dy·y for random dy, or a loss, with the gradients of the
// leaves that it is computed from.
type functional struct {
	prog   *ref.Program
	leaves []graph.Value
	grads  []graph.Value
	y, dy  graph.Value // dy is none for a loss
}

func newFunctional(t *testing.T, c gradCase, r *rand.Rand) *functional {
	t.Helper()
	f := &functional{}
	g := graph.New()
	for i, shape := range c.leaves {
		f.leaves = append(f.leaves, g.Lasting(graph.Tensor{Name: string(rune('a' + i)), Shape: shape, Role: graph.Param}))
	}
	f.y = c.build(func(op graph.Op, in ...graph.Value) graph.Value { return g.Add("", op, in...)[0] }, f.leaves)
	var labels graph.Value
	var grads map[graph.Value]graph.Value
	if shape := g.Tensor(f.y).Shape; c.scores {
		labels = g.Input("labels", graph.I32, shape[0])
		loss := g.Add("", graph.SoftmaxXent{}, f.y, labels)
		grads = g.Backward([]graph.Value{f.y}, loss[1:])
		f.y = loss[0]
	} else {
		f.dy = g.Input("dy", graph.F32, shape...)
		grads = g.Backward([]graph.Value{f.y}, []graph.Value{f.dy})
	}
	for _, leaf := range f.leaves {
		f.grads = append(f.grads, grads[leaf])
	}
	g.Return(f.y)
	g.Return(f.grads...)
	f.prog = program(t, g)
	for _, leaf := range f.leaves {
		f.fill(leaf, r, c.spaced)
	}
	if f.dy != 0 {
		f.fill(f.dy, r, false)
	} else {
		labels4 := make([]byte, g.Tensor(labels).Bytes())
		for i := 0; i < len(labels4); i += 4 {
			labels4[i] = byte(i / 4)
		}
		if err := f.prog.Write(labels, labels4); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// fill draws numbers of either sign with sizes between ¼ and 1¼: none is near
// the kink of ReLU.
func (f *functional) fill(v graph.Value, r *rand.Rand, spaced bool) {
	x := f.prog.Float64(v)
	order := r.Perm(len(x))
	for i := range x {
		x[i] = math.Copysign(0.25+r.Float64(), r.Float64()-0.5)
		if spaced {
			x[i] = float64(order[i]) / 2
		}
	}
}

func (f *functional) run(t *testing.T) {
	t.Helper()
	if err := f.prog.Run(0, 1); err != nil {
		t.Fatal(err)
	}
}

// value runs the program and returns the functional and the sum of its terms'
// sizes.
func (f *functional) value(t *testing.T) (sum, size float64) {
	t.Helper()
	f.run(t)
	for i, y := range f.prog.Float64(f.y) {
		if f.dy != 0 {
			y *= f.prog.Float64(f.dy)[i]
		}
		sum += y
		size += math.Abs(y)
	}
	return sum, size
}

// difference compares the gradient want of leaf number i, which holds x, with
// central differences. What rounding leaves of a difference is added to the
// tolerance.
func (f *functional) difference(t *testing.T, i int, x, want []float64) {
	t.Helper()
	const step, relative = 1e-5, 1e-6
	for j, at := range x {
		x[j] = at + step
		up, size := f.value(t)
		x[j] = at - step
		down, _ := f.value(t)
		x[j] = at
		got := (up - down) / (2 * step)
		bound := relative*max(math.Abs(got), math.Abs(want[j])) + 4*0x1p-52*size/step
		if !(math.Abs(got-want[j]) <= bound) {
			t.Errorf("leaf %d, element %d: gradient %.12g, difference %.12g, bound %.3g", i, j, want[j], got, bound)
			return
		}
	}
}

// program compiles g for the reference device.
func program(t *testing.T, g *graph.Graph) *ref.Program {
	t.Helper()
	dev := ref.New()
	m, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := dev.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return prog.(*ref.Program)
}
