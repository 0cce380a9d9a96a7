package devicetest

import (
	"slices"
	"strings"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A pattern is what makes a case of several operations.
type pattern struct {
	// build adds the operations and returns what is read.
	build func(g *graph.Graph, in []graph.Value) []graph.Value
	// fused names the nodes in order once they are fused, as plan.OpName does.
	fused string
	// reordered says that sums are added in another order when fused, so that bits
	// may differ.
	reordered bool
	// finite lists the inputs that take no NaN or infinity: those multiplied with
	// zeros that stand outside a tensor or arise in between, which a device may
	// leave out or not.
	finite []int
	plain  bool // not to be fused
}

// family names what the case is of.
func (c testCase) family() string {
	if c.pattern != nil {
		return "Fusion"
	}
	return plan.OpName(c.op)
}

// add adds the operations of the case to g.
func (c testCase) add(g *graph.Graph, set, in []graph.Value) []graph.Value {
	if c.pattern != nil {
		return c.build(g, in)
	}
	return g.AddSet(c.name, c.op, set, in...)
}

// unfused returns the case with one node for each operation.
func (c testCase) unfused() testCase {
	if c.pattern != nil {
		p := *c.pattern
		p.plain = true
		c.pattern = &p
	}
	return c
}

// A planner is plan.Compile or plan.CompileUnfused.
type planner func(g *graph.Graph, supports func(graph.Node, []graph.Tensor) bool) (*plan.Module, error)

// planner returns what plans the case.
func (c testCase) planner() planner {
	if c.pattern != nil && c.plain {
		return plan.CompileUnfused
	}
	return plan.Compile
}

// staysFinite reports whether input i takes no NaN or infinity.
func (c testCase) staysFinite(i int) bool {
	return c.pattern != nil && slices.Contains(c.finite, i)
}

// checkFusion checks that the pattern was fused as far as the device supports
// it, and compares the results with those of the nodes one by one.
func (c testCase) checkFusion(t *testing.T, dev device.Device, x *trial, inputs [][]float64, results [][]byte) {
	t.Helper()
	if c.pattern == nil {
		return
	}
	var names []string
	for _, n := range x.m.Entries[0].Nodes {
		names = append(names, plan.OpName(n.Op))
	}
	if got := strings.Join(names, " "); got != c.fused && c.whole(t, dev) {
		t.Errorf("fused to %q, want %q", got, c.fused)
	}
	if !c.reordered {
		expectSame(t, "the nodes one by one", c.unfused().compile(t, dev).run(t, inputs), results)
	}
}

// whole reports whether the device supports every node that the pattern becomes
// where everything is supported.
func (c testCase) whole(t *testing.T, dev device.Device) bool {
	t.Helper()
	all := true
	g := graph.New()
	var in []graph.Value
	for i, a := range c.in {
		in = append(in, g.Input(string(rune('a'+i)), a.typ, a.shape...))
	}
	g.Return(c.build(g, in)...)
	m, err := plan.Compile(g, func(graph.Node, []graph.Tensor) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.Entries[0].Nodes {
		all = all && dev.Supports(n, m.Tensors)
	}
	return all
}

// fusionCases makes cases of each row of the table in plan/fuse.go.
func fusionCases() []testCase {
	var cases []testCase
	for _, k := range []fusionGeometry{
		{"one number", 1, 1, 1, 1, 1, 1, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 1, Stride: 1}, true},
		{"5×5 of 3 channels", 3, 13, 12, 3, 6, 5, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"one picture, rests", 1, 10, 11, 1, 6, 3, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 3, Stride: 3}, true},
		{"padding and stride", 3, 11, 14, 6, 5, 3, graph.Conv{Stride: 2, Pad: 1}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"gaps between windows", 2, 12, 11, 3, 4, 3, graph.Conv{Stride: 1, Pad: 2}, graph.MaxPool{Kernel: 2, Stride: 3}, true},
		{"large", 2, 30, 34, 3, 8, 5, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"lines in pairs", 2, 21, 11, 24, 24, 3, graph.Conv{Stride: 1, Pad: 1}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"lines in pairs, windows of three", 1, 7, 9, 24, 24, 3, graph.Conv{Stride: 1, Pad: 1}, graph.MaxPool{Kernel: 3, Stride: 3}, true},
		{"lines in pairs, gaps between windows", 1, 8, 7, 24, 24, 3, graph.Conv{Stride: 1, Pad: 1}, graph.MaxPool{Kernel: 2, Stride: 3}, true},
		{"groups", 2, 9, 11, 4, 6, 3, graph.Conv{Stride: 1, Pad: 1, Groups: 2}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"depthwise", 2, 9, 11, 19, 19, 3, graph.Conv{Stride: 1, Pad: 1, Groups: 19}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"overlap", 2, 9, 8, 3, 4, 3, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 3, Stride: 2}, false},
		{"windows with padding", 2, 9, 8, 3, 4, 3, graph.Conv{Stride: 1}, graph.MaxPool{Kernel: 2, Stride: 2, Pad: 1}, false},
	} {
		of := slices.Concat(k.forward(), []testCase{k.actBack()}, k.unpool(), k.norm())
		for i := range of {
			of[i].patches = inPatches(k.conv, k.f, k.f, k.i, k.o)
		}
		cases = append(cases, of...)
	}
	for _, k := range []fusionGeometry{
		{"padding and stride", 3, 11, 14, 6, 5, 3, graph.Conv{Stride: 2, Pad: 1}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
		{"depthwise", 2, 9, 11, 19, 19, 3, graph.Conv{Stride: 1, Pad: 1, Groups: 19}, graph.MaxPool{Kernel: 2, Stride: 2}, true},
	} {
		cases = append(cases, k.acts()...)
	}
	return slices.Concat(cases, matMulFusions(), normFusions(), gateFusions())
}

