//go:build cuda && linux && cgo

package cuda

import (
	"unsafe"

	"gorgonia.org/cu"

	"imgcls/internal/device/cuda/driver"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// newProgram lays out the entries and rings of a module, without a driver call.
func newProgram(g *gpu, m *plan.Module) *program {
	p := &program{gpu: g, module: m, memory: memory{arena: m.Arena, apart: g.apart}, entries: make([]entry, len(m.Entries))}
	at := 0
	for v, t := range m.Tensors {
		if t.Slots < 2 {
			continue
		}
		r := ring{at: at, slots: t.Slots, stride: plan.Stride(t), bytes: t.Bytes(), readBy: make([]uint64, t.Slots)}
		r.v = m.Root[v]
		at += r.slots * r.stride
		p.rings = append(p.rings, r)
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		p.entries[i] = entry{name: e.Name, plan: e, slots: make([]slot, e.Slots)}
		for number, r := range p.rings {
			if reads(m, e, r) {
				p.entries[i].rings = append(p.entries[i].rings, number)
			}
		}
	}
	return p
}

// reads reports whether a node of e reads the ring.
func reads(m *plan.Module, e *plan.Entry, r ring) bool {
	for _, n := range e.Nodes {
		for _, v := range n.In {
			if m.Root[v] == r.v {
				return true
			}
		}
	}
	return false
}

// compile makes everything that a step needs. What it has made so far when it
// fails it gives back.
func (p *program) compile() (err error) {
	defer func() {
		if err != nil && !sticky(err) {
			err = both(err, p.release())
		}
	}()
	if err := p.build(); err != nil {
		return err
	}
	p.memory.measured()
	if err := p.memory.allocate(); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return err
	}
	if err := p.memory.clear(p.stream); err != nil {
		return err
	}
	if err := p.build(); err != nil {
		return err
	}
	if err := p.memory.writeTables(p); err != nil {
		return err
	}
	for i := range p.entries {
		for at := range p.entries[i].slots {
			if err := p.ready(&p.entries[i], at); err != nil {
				return err
			}
		}
	}
	return p.settle()
}

// build finds the launches of every slot of every entry.
func (p *program) build() error {
	for i := range p.entries {
		e := &p.entries[i]
		for at := range e.slots {
			b := builder{module: p.module, memory: &p.memory, slot: at}
			if err := b.build(e.plan); err != nil {
				return err
			}
			e.slots[at].launches = b.launches
		}
	}
	return nil
}

// prepare makes the stream, the events and the pinned memory.
func (p *program) prepare() (err error) {
	if p.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return failed("compile", driver.Wrap("cuStreamCreate", err))
	}
	for i := range p.ended {
		if p.ended[i], err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return failed("compile", driver.Wrap("cuEventCreate", err))
		}
	}
	if p.staging, err = driver.AllocHost(stagingBytes); err != nil {
		return failed("compile", err)
	}
	if last := len(p.rings) - 1; last >= 0 {
		r := p.rings[last]
		if p.slots, err = driver.AllocHost(r.at + r.slots*r.stride); err != nil {
			return failed("compile", err)
		}
	}
	return nil
}

// ready looks the kernels of a slot up, and captures its work unless kernels are to
// be started one by one.
func (p *program) ready(e *entry, at int) error {
	s := &e.slots[at]
	for _, l := range s.launches {
		if _, known := p.gpu.functions[l.Kernel]; known {
			continue
		}
		f, err := p.gpu.kernels.Function(l.Kernel)
		if err != nil {
			return failed(where(p.module, e.name, l), driver.Wrap("cuModuleGetFunction", err))
		}
		p.gpu.functions[l.Kernel] = f
	}
	if p.gpu.options.Sync {
		return nil
	}
	if err := driver.BeginCapture(p.stream); err != nil {
		return failed("capture "+e.name, err)
	}
	putErr := p.put(e, at)
	if sticky(putErr) {
		return putErr
	}
	what := "capture " + e.name
	g, err := driver.EndCapture(p.stream)
	if putErr != nil && err != nil && !sticky(err) {
		return putErr // which spoils the capture
	}
	if err != nil {
		return both(putErr, failed(what, err))
	}
	if err = putErr; err == nil {
		s.exec, err = g.Instantiate()
		s.captured = err == nil
		err = failed(what, err)
	}
	if sticky(err) {
		return err
	}
	return both(err, failed(what, g.Destroy()))
}

