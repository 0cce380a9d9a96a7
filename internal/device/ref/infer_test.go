package ref_test

import (
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// TestInfer tries operations drawn at random, most of them nearly right.
func TestInfer(t *testing.T) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	accepted := map[string]int{}
	for range 350_000 {
		data := make([]byte, 96)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if op := tryInfer(t, data); op != "" {
			accepted[op]++
		}
		if t.Failed() {
			t.Fatalf("seed %d, drawn % x", seed, data)
		}
	}
	for _, op := range []string{
		"Conv", "ConvBackData", "ConvBackFilter", "MaxPool", "MaxPoolBack", "Act", "ActBack", "MatMul", "Add", "ChannelSum",
		"SoftmaxXent", "Gather", "Normalize", "Reshape", "Tail", "Gate", "Clip", "Average", "Record", "Tick", "SGD", "AdamW", "Direction", "Quintic", "Moved", "Assign", "Augment", "Mix", "Dropout", "BatchNorm", "BatchNormBack", "Track", "AvgPool", "AvgPoolBack",
		"Conv+Act", "Conv+MaxPool", "Conv+Act+MaxPool", "MatMul+Act", "MaxPoolBack+ConvBackData", "MaxPoolBack+ConvBackFilter",
	} {
		if accepted[op] < 20 {
			t.Errorf("%s was accepted %d times: the drawing misses it", op, accepted[op])
		}
	}
}

func FuzzInfer(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 0))
	for range 64 {
		data := make([]byte, 96)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { tryInfer(t, data) })
}

// A choice turns bytes into the parts of an operation. When they are used up it
// goes on with zeros.
type choice struct{ data []byte }