// normFusions makes the cases of BatchNorm with what follows it, and of its gradient.
func normFusions() []testCase {
	var cases []testCase
	for _, k := range []struct {
		name  string
		shape []int
	}{
		{"two numbers", []int{2, 1}},
		{"rows", []int{7, 5}},
		{"prime", []int{2, 7, 5, 17}},
		{"large", []int{4, 28, 27, 16}},
	} {
		c := k.shape[len(k.shape)-1]
		x, channel := float(k.shape...), float(c)
		variance := arg{graph.F32, given(0.5, 1.5, 0.75), []int{c}}
		for _, kind := range []graph.ActKind{graph.ReLU, graph.ReLU6, graph.GELU} {
			act, near := graph.Act{Kind: kind}, composed
			if kind.FromInput() { // bent by sums that were rounded
				near = composedOfSums
			}
			forward := func(what, fused string, running bool, sides func(g *graph.Graph, y, side graph.Value) []graph.Value) {
				in := []arg{x, channel, channel}
				if running {
					in = append(in, channel, variance)
				}
				last := len(in)
				cases = append(cases, testCase{
					name: k.name + ", " + what + ", " + kind.String(), in: append(in, x), near: near,
					pattern: &pattern{fused: fused, build: func(g *graph.Graph, in []graph.Value) []graph.Value {
						y := g.Add("norm", graph.BatchNorm{Eps: 1e-5, Running: running}, in[:last]...)
						return append(sides(g, y[0], in[last]), y[1:]...)
					}},
				})
			}
			forward("act", "BatchNorm+Act", false, func(g *graph.Graph, y, _ graph.Value) []graph.Value { return g.Add("act", act, y) })
			forward("add", "BatchNorm+Add", true, func(g *graph.Graph, y, side graph.Value) []graph.Value {
				return g.Add("add", graph.Add{}, side, y)
			})
			forward("add and act", "BatchNorm+Add+Act", false, func(g *graph.Graph, y, side graph.Value) []graph.Value {
				return g.Add("act", act, g.Add("add", graph.Add{}, y, side)[0])
			})
			forward("read elsewhere", "BatchNorm Act", true, func(g *graph.Graph, y, _ graph.Value) []graph.Value {
				return append(g.Add("act", act, y), y)
			})
			if kind.FromInput() {
				continue // goes back by itself
			}
			cases = append(cases, testCase{
				name: k.name + ", back, " + kind.String(), in: []arg{x, channel, channel, variance, x, x}, near: composed,
				pattern: &pattern{fused: "ActBack+BatchNormBack", build: func(g *graph.Graph, in []graph.Value) []graph.Value {
					d := g.Add("act", graph.ActBack{Act: act}, in[4], in[5])[0]
					return g.Add("norm", graph.BatchNormBack{BatchNorm: graph.BatchNorm{Eps: 1e-5}}, in[0], in[1], in[2], in[3], d)
				}},
			})
		}
	}
	return cases
}

// A fusionGeometry is a convolution of x [n,h,w,i] by o filters f×f, and a pooling
// of what it gives; apart says whether the windows are.
type fusionGeometry struct {
	name       string
	n, h, w, i int
	o, f       int
	conv       graph.Conv
	pool       graph.MaxPool
	apart      bool
}

// places returns the extents that windows of that size leave of an extent.
func places(extent, window, stride, pad int) int { return (extent+2*pad-window)/stride + 1 }

