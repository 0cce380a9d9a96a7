package cpu

import (
	"fmt"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A program is a module in memory. It runs on the goroutine that calls Run, so
// nothing is ever under way between calls.
type program struct {
	crew    *crew
	module  *plan.Module
	arena   []byte
	entries []entry
	packs   *packs
	scratch [][]float32 // for each member of the crew
	rings   []ring
}

// An entry is what one runs, for each slot of the rings that it reads.
type entry struct {
	slots  [][]phase
	packed []*packed
	sets   []graph.Value // the roots of the cells that it changes
	pace   *pace
}

// A ring counts what was fed to an input of several slots, and what was read.
type ring struct {
	v         graph.Value
	slots     int
	entries   []bool // which of them read it
	fed, read int
}

// rings lists the inputs of several slots.
func rings(m *plan.Module) []ring {
	var found []ring
	for v, t := range m.Tensors {
		if t.Slots < 2 {
			continue
		}
		r := ring{v: graph.Value(v), slots: t.Slots, entries: make([]bool, len(m.Entries))}
		for i, e := range m.Entries {
			for _, n := range e.Nodes {
				for _, in := range n.In {
					r.entries[i] = r.entries[i] || m.Root[in] == r.v
				}
			}
		}
		found = append(found, r)
	}
	return found
}

func (p *program) Run(entry, n int) error {
	if entry < 0 || entry >= len(p.entries) || n < 0 {
		return fmt.Errorf("run entry %d, %d times: there are %d entries", entry, n, len(p.entries))
	}
	slot, err := p.slot(entry, n)
	if err != nil {
		return err
	}
	p.crew.turn.Lock()
	defer p.crew.turn.Unlock()
	e := &p.entries[entry]
	for i := range n {
		p.step(e, e.slots[(slot+i)%len(e.slots)])
	}
	for i := range p.rings {
		if r := &p.rings[i]; r.entries[entry] {
			r.read += n
		}
	}
	return nil
}

// step runs an entry's phases once. The cells that it sets count as changed even if
// it panics on the way.
func (p *program) step(e *entry, phases []phase) {
	defer func() {
		for _, v := range e.sets {
			p.packs.changes[v]++
		}
	}()
	e.pace.begin()
	p.crew.do(phases, p.scratch, e.pace.members())
	e.pace.end()
	for _, one := range e.packed {
		one.made = p.packs.changes[one.of]
	}
}

// slot returns the slot that the entry's next step reads. All rings of an entry
// stand at the same one, and have the next n slots filled.
func (p *program) slot(entry, n int) (int, error) {
	var first *ring
	for i := range p.rings {
		r := &p.rings[i]
		if !r.entries[entry] {
			continue
		}
		name := p.module.Tensors[r.v].Name
		if r.fed-r.read < n {
			return 0, fmt.Errorf("run %s %d times: only %d slots of %s are fed",
				p.module.Entries[entry].Name, n, r.fed-r.read, name)
		}
		if first == nil {
			first = r
		}
		if r.read%r.slots != first.read%first.slots {
			return 0, fmt.Errorf("run %s: inputs %s and %s stand at different slots",
				p.module.Entries[entry].Name, p.module.Tensors[first.v].Name, name)
		}
	}
	if first == nil {
		return 0, nil
	}
	return first.read % first.slots, nil
}

func (p *program) Write(v graph.Value, src []byte) error {
	dst, err := p.memory("write", v, len(src))
	if err == nil {
		copy(dst, src)
		p.packs.changes[p.module.Root[v]]++
	}
	return err
}

func (p *program) Feed(v graph.Value) ([]byte, error) {
	for i := range p.rings {
		r := &p.rings[i]
		if r.v != v {
			continue
		}
		t := p.module.Tensors[v]
		if r.fed-r.read == r.slots {
			return nil, fmt.Errorf("feed %s: all %d slots are filled and wait for a run", t.Name, r.slots)
		}
		at := p.module.Offset[v] + r.fed%r.slots*plan.Stride(t)
		r.fed++
		return p.arena[at:][:t.Bytes():t.Bytes()], nil
	}
	return nil, fmt.Errorf("feed tensor %d: it has no slots", v)
}

func (p *program) Read(v graph.Value, dst []byte) error {
	src, err := p.memory("read", v, len(dst))
	copy(dst, src)
	return err
}

// memory returns the bytes of a tensor that the host takes to be size bytes
// long. It is nil with an error.
func (p *program) memory(verb string, v graph.Value, size int) ([]byte, error) {
	if v <= 0 || int(v) >= len(p.module.Tensors) || p.arena == nil || p.module.Offset[v] < 0 {
		return nil, fmt.Errorf("%s tensor %d: it has no memory", verb, v)
	}
	t := p.module.Tensors[v]
	if t.Slots > 1 {
		return nil, fmt.Errorf("%s %s: it is a ring of %d slots, to be fed", verb, t.Name, t.Slots)
	}
	if size != t.Bytes() {
		return nil, fmt.Errorf("%s %s: have %d bytes, want %d", verb, t.Name, size, t.Bytes())
	}
	return p.arena[p.module.Offset[v]:][:size], nil
}

func (p *program) Sync() error { return nil }

func (p *program) Close() error {
	*p = program{module: p.module}
	return nil
}
