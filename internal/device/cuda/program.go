//go:build cuda && linux && cgo

package cuda

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"

	"imgcls/internal/device/cuda/driver"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// inFlight is how many steps may be started and not known to have ended: enough
// that the GPU never waits for the host, and few enough that a hang shows.
const inFlight = 16

// stagingBytes is the pinned memory that Write and Read go through.
const stagingBytes = 4 << 20

// A program is a module in the memory of a GPU. What its methods do there they ask
// of the owner; the functions that the owner runs have the driver calls.
type program struct {
	gpu     *gpu
	module  *plan.Module
	memory  memory
	stream  cu.Stream
	ended   [inFlight]cu.Event // of step s at s mod inFlight
	staging []byte             // pinned
	slots   []byte             // pinned: the slots of all rings
	entries []entry
	rings   []ring

	started uint64        // steps
	known   atomic.Uint64 // of these, the ones known to have ended
	last    *entry        // of the step started last
	closed  bool
}

// An entry is what one runs, for each slot of the rings that it reads.
type entry struct {
	name  string
	plan  *plan.Entry
	slots []slot
	rings []int // that it reads
}

// A slot is the work of an entry for one slot of its rings: launches, and the
// graph that they were captured in.
type slot struct {
	launches []launch
	exec     driver.Exec
	captured bool
}

// A ring is an input of several slots. The host fills them in pinned memory, and
// a step begins with copying the one that it reads.
type ring struct {
	v         graph.Value
	slots     int
	at        int      // of its first slot in the program's pinned memory
	stride    int      // bytes from slot to slot
	bytes     int      // of one
	fed, read int      // slots handed out, and of these read by steps started
	readBy    []uint64 // for each slot: the number of steps started when one that reads it was
}

// Run starts an entry n times.
func (p *program) Run(entry, n int) error {
	if entry < 0 || entry >= len(p.entries) || n < 0 || p.closed {
		return fmt.Errorf("run entry %d, %d times: there are %d entries", entry, n, len(p.entries))
	}
	if _, err := p.slot(entry, n); err != nil {
		return err
	}
	return p.gpu.owner.ask(request{do: runSteps, program: p, entry: entry, n: n})
}

// slot returns the slot that the entry's next step reads. All rings of an entry
// stand at the same one, and have the next n slots filled.
func (p *program) slot(index, n int) (int, error) {
	e := &p.entries[index]
	at := 0
	for i, number := range e.rings {
		r := &p.rings[number]
		name := p.module.Tensors[r.v].Name
		if r.fed-r.read < n {
			return 0, fmt.Errorf("run %s %d times: only %d slots of %s are fed", e.name, n, r.fed-r.read, name)
		}
		if i > 0 && r.read%r.slots != at {
			return 0, fmt.Errorf("run %s: inputs %s and %s stand at different slots",
				e.name, p.module.Tensors[p.rings[e.rings[0]].v].Name, name)
		}
		at = r.read % r.slots
	}
	return at, nil
}

func runSteps(r request) error {
	p, e := r.program, &r.program.entries[r.entry]
	for range r.n {
		at, err := p.slot(r.entry, 1)
		if err != nil {
			return err
		}
		if p.started >= inFlight {
			if err := p.wait(p.started - inFlight + 1); err != nil {
				return err
			}
		}
		if err := p.start(e, at); err != nil {
			return err
		}
		event := p.ended[p.started%inFlight]
		p.started++
		p.last = e
		if err := event.Record(p.stream); err != nil {
			return failed(e.name, driver.Wrap("cuEventRecord", err))
		}
		for _, number := range e.rings {
			ring := &p.rings[number]
			ring.readBy[at] = p.started
			ring.read++
		}
	}
	return nil
}

// start puts one step on the stream.
func (p *program) start(e *entry, at int) error {
	s := &e.slots[at]
	if s.captured {
		err := s.exec.Launch(p.stream)
		if driver.CodeOf(err) == outOfMemory { // once more, with nothing held by steps in flight
			if err := p.settle(); err != nil {
				return err
			}
			err = s.exec.Launch(p.stream)
		}
		return failed(e.name, err)
	}
	return p.oneByOne(e, at)
}

// wait waits until that many of the steps started have ended.
func (p *program) wait(steps uint64) error {
	for known := p.known.Load(); known < steps; known++ {
		p.gpu.owner.begins(p.last, known+1)
		err := p.ended[known%inFlight].Synchronize()
		p.gpu.owner.ended()
		if err != nil {
			return failed(fmt.Sprintf("step %d of this process, %s or before it", known+1, p.last.name), driver.Wrap("cuEventSynchronize", err))
		}
		p.known.Store(known + 1)
	}
	return nil
}