// put puts the work of a slot on the stream.
func (p *program) put(e *entry, at int) error {
	if err := p.putSlots(e, at); err != nil {
		return err
	}
	for _, l := range e.slots[at].launches {
		if err := p.putLaunch(e, l); err != nil {
			return err
		}
	}
	return nil
}

// putSlots copies the slots that a step reads from pinned memory to the arena.
func (p *program) putSlots(e *entry, at int) error {
	for _, number := range e.rings {
		r := &p.rings[number]
		to := p.memory.base + kernel.Addr(slotAt(p.module, r.v, at))
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), pointer(p.slots[r.at+at*r.stride:]), int64(r.bytes), p.stream); err != nil {
			return failed(e.name+": "+p.module.Tensors[r.v].Name, driver.Wrap("cuMemcpyHtoDAsync_v2", err))
		}
	}
	return nil
}

func (p *program) putLaunch(e *entry, l launch) error {
	args := make([]unsafe.Pointer, len(l.Args))
	for i := range l.Args {
		args[i] = unsafe.Pointer(&l.Args[i])
	}
	err := p.gpu.functions[l.Kernel].Launch(l.Grid[0], l.Grid[1], l.Grid[2], l.Block, 1, 1, 0, p.stream, args)
	if err != nil {
		return failed(where(p.module, e.name, l), driver.Wrap("cuLaunchKernel", err))
	}
	return nil
}

// oneByOne runs a step's kernels and waits for each, so that an error is that of
// the kernel which it names.
func (p *program) oneByOne(e *entry, at int) error {
	if err := p.putSlots(e, at); err != nil {
		return err
	}
	for _, l := range e.slots[at].launches {
		if err := p.putLaunch(e, l); err != nil {
			return err
		}
		here := where(p.module, e.name, l)
		if err := p.synchronize(&entry{name: here}, p.started+1); err != nil {
			return failed(here, err)
		}
	}
	return nil
}

// Close frees everything of the program. With a lost context nothing is left to
// free.
func (p *program) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	if !p.gpu.owner.alive() {
		return nil
	}
	return p.gpu.owner.ask(request{do: func(request) error {
		unended := p.settle()
		if sticky(unended) {
			return unended
		}
		return both(unended, p.release())
	}})
}

// release frees what compile made, as far as it came, graphs before the stream
// and the memory that they work on.
func (p *program) release() error {
	var r giving
	for i := range p.entries {
		for at := range p.entries[i].slots {
			if s := &p.entries[i].slots[at]; s.captured {
				s.captured = false
				r.free("cuGraphExecDestroy", s.exec.Destroy)
			}
		}
	}
	for i := range p.ended {
		if p.ended[i] != (cu.Event{}) {
			r.free("cuEventDestroy_v2", func() error { return cu.DestroyEvent(&p.ended[i]) })
		}
	}
	for _, pinned := range []*[]byte{&p.staging, &p.slots} {
		if *pinned != nil {
			r.free("cuMemFreeHost", func() error { return driver.FreeHost(*pinned) })
			*pinned = nil
		}
	}
	r.free("cuMemFree_v2", p.memory.free)
	if p.stream != cu.NoStream {
		r.free("cuStreamDestroy_v2", p.stream.Destroy)
	}
	return failed("close", r.first)
}

// A giving gives things back one after another, whatever becomes of one; but with
// the context lost nothing is left to give, and no call is made.
type giving struct{ first error }

func (r *giving) free(call string, do func() error) {
	if sticky(r.first) {
		return
	}
	if err := driver.Wrap(call, do()); err != nil && (r.first == nil || sticky(err)) {
		r.first = err
	}
}
