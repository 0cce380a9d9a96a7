// Package ref is the reference device: naive code in float64, against which
// every other device is compared, and which finite differences check. It is
// the shortest complete device and meant to be read first.
//
// Real numbers are kept as []float64 outside the arena, each tensor in memory
// of its own, so that neither rounding nor a mistake of the planner can hide in
// it; Write and Read convert. Everything happens on the caller's goroutine
// before Run returns.
package ref

import (
	"fmt"
	"slices"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// New returns the reference device.
func New() device.Device { return processor{} }

// NewRounding returns a reference that rounds what it stores in a tensor of 16 bits
// to the tensor's type, as a device that computes in half precision does; sums are
// in float64 and round to float32 first.
func NewRounding() device.Device { return processor{rounds: true} }

// Kind returns the entry for device.Open. There is one such device, number 0.
func Kind() device.Kind {
	return device.Kind{Name: "ref", Open: func(int) (device.Device, error) { return NewRounding(), nil }}
}

type processor struct{ rounds bool }

func (processor) String() string { return "ref: naive, float64" }

// Precisions returns both: Go computes either in the same time.
func (processor) Precisions() []graph.DType { return []graph.DType{graph.BF16, graph.F16} }

func (processor) Close() error { return nil }

func (processor) Supports(n graph.Node, t []graph.Tensor) bool { return kernelFor(n, t) != nil }

func (d processor) Compile(m *plan.Module) (device.Program, error) {
	p := &Program{m: m, values: make([]memory, len(m.Tensors)), rings: map[graph.Value]*ring{}}
	for v, t := range m.Tensors {
		if m.Root[v] != graph.Value(v) || m.Offset[v] < 0 || v == 0 {
			continue
		}
		p.values[v] = allocate(t)
		if t.Slots > 1 {
			p.rings[graph.Value(v)] = newRing(t)
		}
	}
	for _, e := range m.Entries {
		var s schedule
		for _, n := range e.Nodes {
			run := kernelFor(n, m.Tensors)
			if run == nil {
				return nil, fmt.Errorf("ref: %s: no kernel for %s", n.Name, plan.OpName(n.Op))
			}
			s.kernels = append(s.kernels, run)
			if d.rounds {
				s.kernels = append(s.kernels, func(p *Program) { p.round(n.Out) })
			}
			for _, v := range n.In {
				if v = m.Root[v]; p.rings[v] != nil && !slices.Contains(s.rings, v) {
					s.rings = append(s.rings, v)
				}
			}
		}
		p.entries = append(p.entries, s)
	}
	return p, nil
}
