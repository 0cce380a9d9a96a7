package bench

import (
	"io"
	"math"
	"time"

	"imgcls/internal/device"
	"imgcls/internal/fsys"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// Flops returns the floating-point operations of one run of a product or convolution,
// a multiplication and its addition being two, and 0 for every other work.
func (w Work) Flops() int {
	switch w.Op {
	case MatMul:
		return 2 * w.M * w.N * w.K
	case Conv, ConvBackData, ConvBackFilter:
		p := w.outSize()
		return 2 * w.Batch * p * p * w.Out * w.Kernel * w.Kernel * w.In / max(1, w.Groups)
	}
	return 0
}

func (w Work) outSize() int { return (w.Size+2*w.Pad-w.Kernel)/w.Stride + 1 }

// An operation is a program of one node, on inputs that stay where they are. Only
// the filters of a convolution are written before each run, as they change with
// each step of training: a device that brings them into an order of its own has
// to do so every time. With Resident they too stay.
type operation struct {
	prog    device.Program
	module  *plan.Module
	draws   map[graph.Value]drawing
	gives   []graph.Value // results, and cells that are set
	batch   int
	atOnce  int // runs between two looks at the clock
	filters graph.Value
	weights []byte
}

func newOperation(dev device.Device, w Work) (load, error) {
	typ, err := w.precision(dev)
	if err != nil {
		return nil, err
	}
	b, gives, err := w.build(typ)
	if err != nil {
		return nil, err
	}
	module, err := plan.Compile(b.g, dev.Supports)
	if err != nil {
		return nil, err
	}
	prog, err := dev.Compile(module)
	if err != nil {
		return nil, err
	}
	o := &operation{prog: prog, module: module, draws: b.draws, gives: gives, batch: w.Batch, atOnce: 1}
	if err := o.reset(false); err != nil {
		prog.Close()
		return nil, err
	}
	if w.Op == Conv || w.Op == ConvBackData {
		if v := b.g.Named("w"); !w.Resident {
			o.filters, o.weights = v, b.draws[v].draw(module.Tensors[v])
		}
	}
	return o, nil
}

// reset writes every cell as it is drawn, and every input but when only the cells can
// have changed.
func (o *operation) reset(cells bool) error {
	for v, d := range o.draws {
		if cells && !o.module.Tensors[v].Role.Cell() {
			continue
		}
		if err := o.prog.Write(v, d.draw(o.module.Tensors[v])); err != nil {
			return err
		}
	}
	return nil
}

// dump runs once from what is drawn, and writes to a file what that gives, one tensor
// after another in its own type, of which it returns the descriptions.
func (o *operation) dump(path string) ([]Output, error) {
	if err := o.reset(true); err != nil {
		return nil, err
	}
	if err := o.step(); err != nil {
		return nil, err
	}
	var outputs []Output
	err := fsys.Write(path, func(to io.Writer) error {
		for _, v := range o.gives {
			t := o.module.Tensors[v]
			bytes := make([]byte, t.Bytes())
			if err := o.prog.Read(v, bytes); err != nil {
				return err
			}
			if _, err := to.Write(bytes); err != nil {
				return err
			}
			outputs = append(outputs, Output{Type: t.Type.String(), Shape: t.Shape})
		}
		return nil
	})
	return outputs, err
}

// look is how often the clock is looked at, in seconds.
const look = 0.01

// run counts only what is done: a device that works on its own is waited for at each
// look at the clock.
func (o *operation) run(seconds float64) (Sample, error) {
	steps, elapsed := 0, 0.0
	for start := time.Now(); elapsed < seconds; {
		if err := o.several(); err != nil {
			return Sample{}, err
		}
		steps += o.atOnce
		elapsed = time.Since(start).Seconds()
		o.atOnce = max(1, int(math.Min(look, seconds-elapsed)*float64(steps)/elapsed))
	}
	return Sample{Steps: steps, Seconds: elapsed, Images: steps * o.batch}, nil
}

// several runs atOnce times, to the end.
func (o *operation) several() error {
	if o.filters == 0 {
		if err := o.prog.Run(0, o.atOnce); err != nil {
			return err
		}
		return o.prog.Sync()
	}
	for range o.atOnce {
		if err := o.step(); err != nil {
			return err
		}
	}
	return o.prog.Sync()
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
