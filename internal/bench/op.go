package bench

import (
	"math"
	"time"

	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
	"imgcls/internal/rng"
)

// The operations that stand alone, by the names of package graph.
const (
	MatMul         = "MatMul"
	Conv           = "Conv"
	ConvBackData   = "ConvBackData"
	ConvBackFilter = "ConvBackFilter"
)

// Flops returns the floating-point operations of one run of a single operation,
// a multiplication and its addition being two, and 0 for a model.
func (w Work) Flops() int {
	if w.Op == MatMul {
		return 2 * w.M * w.N * w.K
	}
	if w.Op == "" {
		return 0
	}
	p := w.outSize()
	return 2 * w.Batch * p * p * w.Out * w.Kernel * w.Kernel * (w.In / max(1, w.Groups))
}

func (w Work) outSize() int { return (w.Size+2*w.Pad-w.Kernel)/w.Stride + 1 }

// graph returns a graph whose one entry is the one operation.
func (w Work) graph() (*graph.Graph, error) {
	g := graph.New()
	g.Begin(w.Op)
	conv := graph.Conv{Stride: w.Stride, Pad: w.Pad, Groups: w.Groups}
	input := func(name string, shape ...int) graph.Value { return g.Input(name, graph.F32, shape...) }
	x := func() graph.Value { return input("x", w.Batch, w.Size, w.Size, w.In) }
	filter := func() graph.Value { return input("w", w.Out, w.Kernel, w.Kernel, w.In/max(1, w.Groups)) }
	dy := func() graph.Value { return input("dy", w.Batch, w.outSize(), w.outSize(), w.Out) }
	for _, extent := range []int{w.Batch, w.Size, w.In, w.Out, w.Kernel, w.Stride} {
		if w.Op != MatMul && extent < 1 {
			return nil, w.refuse("%s: an extent or a stride is missing", fault.Quote(w.Op))
		}
	}
	var out []graph.Value
	switch w.Op {
	case MatMul:
		out = g.Add(w.Op, graph.MatMul{}, input("a", w.M, w.K), input("b", w.K, w.N))
	case Conv:
		out = g.Add(w.Op, conv, x(), filter())
	case ConvBackData:
		out = g.Add(w.Op, graph.ConvBackData{Conv: conv, H: w.Size, W: w.Size}, filter(), dy())
	case ConvBackFilter:
		out = g.Add(w.Op, graph.ConvBackFilter{Conv: conv, R: w.Kernel, S: w.Kernel}, x(), dy())
	default:
		return nil, w.refuse("there is no operation %s", fault.Quote(w.Op))
	}
	g.Return(out[0])
	if err := g.Err(); err != nil {
		return nil, w.refuse("%w", err)
	}
	return g, nil
}

// An operation is a program of one node, on inputs that stay where they are. Only
// the filters of a convolution are written before each run, as they change with
// each step of training: a device that brings them into an order of its own has
// to do so every time.
type operation struct {
	prog    device.Program
	batch   int
	atOnce  int // runs between two looks at the clock
	filters graph.Value
	weights []byte
}

func newOperation(dev device.Device, w Work) (load, error) {
	g, err := w.graph()
	if err != nil {
		return nil, err
	}
	module, err := plan.Compile(g, dev.Supports)
	if err != nil {
		return nil, err
	}
	prog, err := dev.Compile(module)
	if err != nil {
		return nil, err
	}
	o := &operation{prog: prog, batch: w.Batch, atOnce: 1}
	for v, t := range g.Tensors {
		if v == 0 || t.Role != graph.Input {
			continue
		}
		values := make([]float32, t.Len())
		stream := rng.Stream(t.Name)
		for i := range values {
			values[i] = 2*rng.Uniform(seed, stream, uint64(i)) - 1
		}
		if err := prog.Write(graph.Value(v), device.Bytes(values)); err != nil {
			prog.Close()
			return nil, err
		}
		if t.Name == "w" {
			o.filters, o.weights = graph.Value(v), device.Bytes(values)
		}
	}
	return o, nil
}

// look is how often the clock is looked at, in seconds.
const look = 0.01

func (o *operation) run(seconds float64) (Sample, error) {
	steps, elapsed := 0, 0.0
	for start := time.Now(); elapsed < seconds; {
		for range o.atOnce {
			if err := o.step(); err != nil {
				return Sample{}, err
			}
		}
		steps += o.atOnce
		elapsed = time.Since(start).Seconds()
		o.atOnce = max(1, int(math.Min(look, seconds-elapsed)*float64(steps)/elapsed))
	}
	if err := o.prog.Sync(); err != nil {
		return Sample{}, err
	}
	return Sample{Steps: steps, Seconds: elapsed, Images: steps * o.batch}, nil
}

func (o *operation) step() error {
	if o.filters != 0 {
		if err := o.prog.Write(o.filters, o.weights); err != nil {
			return err
		}
	}
	return o.prog.Run(0, 1)
}

func (o *operation) close() error { return o.prog.Close() }