// sums returns the shape of what the convolution gives.
func (k fusionGeometry) sums() []int {
	return []int{k.n, places(k.h, k.f, k.conv.Stride, k.conv.Pad), places(k.w, k.f, k.conv.Stride, k.conv.Pad), k.o}
}

// pooled returns the shape of what the pooling gives.
func (k fusionGeometry) pooled() []int {
	s := k.sums()
	return []int{k.n, places(s[1], k.pool.Kernel, k.pool.Stride, k.pool.Pad), places(s[2], k.pool.Kernel, k.pool.Stride, k.pool.Pad), k.o}
}

// chain makes a case of Conv, an Act where it is not nil, and a MaxPool if pool says so.
func (k fusionGeometry) chain(what, fused string, act *graph.Act, pool, actRead bool, biases int) testCase {
	var finite []int
	if k.conv.Pad > 0 {
		finite = []int{1}
	}
	near := contraction
	if act != nil && act.Kind != graph.ReLU {
		near = composedOfSums
	}
	in := []arg{float(k.n, k.h, k.w, k.i), float(k.o, k.f, k.f, k.i/max(1, k.conv.Groups)), float(k.o)}
	return testCase{name: k.name + ", " + what, in: in[:2+biases], rows: 1, near: near, pattern: &pattern{
		fused: fused, finite: finite,
		build: func(g *graph.Graph, in []graph.Value) []graph.Value {
			out := g.Add("conv", k.conv, in...)
			if act != nil {
				out = g.Add("act", *act, out[0])
			}
			if pool {
				read := out[:1]
				out = g.Add("pool", k.pool, out[0])
				if actRead {
					out = append(out, read...)
				}
			}
			return out
		},
	}}
}

// forward makes the cases of Conv, ReLU and MaxPool: all three, and fewer.
func (k fusionGeometry) forward() []testCase {
	all, pool := "Conv+Act+MaxPool", "Conv+MaxPool"
	if !k.apart {
		all, pool = "Conv+Act MaxPool", "Conv MaxPool"
	}
	relu := &graph.Act{Kind: graph.ReLU}
	return []testCase{
		k.chain("act and pool", all, relu, true, false, 1),
		k.chain("act and pool, no bias", all, relu, true, false, 0),
		k.chain("act", "Conv+Act", relu, false, false, 1),
		k.chain("pool", pool, nil, true, false, 1),
		k.chain("act read elsewhere", "Conv+Act MaxPool", relu, true, true, 1),
	}
}

// acts makes cases of the other activations behind a convolution. One that is bent goes
// with no pooling where it comes so near to 0 that rounding makes numbers equal.
func (k fusionGeometry) acts() []testCase {
	silu := graph.Act{Kind: graph.SiLU}
	return []testCase{
		k.chain("silu and pool", "Conv+Act+MaxPool", &silu, true, false, 1),
		k.chain("gelu", "Conv+Act", &graph.Act{Kind: graph.GELU}, false, false, 1),
		k.chain("relu6", "Conv+Act", &graph.Act{Kind: graph.ReLU6}, false, false, 1),
		k.given("norm, add and silu", "Conv+BatchNorm+Add+Act", []arg{float(k.sums()...)}, func(g *graph.Graph, in []graph.Value, y graph.Value) []graph.Value {
			return g.Add("act", silu, g.Add("add", graph.Add{}, in[0], y)[0])
		}),
	}
}

// actBack makes the case of a gradient that passes a pooling and then an
// activation.
func (k fusionGeometry) actBack() testCase {
	s := k.sums()
	near, finite := exact, []int(nil)
	if !k.apart { // gradients add up, and the bound of a sum knows no mask
		near, finite = contraction, []int{1}
	}
	return testCase{
		name: k.name + ", act back", in: []arg{float(s...), float(k.pooled()...)}, rows: 2, near: near,
		pattern: &pattern{fused: "MaxPool ActBack MaxPoolBack", finite: finite, build: func(g *graph.Graph, in []graph.Value) []graph.Value {
			y := g.Add("pool", k.pool, in[0])
			u := g.Add("pool", graph.MaxPoolBack{MaxPool: k.pool, H: s[1], W: s[2]}, y[1], in[1])[0]
			return append(g.Add("act", graph.ActBack{Act: graph.Act{Kind: graph.ReLU}}, in[0], u), y[0])
		}},
	}
}

