//go:build cuda && linux && cgo

package cuda

import (
	"fmt"
	"strings"

	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// A builder turns the nodes of one entry into launches, for one slot of the rings
// that the entry reads.
type builder struct {
	module *plan.Module
	memory *memory
	slot   int

	launches []launch
}

// A launch is a kernel's start and the node that it works for.
type launch struct {
	kernel.Launch
	node *graph.Node
}

// build adds the launches of an entry.
func (b *builder) build(e *plan.Entry) error {
	for i := range e.Nodes {
		n := &e.Nodes[i]
		lower := lowering(n.Op)
		if lower == nil {
			return fmt.Errorf("%s: %s: the device has no kernel for %s", e.Name, n.Name, plan.OpName(n.Op))
		}
		b.memory.node()
		for _, l := range lower(b, *n) {
			b.launches = append(b.launches, launch{l, n})
		}
	}
	return nil
}

// tensor describes v.
func (b *builder) tensor(v graph.Value) graph.Tensor { return b.module.Tensors[v] }

// at returns the place of v, and 0 for no tensor.
func (b *builder) at(v graph.Value) kernel.Addr {
	if v == 0 {
		return 0
	}
	return b.memory.base + kernel.Addr(slotAt(b.module, v, b.slot))
}

// slotAt returns the offset in the arena of a slot of v, or of v itself where it
// is no ring.
func slotAt(m *plan.Module, v graph.Value, slot int) int {
	at := m.Offset[v]
	if t := m.Tensors[m.Root[v]]; t.Slots > 1 {
		at += slot * plan.Stride(t)
	}
	return at
}

// where names a launch for people: "train@4: conv1: Conv (f32 4×32×32×3, …), kernel conv_f32".
func where(m *plan.Module, entry string, l launch) string {
	var shapes []string
	for _, v := range append(append([]graph.Value{}, l.node.In...), l.node.Out...) {
		if v != 0 {
			shapes = append(shapes, m.Tensors[v].String())
		}
	}
	const most = 6
	if len(shapes) > most {
		shapes = append(shapes[:most], "…")
	}
	return fmt.Sprintf("%s: %s: %s (%s), kernel %s", entry, l.node.Name, plan.OpName(l.node.Op), strings.Join(shapes, ", "), l.Kernel)
}
