package ref

import (
	"fmt"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A Program is a module resident on the reference device.
type Program struct {
	m       *plan.Module
	values  []memory // by Value, at the root of each view
	rings   map[graph.Value]*ring
	entries []schedule
}

// A schedule is an entry as it is run.
type schedule struct {
	kernels []func(p *Program)
	rings   []graph.Value // the rings that a step takes a slot from
}

// Float64 returns the memory of a tensor of real numbers, in full precision:
// what is written to it is what the next Run reads.
func (p *Program) Float64(v graph.Value) []float64 { return p.real(v) }

// Run runs an entry n times over before it returns. It runs nothing where the
// entry reads rings and fewer than n of their slots are fed.
func (p *Program) Run(entry, n int) error {
	if entry < 0 || entry >= len(p.entries) || n < 0 {
		return fmt.Errorf("ref: run of entry %d, %d times; there are %d entries", entry, n, len(p.entries))
	}
	e := p.entries[entry]
	for _, v := range e.rings {
		if r := p.rings[v]; r.fed-r.taken < n {
			return fmt.Errorf("ref: %s has %d slots fed, %d steps want one each", p.m.Tensors[v].Name, r.fed-r.taken, n)
		}
	}
	for range n {
		for _, v := range e.rings {
			p.values[v].set(p.rings[v].take())
		}
		for _, run := range e.kernels {
			run(p)
		}
	}
	return nil
}

// Write converts src to v, which is a cell or a resident input.
func (p *Program) Write(v graph.Value, src []byte) error {
	x, err := p.resident(v, len(src))
	if err != nil {
		return fmt.Errorf("ref: write: %w", err)
	}
	x.set(src)
	return nil
}

// Read converts v to dst.
func (p *Program) Read(v graph.Value, dst []byte) error {
	x, err := p.resident(v, len(dst))
	if err != nil {
		return fmt.Errorf("ref: read: %w", err)
	}
	x.get(dst)
	return nil
}

// Feed returns the memory of v's next slot. It fails where every slot is fed
// already and waits for a step.
func (p *Program) Feed(v graph.Value) ([]byte, error) {
	r := p.rings[v]
	if r == nil {
		return nil, fmt.Errorf("ref: feed: value %d is not a ring", v)
	}
	if slot := r.feed(); slot != nil {
		return slot, nil
	}
	return nil, fmt.Errorf("ref: feed: all %d slots of %s wait for a step", len(r.slots), p.m.Tensors[v].Name)
}

// Sync has nothing to wait for.
func (p *Program) Sync() error { return nil }

// Close does nothing: the memory is garbage once the program is.
func (p *Program) Close() error { return nil }

// resident returns the memory of v, which has so many bytes on the host.
func (p *Program) resident(v graph.Value, bytes int) (memory, error) {
	if v <= 0 || int(v) >= len(p.m.Tensors) || p.m.Offset[v] < 0 {
		return memory{}, fmt.Errorf("value %d is not in the module", v)
	}
	t := p.m.Tensors[v]
	if p.rings[p.m.Root[v]] != nil {
		return memory{}, fmt.Errorf("%s is a ring, which is fed", t.Name)
	}
	if bytes != t.Bytes() {
		return memory{}, fmt.Errorf("%s: %d bytes for %s, which has %d", t.Name, bytes, t, t.Bytes())
	}
	return p.memory(v), nil
}

func (p *Program) real(v graph.Value) []float64 { return p.memory(v).real }
func (p *Program) u8(v graph.Value) []uint8     { return p.memory(v).u8 }
func (p *Program) i32(v graph.Value) []int32    { return p.memory(v).i32 }
func (p *Program) i64(v graph.Value) []int64    { return p.memory(v).i64 }

// memory returns that of v, be it a view, and none for no tensor.
func (p *Program) memory(v graph.Value) memory {
	return p.values[p.m.Root[v]].last(p.m.Tensors[v].Len())
}

// round rounds what a node has made to the types that it is stored in.
func (p *Program) round(out []graph.Value) {
	for _, v := range out {
		if v != 0 {
			p.memory(v).round()
		}
	}
}

func (p *Program) reals(values []graph.Value) [][]float64 {
	all := make([][]float64, len(values))
	for i, v := range values {
		all[i] = p.real(v)
	}
	return all
}
