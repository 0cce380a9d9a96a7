package bench

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
)

// The operations that stand alone, by the names of package graph.
const (
	MatMul         = "MatMul"
	Conv           = "Conv"
	ConvBackData   = "ConvBackData"
	ConvBackFilter = "ConvBackFilter"
)

// operations holds how each operation is put into a graph. What a Work's fields mean to
// it, and the names of its inputs, are there to be read.
var operations = map[string]func(b *builder) []graph.Value{
	MatMul:         (*builder).matMul,
	Conv:           (*builder).conv,
	ConvBackData:   (*builder).convBackData,
	ConvBackFilter: (*builder).convBackFilter,
	"MaxPool":      func(b *builder) []graph.Value { return b.add(b.maxPool(), b.x()) },
	"MaxPoolBack":  (*builder).maxPoolBack,
	"AvgPool":      func(b *builder) []graph.Value { return b.add(b.avgPool(), b.x()) },
	"AvgPoolBack": func(b *builder) []graph.Value {
		return b.add(graph.AvgPoolBack{AvgPool: b.avgPool(), H: b.w.Size, W: b.w.Size}, b.windows("dy", b.typ, signed))
	},
	"SoftmaxXent": (*builder).softmaxXent,
	"BatchNorm": func(b *builder) []graph.Value {
		return b.add(norm, b.x(), b.channels("weight", positive), b.channels("bias", signed))
	},
	"BatchNormBack": (*builder).batchNormBack,
	"Act":           func(b *builder) []graph.Value { return b.add(graph.Act{Kind: b.kind()}, b.x()) },
	"ActBack": func(b *builder) []graph.Value {
		return b.add(graph.ActBack{Act: graph.Act{Kind: b.kind()}}, b.x(), b.dy())
	},
	"Add":        func(b *builder) []graph.Value { return b.add(graph.Add{}, b.x(), b.dy()) },
	"ChannelSum": func(b *builder) []graph.Value { return b.add(graph.ChannelSum{}, b.dy()) },
	"SGD":        (*builder).sgd,
	"AdamW":      (*builder).adamW,
	"Gather":     (*builder).gather,
}

// norm is a batch norm as PyTorch has it.
var norm = graph.BatchNorm{Eps: 1e-5}

// A builder puts one operation into a graph.
type builder struct {
	g     *graph.Graph
	w     Work
	typ   graph.DType // of what may be of 16 bits
	draws map[graph.Value]drawing
	cells []graph.Value // that the operation sets
	err   error
}

// build returns a graph whose one entry is the operation, how its inputs are drawn, and
// what a run of it gives: the results and the cells.
func (w Work) build(typ graph.DType) (*builder, []graph.Value, error) {
	make := operations[w.Op]
	if make == nil {
		return nil, nil, w.refuse("there is no operation %s; there are %s", fault.Quote(w.Op), strings.Join(slices.Sorted(maps.Keys(operations)), ", "))
	}
	b := &builder{g: graph.New(), w: w, typ: typ, draws: map[graph.Value]drawing{}}
	if err := b.extents(); err != nil {
		return nil, nil, err
	}
	b.g.Begin(w.Op)
	out := make(b)
	if b.err != nil {
		return nil, nil, b.err
	}
	if err := b.g.Err(); err != nil {
		return nil, nil, w.refuse("%w", err)
	}
	b.g.Return(out...)
	return b, append(out, b.cells...), nil
}

// mostExtent bounds every number of a work, so that products of a few do not overflow.
const mostExtent = 1 << 28