// unpool makes the cases of gradients of a convolution that come out of a pooling:
// each alone, and all three.
func (k fusionGeometry) unpool() []testCase {
	s, pooled := k.sums(), k.pooled()
	x, w, d := float(k.n, k.h, k.w, k.i), float(k.o, k.f, k.f, k.i/max(1, k.conv.Groups)), float(pooled...)
	winners := arg{graph.U8, insideWindow(k.pool, s[1], s[2], pooled[1], pooled[2], k.o), pooled}
	back := func(g *graph.Graph, in []graph.Value) graph.Value {
		return g.Add("pool", graph.MaxPoolBack{MaxPool: k.pool, H: s[1], W: s[2]}, in...)[0]
	}
	data := func(g *graph.Graph, w, dy graph.Value) []graph.Value {
		return g.Add("conv", graph.ConvBackData{Conv: k.conv, H: k.h, W: k.w}, w, dy)
	}
	filter := func(g *graph.Graph, x, dy graph.Value) []graph.Value {
		return g.Add("conv", graph.ConvBackFilter{Conv: k.conv, R: k.f, S: k.f}, x, dy)
	}
	fused := []string{"MaxPoolBack+ConvBackData", "MaxPoolBack+ConvBackFilter", "ChannelSum"}
	one := fused
	if !k.apart {
		one = []string{"MaxPoolBack ConvBackData", "MaxPoolBack ConvBackFilter", "ChannelSum"}
		fused = []string{"MaxPoolBack", "ConvBackData", "ConvBackFilter", "ChannelSum"}
	}
	finite := []int{0}
	if k.conv.Pad > 0 { // the filter's gradient may multiply those outside x
		finite = []int{0, 2}
	}
	return []testCase{
		{name: k.name + ", data back", in: []arg{w, winners, d}, near: contraction, pattern: &pattern{
			fused: one[0], finite: []int{0},
			build: func(g *graph.Graph, in []graph.Value) []graph.Value { return data(g, in[0], back(g, in[1:])) },
		}},
		{name: k.name + ", filter back", in: []arg{x, winners, d}, near: contraction, pattern: &pattern{
			fused: one[1], finite: finite, reordered: true,
			build: func(g *graph.Graph, in []graph.Value) []graph.Value { return filter(g, in[0], back(g, in[1:])) },
		}},
		{name: k.name + ", bias back", in: []arg{winners, d}, near: contraction, pattern: &pattern{
			fused: one[2], reordered: true,
			build: func(g *graph.Graph, in []graph.Value) []graph.Value {
				return g.Add("conv", graph.ChannelSum{}, back(g, in))
			},
		}},
		{name: k.name + ", all back", in: []arg{x, winners, d, w}, near: contraction, pattern: &pattern{
			fused: strings.Join(fused, " "), finite: []int{0, 2, 3}, reordered: true,
			build: func(g *graph.Graph, in []graph.Value) []graph.Value {
				dy := back(g, in[1:3])
				return slices.Concat(data(g, in[3], dy), filter(g, in[0], dy), g.Add("conv", graph.ChannelSum{}, dy))
			},
		}},
	}
}

// given makes a case of a batch norm with given statistics behind a convolution, and of
// what build adds to that.
func (k fusionGeometry) given(what, fused string, in []arg, build func(g *graph.Graph, in []graph.Value, y graph.Value) []graph.Value) testCase {
	x, w, o := float(k.n, k.h, k.w, k.i), float(k.o, k.f, k.f, k.i/max(1, k.conv.Groups)), float(k.o)
	variance := arg{graph.F32, given(0.5, 1.5, 0.75), []int{k.o}}
	return testCase{name: k.name + ", " + what, in: append([]arg{x, w, o, o, o, variance}, in...), near: composedOfSums, pattern: &pattern{
		fused: fused, finite: []int{1},
		build: func(g *graph.Graph, in []graph.Value) []graph.Value {
			y := g.Add("conv", k.conv, in[:2]...)[0]
			y = g.Add("norm", graph.BatchNorm{Eps: 1e-5, Running: true}, y, in[2], in[3], in[4], in[5])[0]
			return build(g, in[6:], y)
		},
	}}
}