// settle waits for everything on the stream.
func (p *program) settle() error {
	if err := p.wait(p.started); err != nil {
		return err
	}
	return failed("synchronise", p.synchronize(p.last, p.started))
}

// synchronize waits for the stream, where that step is the last; owner.begins has
// the parameters.
func (p *program) synchronize(e *entry, step uint64) error {
	p.gpu.owner.begins(e, step)
	defer p.gpu.owner.ended()
	return driver.Wrap("cuStreamSynchronize", p.stream.Synchronize())
}

// Write copies src to v, behind all that was started.
func (p *program) Write(v graph.Value, src []byte) error {
	at, err := p.place("write", v, len(src))
	if err != nil {
		return err
	}
	return p.gpu.owner.ask(request{do: writeBytes, program: p, at: uint64(at), bytes: src})
}

func writeBytes(r request) error { return r.program.upload(kernel.Addr(r.at), r.bytes) }

// upload copies src to the GPU, a piece of the pinned memory at a time.
func (p *program) upload(to kernel.Addr, src []byte) error {
	// A copy from staging may still be queued if waiting for it failed.
	if err := p.settle(); err != nil {
		return err
	}
	for len(src) > 0 {
		n := copy(p.staging, src)
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), pointer(p.staging), int64(n), p.stream); err != nil {
			return failed("write", driver.Wrap("cuMemcpyHtoDAsync_v2", err))
		}
		if err := p.settle(); err != nil {
			return err
		}
		to, src = to+kernel.Addr(n), src[n:]
	}
	return nil
}

// Read copies v to dst, behind all that was started.
func (p *program) Read(v graph.Value, dst []byte) error {
	at, err := p.place("read", v, len(dst))
	if err != nil {
		return err
	}
	return p.gpu.owner.ask(request{do: readBytes, program: p, at: uint64(at), bytes: dst})
}

func readBytes(r request) error {
	p, from, dst := r.program, kernel.Addr(r.at), r.bytes
	for len(dst) > 0 {
		n := min(len(dst), len(p.staging))
		if err := cu.MemcpyDtoHAsync(pointer(p.staging), cu.DevicePtr(from), int64(n), p.stream); err != nil {
			return failed("read", driver.Wrap("cuMemcpyDtoHAsync_v2", err))
		}
		if err := p.settle(); err != nil {
			return err
		}
		copy(dst, p.staging[:n])
		from, dst = from+kernel.Addr(n), dst[n:]
	}
	return nil
}

// place returns where a tensor lies that the host takes to be size bytes long.
func (p *program) place(verb string, v graph.Value, size int) (kernel.Addr, error) {
	if v <= 0 || int(v) >= len(p.module.Tensors) || p.closed || p.module.Offset[v] < 0 {
		return 0, fmt.Errorf("%s tensor %d: it has no memory", verb, v)
	}
	t := p.module.Tensors[v]
	if t.Slots > 1 {
		return 0, fmt.Errorf("%s %s: it is a ring of %d slots, to be fed", verb, t.Name, t.Slots)
	}
	if size != t.Bytes() {
		return 0, fmt.Errorf("%s %s: have %d bytes, want %d", verb, t.Name, size, t.Bytes())
	}
	return p.memory.base + kernel.Addr(p.module.Offset[v]), nil
}

// Feed returns the pinned memory of v's next slot, once the step that read it has
// ended.
func (p *program) Feed(v graph.Value) ([]byte, error) {
	for i := range p.rings {
		r := &p.rings[i]
		if r.v != v || p.closed {
			continue
		}
		if r.fed-r.read == r.slots {
			return nil, fmt.Errorf("feed %s: all %d slots are filled and wait for a run", p.module.Tensors[v].Name, r.slots)
		}
		next := r.fed % r.slots
		if by := r.readBy[next]; by > p.known.Load() {
			if err := p.gpu.owner.ask(request{do: waitFor, program: p, at: by}); err != nil {
				return nil, err
			}
		}
		r.fed++
		return p.slots[r.at+next*r.stride:][:r.bytes:r.bytes], nil
	}
	return nil, fmt.Errorf("feed tensor %d: it has no slots", v)
}

func waitFor(r request) error { return r.program.wait(r.at) }

// Sync waits for everything started.
func (p *program) Sync() error { return p.gpu.owner.ask(request{do: settle, program: p}) }

func settle(r request) error { return r.program.settle() }

// pointer returns where pinned memory begins.
func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