func (c *choice) below(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

// rarely is true in one case of 32.
func (c *choice) rarely() bool { return c.below(32) == 31 }

var odd = []int{0, -1, 15, 16, 255, 1 << 20, 1 << 40, 1 << 41, math.MaxInt, math.MinInt}

// small returns a number from least to most, seldom an odd one.
func (c *choice) small(least, most int) int {
	if c.rarely() {
		return odd[c.below(len(odd))]
	}
	return least + c.below(most-least+1)
}

// tensor describes an input with that many dimensions, seldom with another
// number or of another type.
func (c *choice) tensor(typ graph.DType, rank int) graph.Tensor {
	if c.rarely() {
		rank = c.below(6)
	}
	if c.rarely() {
		typ = graph.DType(c.below(int(graph.I64) + 1))
	}
	shape := make([]int, rank)
	for i := range shape {
		shape[i] = c.small(1, 3)
	}
	return graph.Tensor{Type: typ, Shape: shape}
}

// post draws what follows sums, mostly nothing.
func (c *choice) post(pool graph.MaxPool) (p graph.Post) {
	kind := c.below(8)
	if kind == 1 || kind == 2 {
		p.Act = &graph.Act{Kind: graph.ReLU}
	}
	if kind == 2 || kind == 3 {
		p.Pool = &pool
	}
	return p
}

// unpooled puts the winners before the gradient, the last input.
func unpooled(in []graph.Tensor) []graph.Tensor {
	return []graph.Tensor{in[0], {Type: graph.U8, Shape: in[1].Shape}, in[1]}
}

// last describes a number for each channel of x.
func last(x graph.Tensor) graph.Tensor {
	return graph.Tensor{Type: graph.F32, Shape: x.Shape[max(0, len(x.Shape)-1):]}
}

// node draws an operation and its inputs, of which the last may be missing.
func (c *choice) node() (graph.Op, []graph.Tensor) {
	conv := graph.Conv{Stride: c.small(1, 3), Pad: c.small(0, 2), Groups: max(0, c.small(-7, 3))}
	pool := graph.MaxPool{Kernel: c.small(1, 3), Stride: c.small(1, 3), Pad: c.small(0, 1)}
	apart := graph.MaxPool{Kernel: c.small(1, 2), Stride: c.small(1, 3)}
	h, w := c.small(1, 4), c.small(1, 4)
	flag, other := c.below(2) == 0, c.below(2) == 0
	var op graph.Op
	var in []graph.Tensor
	floats := func(ranks ...int) {
		for _, rank := range ranks {
			in = append(in, c.tensor(graph.F32, rank))
		}
	}
	single := func(typ graph.DType) { in = append(in, graph.Tensor{Type: typ, Shape: []int{1}}) }
	kind := c.below(34)
	switch kind {
	case 0:
		conv.Post = c.post(apart)
		op = conv
		floats(4, 4, 1)
	case 1:
		op = graph.ConvBackData{Conv: conv, H: h, W: w}
		floats(4, 4)
		if flag {
			op = graph.ConvBackData{Conv: conv, H: h, W: w, Unpool: &apart}
			in = unpooled(in)
		}
	case 2:
		op = graph.ConvBackFilter{Conv: conv, R: h, S: w}
		floats(4, 4)
		if flag {
			op = graph.ConvBackFilter{Conv: conv, R: h, S: w, Unpool: &apart}
			in = unpooled(in)
		}
	case 3:
		op = pool
		floats(4)
	case 4:
		op = graph.MaxPoolBack{MaxPool: pool, H: h, W: w}
		floats(4)
		in = append([]graph.Tensor{{Type: graph.U8, Shape: in[0].Shape}}, in...)
	case 5:
		op = graph.Act{}
		floats(c.below(5))
	case 6:
		op = graph.ActBack{}
		floats(2, 2)
	case 7:
		op = graph.MatMul{TransA: flag, TransB: other, Post: c.post(apart)}
		floats(2, 2, 1)
	case 8:
		op = graph.Add{}
		floats(2, 2)
	case 9:
		op = graph.ChannelSum{}
		floats(c.below(5))
	case 10:
		op = graph.SoftmaxXent{Smooth: float64(c.small(0, 1)) / 2, Mixed: flag, Of: c.small(-1, 9)}
		floats(2)
		in = append(in, c.tensor(graph.I32, 1))
		if flag {
			in = append(in, in[1], graph.Tensor{Type: graph.F32, Shape: in[1].Shape})
		}
	case 11:
		op = graph.Gather{Batch: h}
		in = append(in, c.tensor(graph.I32, 1))
		single(graph.I64)
		floats(c.below(4))
		in = append(in, c.tensor(graph.U8, c.below(4)))
	case 12:
		op = graph.Normalize{Mean: make([]float64, c.below(4)), Std: make([]float64, c.below(4))}
		in = append(in, c.tensor(graph.U8, 4))
	case 13:
		op = graph.Reshape{Shape: []int{h, w}}
		floats(c.below(5))
	case 33:
		op = graph.Tail{From: c.small(0, 2)}
		floats(1)
	case 14:
		op = graph.Gate{}
		floats(1, 4, 2)
	case 15:
		op = graph.Record{}
		single(graph.I32)
		single(graph.I64)
		single(graph.F32)
		floats(1)
	case 16:
		op = graph.Tick{Batch: h}
		single(graph.I32)
		single(graph.I64)
		single(graph.I64)
		floats(1, 2)
	case 17:
		op = graph.SGD{LR: c.small(0, 2), Momentum: c.small(0, 2), Decay: c.small(0, 2), Nesterov: flag}
		single(graph.I32)
		floats(1, 1)
		in = append(in, in[2], in[2])
	case 25:
		op = graph.Mix{Policy: augment.Policy{Mixup: float64(c.below(2)), Cutmix: float64(c.below(2))}}
		in = append(in, c.tensor(graph.U8, 4), c.tensor(graph.I32, 1), c.tensor(graph.I32, 1))
		single(graph.I64)
		single(graph.I64)
	case 24:
		op = graph.Augment{
			Policy: augment.Policy{Crop: c.small(0, 1), Reflect: flag, Flip: augment.Flip(c.below(3)), Brightness: 0.5, Contrast: 0.5, Saturation: 0.5, Cutout: c.small(0, 2)},
			Blank:  make([]uint8, c.small(1, 3)&7),
		}
		in = append(in, c.tensor(graph.U8, 4), c.tensor(graph.I32, 1))
		single(graph.I64)
		single(graph.I64)
	case 26:
		op = graph.Dropout{Rate: 0.75 * float64(c.below(2))}
		floats(c.below(5))
		in = append(in, c.tensor(graph.I32, 1))
		single(graph.I64)
		single(graph.I64)
	case 30:
		op = graph.Direction{Momentum: c.small(0, 2), Eps: 1}
		floats(1, 3)
		in = append(in, in[1])
	case 27:
		op = graph.Quintic{A: 1, B: 1, C: 1}
		floats(2)
		in = append(in, in[0])
	case 28:
		op = graph.Moved{LR: c.small(0, 2)}
		floats(1, 2)
		in = append(in, in[1])
	case 29:
		op = graph.Assign{}
		single(graph.I32)
		floats(2)
		in = append(in, in[1])
	case 31:
		op = graph.Average{Decay: float64(c.below(2))}
		single(graph.I32)
		floats(2)
		in = append(in, in[1])
	case 32:
		op = graph.Clip{Max: float64(c.below(3)), Scaled: flag}
		if flag {
			single(graph.F32)
		}
		floats(1, 4)
	case 23:
		op = graph.AdamW{Keep: c.small(0, 2), Rate: c.small(0, 2), Root: c.small(0, 2), Eps: 1}
		single(graph.I32)
		floats(1, 1)
		in = append(in, in[2], in[2], in[2])
	}
	switch norm := (graph.BatchNorm{Eps: 0.5, Running: flag}); kind {
	case 18:
		op = norm
		x := c.tensor(graph.F32, 4)
		in = append(in, x, last(x), last(x))
		if flag {
			in = append(in, last(x), last(x))
		}
	case 19:
		op = graph.BatchNormBack{BatchNorm: norm}
		x := c.tensor(graph.F32, 2)
		in = append(in, x, last(x), last(x), last(x), x)
	case 21:
		op = graph.AvgPool{R: c.small(1, 3), S: c.small(1, 3), Stride: pool.Stride, Pad: pool.Pad}
		floats(4)
	case 22:
		op = graph.AvgPoolBack{AvgPool: graph.AvgPool{R: c.small(1, 3), S: c.small(1, 3), Stride: pool.Stride, Pad: pool.Pad}, H: h, W: w}
		floats(4)
	case 20:
		op = graph.Track{Momentum: []float64{0.5}, M: [][]int{{c.small(1, 3)}}}
		single(graph.I32)
		floats(1)
		in = append(in, in[1], in[1], in[1])
	}
	if c.below(4) == 0 && len(in) > 1 {
		in = in[:len(in)-1]
	}
	if c.rarely() && len(in) > 0 {
		i := c.below(len(in))
		in[i] = c.tensor(graph.DType(c.below(int(graph.I64)+1)), c.below(6))
	}
	return op, in
}

// tryInfer builds a graph of one operation from data. If the graph accepts it,
// the plan must too, and the reference must fill exactly the outputs announced,
// but for what it has to refuse as fused. It returns the operation's name if it
// was accepted.
func tryInfer(t *testing.T, data []byte) string {
	c := &choice{data}
	op, inputs := c.node()
	g := graph.New()
	var in, set []graph.Value
	elements := 0
	for i, x := range inputs {
		x.Name, x.Role = string(rune('a'+i)), graph.State
		in = append(in, g.Lasting(x))
	}
	if g.Err() != nil {
		return ""
	}
	for _, i := range cellsOf(op, len(in)) {
		set = append(set, in[i])
	}
	out := g.AddSet("node", op, set, in...)
	if g.Err() != nil {
		return ""
	}
	g.Return(out...)
	dev := ref.New()
	supports, fused := dev.Supports, strings.Contains(plan.OpName(op), "+")
	if fused {
		supports = func(n graph.Node, t []graph.Tensor) bool { return !dev.Supports(n, t) }
	}
	m, err := plan.Compile(g, supports)
	if err != nil {
		t.Fatalf("%T of %v was accepted, but: %v", op, inputs, err)
	}
	if err := m.Print(io.Discard); err != nil {
		t.Fatal(err)
	}
	if fused {
		return plan.OpName(op)
	}
	for _, x := range m.Tensors[1:] {
		if x.Type.Float() && x.Type != graph.F32 {
			return ""
		}
		elements += x.Len()
	}
	if elements > 1<<12 {
		return ""
	}
	checkPlaces(t, op, m, in, out)
	p, err := dev.Compile(m)
	if err != nil {
		t.Fatalf("%T of %v was accepted, but: %v", op, inputs, err)
	}
	prog := p.(*ref.Program)
	fill(t, prog, m, op, in, out)
	if err := prog.Run(0, 1); err != nil {
		t.Fatal(err)
	}
	for _, v := range out {
		for i, y := range prog.Float64(v) {
			if math.IsNaN(y) {
				t.Errorf("%T of %v: element %d of %s was not written", op, inputs, i, m.Tensors[v])
				break
			}
		}
	}
	return plan.OpName(op)
}

// cellsOf returns the inputs that op sets.
func cellsOf(op graph.Op, inputs int) (set []int) {
	switch op.(type) {
	case graph.Record:
		set = []int{3}
	case graph.Tick:
		set = []int{1, 2, 3}
	case graph.Track:
		set = []int{1, 2}
	case graph.Average:
		set = []int{1}
	case graph.SGD:
		for i := 2; i+2 < inputs; i += 3 {
			set = append(set, i, i+2)
		}
	case graph.Assign:
		set = []int{1}
	case graph.AdamW:
		for i := 2; i+3 < inputs; i += 4 {
			set = append(set, i, i+2, i+3)
		}
	}
	for _, i := range set {
		if i >= inputs {
			return nil
		}
	}
	return set
}

// fill puts ones in the real inputs and NaN in the real outputs. Whole numbers
// stay 0, a right index for everything but the winners of a padded pool.
func fill(t *testing.T, prog *ref.Program, m *plan.Module, op graph.Op, in, out []graph.Value) {
	for _, v := range in {
		for i := range prog.Float64(v) {
			prog.Float64(v)[i] = 1
		}
	}
	if _, view := op.(graph.View); !view {
		for _, v := range out {
			for i := range prog.Float64(v) {
				prog.Float64(v)[i] = math.NaN()
			}
		}
	}
	if back, ok := op.(graph.MaxPoolBack); ok {
		shape := m.Tensors[in[0]].Shape
		winners := make([]byte, m.Tensors[in[0]].Len())
		for i := range winners {
			q, p := i/shape[3]%shape[2], i/shape[3]/shape[2]%shape[1]
			row, col := max(0, back.Pad-p*back.Stride), max(0, back.Pad-q*back.Stride)
			winners[i] = byte(row*back.Kernel + col)
		}
		if err := prog.Write(in[0], winners); err != nil {
			t.Fatal(err)
		}
	}
	if norm, ok := op.(graph.Normalize); ok {
		for i := range norm.Std {
			norm.Std[i] = 1
		}
	}
}

// checkPlaces counts the places of a sliding window one by one.
func checkPlaces(t *testing.T, op graph.Op, m *plan.Module, in, out []graph.Value) {
	shape := func(v graph.Value) []int { return m.Tensors[v].Shape }
	count := func(extent, size, stride, pad int) (places int) {
		stride = min(stride, extent+2*pad+1) // beyond the image, as adding more could overflow
		for first := -pad; first+size <= extent+pad; first += stride {
			places++
		}
		return places
	}
	check := func(x, y []int, r, s, stride, pad int) {
		if p, q := count(x[1], r, stride, pad), count(x[2], s, stride, pad); p != y[1] || q != y[2] {
			t.Errorf("%T%+v of %v has %d×%d places, Infer says %v", op, op, x, p, q, y)
		}
	}
	switch op := op.(type) {
	case graph.Conv:
		w := shape(in[1])
		check(shape(in[0]), shape(out[0]), w[1], w[2], op.Stride, op.Pad)
	case graph.ConvBackData:
		w := shape(in[0])
		check(shape(out[0]), shape(in[1]), w[1], w[2], op.Stride, op.Pad)
	case graph.ConvBackFilter:
		check(shape(in[0]), shape(in[1]), op.R, op.S, op.Stride, op.Pad)
	case graph.MaxPool:
		check(shape(in[0]), shape(out[0]), op.Kernel, op.Kernel, op.Stride, op.Pad)
	case graph.AvgPool:
		check(shape(in[0]), shape(out[0]), op.R, op.S, op.Stride, op.Pad)
	case graph.AvgPoolBack:
		check(shape(out[0]), shape(in[0]), op.R, op.S, op.Stride, op.Pad)
	case graph.MaxPoolBack:
		check(shape(out[0]), shape(in[1]), op.Kernel, op.Kernel, op.Stride, op.Pad)
	}
}