// extents refuses a work that lacks a number which every operation of its kind has.
func (b *builder) extents() error {
	w := b.w
	needed := map[string][]int{
		MatMul: {w.M, w.N, w.K}, "SoftmaxXent": {w.Batch, w.Out}, "SGD": w.Lengths, "AdamW": w.Lengths, "Gather": {w.Samples, w.Batch, w.Size, w.In},
		"MaxPool": {w.Batch, w.Size, w.In, w.Kernel, w.Stride}, "MaxPoolBack": {w.Batch, w.Size, w.In, w.Kernel, w.Stride},
		"AvgPool": {w.Batch, w.Size, w.In, w.Kernel, w.Stride}, "AvgPoolBack": {w.Batch, w.Size, w.In, w.Kernel, w.Stride},
		Conv: {w.Batch, w.Size, w.In, w.Out, w.Kernel, w.Stride}, ConvBackData: {w.Batch, w.Size, w.In, w.Out, w.Kernel, w.Stride},
		ConvBackFilter: {w.Batch, w.Size, w.In, w.Out, w.Kernel, w.Stride},
	}[w.Op]
	if needed == nil {
		needed = []int{w.Batch, w.Size, w.In}
	}
	for _, extent := range needed {
		if extent < 1 || extent > mostExtent {
			return w.refuse("%s: an extent or a stride is missing, or too large", fault.Quote(w.Op))
		}
	}
	if w.Pad < 0 || w.Pad > mostExtent {
		return w.refuse("%s: padding of %d makes no sense", fault.Quote(w.Op), w.Pad)
	}
	return nil
}

func (b *builder) add(op graph.Op, in ...graph.Value) []graph.Value {
	return b.g.Add(b.w.Op, op, in...)
}

func (b *builder) input(name string, t graph.DType, d drawing, shape ...int) graph.Value {
	v := b.g.Input(name, t, shape...)
	b.draws[v] = d
	return v
}

func (b *builder) cell(name string, d drawing, length int) graph.Value {
	v := b.g.State(name, graph.F32, length)
	b.draws[v] = d
	b.cells = append(b.cells, v)
	return v
}

// x and dy are images [Batch,Size,Size,In], of the one that is read and of its gradient.
func (b *builder) x() graph.Value {
	return b.input("x", b.typ, signed, b.w.Batch, b.w.Size, b.w.Size, b.w.In)
}
func (b *builder) dy() graph.Value {
	return b.input("dy", b.typ, signed, b.w.Batch, b.w.Size, b.w.Size, b.w.In)
}

// channels is a number for each channel.
func (b *builder) channels(name string, d drawing) graph.Value {
	return b.input(name, graph.F32, d, b.w.In)
}

// windows is one number for each window of each channel.
func (b *builder) windows(name string, t graph.DType, d drawing) graph.Value {
	return b.input(name, t, d, b.w.Batch, b.w.outSize(), b.w.outSize(), b.w.In)
}

func (b *builder) geometry() graph.Conv {
	return graph.Conv{Stride: b.w.Stride, Pad: b.w.Pad, Groups: b.w.Groups}
}

func (b *builder) filter() graph.Value {
	return b.input("w", b.typ, signed, b.w.Out, b.w.Kernel, b.w.Kernel, b.w.In/max(1, b.w.Groups))
}

// sums is the gradient of what a convolution gives.
func (b *builder) sums() graph.Value {
	return b.input("dy", b.typ, signed, b.w.Batch, b.w.outSize(), b.w.outSize(), b.w.Out)
}

func (b *builder) conv() []graph.Value { return b.add(b.geometry(), b.x(), b.filter()) }

func (b *builder) convBackData() []graph.Value {
	return b.add(graph.ConvBackData{Conv: b.geometry(), H: b.w.Size, W: b.w.Size}, b.filter(), b.sums())
}

func (b *builder) convBackFilter() []graph.Value {
	return b.add(graph.ConvBackFilter{Conv: b.geometry(), R: b.w.Kernel, S: b.w.Kernel}, b.x(), b.sums())
}

// matMul is of a [M,K] by b [K,N]; with TransA a lies as [K,M], with TransB b as [N,K].
func (b *builder) matMul() []graph.Value {
	factor := func(name string, rows, columns int, turned bool) graph.Value {
		if turned {
			rows, columns = columns, rows
		}
		return b.input(name, b.typ, signed, rows, columns)
	}
	op := graph.MatMul{TransA: b.w.TransA, TransB: b.w.TransB, Out: b.typ}
	return b.add(op, factor("a", b.w.M, b.w.K, op.TransA), factor("b", b.w.K, b.w.N, op.TransB))
}

func (b *builder) maxPool() graph.MaxPool {
	return graph.MaxPool{Kernel: b.w.Kernel, Stride: b.w.Stride, Pad: b.w.Pad}
}

