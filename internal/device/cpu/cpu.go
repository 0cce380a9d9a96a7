// Package cpu is the host's processor as a device: float32 arithmetic of
// package kernels/cpu on a fixed crew of goroutines.
//
// Compile turns each entry into a list of phases, closures over slices of the
// arena, one list for each slot where the entry reads rings. Run executes the
// list and allocates nothing. A phase is cut in chunks by the shapes alone, and
// partial sums are added in the order of the chunks, so results are the same
// bits for any number of threads.
//
//	cpu.go      the device
//	ops.go      operations to phases: the table of contents, then one each
//	conv.go     convolutions, and what is fused with them
//	builder.go  what those are made with: slices, chunks, scratch
//	crew.go     goroutines that share the chunks of a phase
//	pace.go     how many of them are best
//	program.go  run, write, feed, read
//	packed.go   weights in the order of the kernels, kept while they do not change
//	memory.go   the arena
package cpu

import (
	"fmt"
	"runtime"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/plan"
)

// Kind returns the kind "cpu", for device.Open, of that many threads.
func Kind(threads int) device.Kind {
	return device.Kind{Name: "cpu", Open: func(int) (device.Device, error) { return New(threads), nil }}
}

// New returns the processor as a device of that many threads, the caller's
// included; 0 or less means as many as Go uses. Programs of one device may run
// from different goroutines; they take turns.
func New(threads int) device.Device {
	return With(threads, tile.Best())
}

// With is New with the matrix products of that set.
func With(threads int, set *tile.Set) device.Device {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &processor{threads: threads, set: set, crew: newCrew(threads)}
}

type processor struct {
	threads int
	set     *tile.Set
	crew    *crew
}

func (p *processor) String() string {
	threads := "1 thread"
	if p.threads > 1 {
		threads = fmt.Sprintf("%d threads", p.threads)
	}
	return fmt.Sprintf("cpu: %s, %s", threads, p.set.Name)
}

// Supports says yes to every operation on float32, but for what half precision
// needs, Cast and the scale of a loss, and for convolutions that pool or unpool in a
// form that has none of it.
func (p *processor) Supports(n graph.Node, t []graph.Tensor) bool {
	for _, values := range [][]graph.Value{n.In, n.Out} {
		for _, v := range values {
			if t[v].Type.Float() && t[v].Type != graph.F32 {
				return false
			}
		}
	}
	switch op := n.Op.(type) {
	case graph.SoftmaxXent:
		return len(n.In) == op.Inputs()
	case graph.Conv:
		return op.Post.Pool == nil || pools(extents(op, t[n.In[0]].Shape, t[n.In[1]].Shape), *op.Post.Pool)
	case graph.ConvBackData:
		return op.Unpool == nil || !depthwise(op.Conv, t[n.In[2]], op.Groups*t[n.In[0]].Shape[3])
	case graph.ConvBackFilter:
		return op.Unpool == nil || !depthwise(op.Conv, t[n.In[0]], t[n.In[2]].Shape[3])
	case graph.MatMul:
		return op.Post.Norm == nil && !op.Post.Moments
	case graph.Clip:
		return !op.Scaled
	case graph.SGD:
		return !op.Scaled
	case graph.AdamW:
		return !op.Scaled
	case graph.Direction:
		return !op.Scaled
	}
	return kernelFor(n.Op) != nil
}

// depthwise reports whether each channel of x has one filter of its own, where that
// many come out; see kernel.Conv.
func depthwise(op graph.Conv, x graph.Tensor, out int) bool {
	return kernel.Conv{Groups: op.Groups, I: x.Shape[3], O: out}.Depthwise()
}

func (p *processor) Compile(m *plan.Module) (device.Program, error) {
	arena, err := allocate(m.Arena, 0)
	if err != nil {
		return nil, err
	}
	prog := &program{crew: p.crew, module: m, arena: arena, rings: rings(m), packs: newPacks(m)}
	s := &scratch{members: make([][]float32, p.threads)}
	for _, e := range m.Entries {
		one := entry{slots: make([][]phase, e.Slots)}
		for slot := range one.slots {
			b := &builder{module: m, arena: arena, scratch: s, set: p.set, threads: p.threads, packs: prog.packs, slot: slot}
			if err := b.build(e); err != nil {
				return nil, err
			}
			one.slots[slot], one.packed = b.phases, b.packed
		}
		one.pace = newPace(one.slots[0], p.threads)
		for _, n := range e.Nodes {
			for _, v := range n.Set {
				one.sets = append(one.sets, m.Root[v])
			}
		}
		prog.entries = append(prog.entries, one)
	}
	taken, err := prog.packs.allocate(m.Arena)
	if err != nil {
		return nil, err
	}
	if err := s.allocate(m.Arena + taken); err != nil {
		return nil, err
	}
	prog.scratch = s.members
	return prog, nil
}

func (p *processor) Close() error {
	p.crew.end()
	return nil
}