// norm makes the cases of a batch norm behind a convolution, and of a gradient that is
// added to another.
func (k fusionGeometry) norm() []testCase {
	x, w, o, s := float(k.n, k.h, k.w, k.i), float(k.o, k.f, k.f, k.i/max(1, k.conv.Groups)), float(k.o), float(k.sums()...)
	relu6 := graph.Act{Kind: graph.ReLU6}
	cases := []testCase{
		k.given("norm", "Conv+BatchNorm", nil, func(_ *graph.Graph, _ []graph.Value, y graph.Value) []graph.Value { return []graph.Value{y} }),
		k.given("norm and act", "Conv+BatchNorm+Act", nil, func(g *graph.Graph, _ []graph.Value, y graph.Value) []graph.Value {
			return g.Add("act", relu6, y)
		}),
		k.given("norm, add and act", "Conv+BatchNorm+Add+Act", []arg{s}, func(g *graph.Graph, in []graph.Value, y graph.Value) []graph.Value {
			return g.Add("act", relu6, g.Add("add", graph.Add{}, in[0], y)[0])
		}),
	}
	if k.sums()[0]*k.sums()[1]*k.sums()[2] > 1 {
		cases = append(cases, testCase{name: k.name + ", moments", in: []arg{x, w, o, o}, near: composedOfSums, pattern: &pattern{
			fused: "Conv+Moments BatchNorm+Act", finite: []int{1}, reordered: true,
			build: func(g *graph.Graph, in []graph.Value) []graph.Value {
				conv := g.Add("conv", k.conv, in[:2]...)
				y := g.Add("norm", graph.BatchNorm{Eps: 1e-2}, conv[0], in[2], in[3])
				return append(append(conv, y[1:]...), g.Add("act", relu6, y[0])...)
			},
		}})
	}
	return append(cases, testCase{name: k.name + ", gradient added", in: []arg{w, s, x}, near: contraction, pattern: &pattern{
		fused: "ConvBackData+Add", finite: []int{0},
		build: func(g *graph.Graph, in []graph.Value) []graph.Value {
			d := g.Add("conv", graph.ConvBackData{Conv: k.conv, H: k.h, W: k.w}, in[:2]...)[0]
			return g.Add("add", graph.Add{}, in[2], d)
		},
	}})
}

// matMulFusions makes the cases of MatMul and Act.
func matMulFusions() []testCase {
	var cases []testCase
	for _, c := range []struct {
		name    string
		op      graph.MatMul
		in      []arg
		besides bool // the product is read besides
		fused   string
		act     graph.ActKind
		near    nearness
	}{
		{"MatMul, act", graph.MatMul{TransB: true}, []arg{float(4, 84), float(10, 84), float(10)}, false, "MatMul+Act", graph.ReLU, contraction},
		{"MatMul, gelu", graph.MatMul{TransB: true}, []arg{float(4, 84), float(10, 84), float(10)}, false, "MatMul+Act", graph.GELU, composedOfSums},
		{"MatMul, act, no bias", graph.MatMul{}, []arg{float(5, 3), float(3, 7)}, false, "MatMul+Act", graph.ReLU, contraction},
		{"MatMul, act, large", graph.MatMul{TransB: true}, []arg{float(66, 131), float(67, 131), float(67)}, false, "MatMul+Act", graph.ReLU, contraction},
		{"MatMul read elsewhere", graph.MatMul{TransB: true}, []arg{float(4, 8), float(3, 8), float(3)}, true, "MatMul Act", graph.ReLU, contraction},
	} {
		cases = append(cases, testCase{name: c.name, in: c.in, rows: 1, near: c.near, pattern: &pattern{
			fused: c.fused,
			build: func(g *graph.Graph, in []graph.Value) []graph.Value {
				product := g.Add("fc", c.op, in...)
				out := g.Add("act", graph.Act{Kind: c.act}, product[0])
				if c.besides {
					out = append(out, product[0])
				}
				return out
			},
		}})
	}
	return cases
}

// gateFusions makes cases of an SGD behind a gate that looks at a loss and the
// gradients. At any rate, even 0, what is not finite keeps all cells as they were.
func gateFusions() []testCase {
	var cases []testCase
	for _, c := range []struct {
		name    string
		scalars []float64 // rate, momentum, decay
	}{
		{"gate", []float64{0.01, 0.9, 5e-4}},
		{"gate, rate 0", []float64{0, 0.9, 5e-4}},
		{"gate, all 0", []float64{0, 0, 0}},
	} {
		cases = append(cases, testCase{
			name: c.name, set: []int{3, 4, 6, 7}, near: composed,
			in: []arg{
				float(1), {graph.F32, given(c.scalars...), []int{3}},
				float(1009), float(1009), float(1009),
				float(5), float(5), float(5),
			},
			pattern: &pattern{fused: "Gate SGD", build: func(g *graph.Graph, in []graph.Value) []graph.Value {
				loss, scalars, d1, p1, v1, d2, p2, v2 := in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]
				gate := g.Add("gate", graph.Gate{}, loss, d1, d2)[0]
				return g.AddSet("sgd", graph.SGD{Momentum: 1, Decay: 2}, []graph.Value{p1, v1, p2, v2}, gate, scalars, p1, d1, v1, p2, d2, v2)
			}},
		})
	}
	return cases
}