// maxPoolBack is of windows without padding: there each place of each may have won.
func (b *builder) maxPoolBack() []graph.Value {
	if b.w.Pad > 0 {
		b.err = b.w.refuse("the winners of windows with padding of %d cannot be drawn", b.w.Pad)
		return nil
	}
	arg := b.windows("arg", graph.U8, below(b.w.Kernel*b.w.Kernel))
	return b.add(graph.MaxPoolBack{MaxPool: b.maxPool(), H: b.w.Size, W: b.w.Size}, arg, b.windows("dy", b.typ, signed))
}

func (b *builder) avgPool() graph.AvgPool {
	return graph.AvgPool{R: b.w.Kernel, S: b.w.Kernel, Stride: b.w.Stride, Pad: b.w.Pad}
}

// softmaxXent is of scores [Batch,Out].
func (b *builder) softmaxXent() []graph.Value {
	return b.add(graph.SoftmaxXent{}, b.input("x", graph.F32, signed, b.w.Batch, b.w.Out), b.input("t", graph.I32, below(b.w.Out), b.w.Batch))
}

func (b *builder) batchNormBack() []graph.Value {
	return b.add(graph.BatchNormBack{BatchNorm: norm}, b.x(), b.channels("weight", positive), b.channels("mean", signed), b.channels("var", positive), b.dy())
}

// kind is the activation of that name.
func (b *builder) kind() graph.ActKind {
	var names []string
	for k := graph.ReLU; k <= graph.SiLU; k++ {
		if k.String() == b.w.Kind {
			return k
		}
		names = append(names, k.String())
	}
	b.err = b.w.refuse("there is no activation %s; there are %s", fault.Quote(b.w.Kind), strings.Join(names, ", "))
	return 0
}

// Lengths of parameters, and their names: "p0", "g0" its gradient, "m0" and "v0" what
// is kept of it.
func (b *builder) parameters(kept map[string]drawing, names ...string) (in []graph.Value) {
	for i, n := range b.w.Lengths {
		in = append(in, b.cell(numbered("p", i), signed, n), b.input(numbered("g", i), graph.F32, signed, n))
		for _, name := range names {
			in = append(in, b.cell(numbered(name, i), kept[name], n))
		}
	}
	return in
}

// sgd is one step at rate 0.01 with momentum 0.9 and decay 0.0005.
func (b *builder) sgd() []graph.Value {
	in := []graph.Value{b.open(), b.input("scalars", graph.F32, given(0.01, 0.9, 5e-4), 3)}
	in = append(in, b.parameters(map[string]drawing{"m": signed}, "m")...)
	return b.g.AddSet(b.w.Op, graph.SGD{LR: 0, Momentum: 1, Decay: 2}, b.cells, in...)
}

// adamW is the first step at rate 0.001 with decay 0.01 and PyTorch's other settings.
func (b *builder) adamW() []graph.Value {
	const rate, decay, beta1, beta2 = 0.001, 0.01, 0.9, 0.999
	in := []graph.Value{b.open(), b.input("scalars", graph.F32, given(1-rate*decay, rate/(1-beta1), rootOf(beta2)), 3)}
	in = append(in, b.parameters(map[string]drawing{"m": signed, "v": positive}, "m", "v")...)
	return b.g.AddSet(b.w.Op, graph.AdamW{Beta1: beta1, Beta2: beta2, Eps: 1e-8, Keep: 0, Rate: 1, Root: 2}, b.cells, in...)
}

func (b *builder) open() graph.Value { return b.input("gate", graph.I32, given(1), 1) }

// gather makes a batch of Samples pictures, and numbers of it as CIFAR-10's recipes do.
func (b *builder) gather() []graph.Value {
	w := b.w
	order := b.input("order", graph.I32, below(w.Samples), max(w.Samples, w.Batch))
	pictures := b.input("pictures", graph.U8, below(256), w.Samples, w.Size, w.Size, w.In)
	batch := b.add(graph.Gather{Batch: w.Batch}, order, b.input("cursor", graph.I64, given(0), 1), pictures)
	half := slices.Repeat([]float64{0.5}, w.In)
	return b.add(graph.Normalize{Mean: half, Std: half, Out: b.typ}, batch[0])
}

func numbered(name string, i int) string { return name + strconv.Itoa(i) }

// rootOf is AdamW's 1/√(1−Beta2) of the first step.
func rootOf(beta2 float64) float64 { return 1 / math.Sqrt(1-beta2) }
