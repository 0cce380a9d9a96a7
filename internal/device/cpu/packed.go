package cpu

import (
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A packed is a tensor in the order in which kernels read it. It is made right before
// the kernels that read it run, unless it is there already and the tensor has not
// changed since: what does not learn is packed once, and all that learns in one room.
type packed struct {
	of      graph.Value // the root of the tensor
	lasting bool        // no entry changes it
	need    int         // elements
	data    []float32
	made    int // the change of the tensor that data hold
}

// A packing is such an order.
type packing uint8

const (
	packForward packing = iota
	packBackData
	packFew
	packDepthwise
	packWinograd
	packWinogradBack
)

// packs holds what entries pack, how often each Value changed, and which roots an entry
// sets.
type packs struct {
	all     map[packKey]*packed
	changes []int
	set     []bool
}

// A packKey tells packs apart: views of one tensor may have other extents.
type packKey struct {
	of graph.Value
	packing
	shape string
}

func newPacks(m *plan.Module) *packs {
	p := &packs{all: map[packKey]*packed{}, changes: make([]int, len(m.Tensors)), set: make([]bool, len(m.Tensors))}
	for v := range p.changes {
		p.changes[v] = 1 // nothing is made yet
	}
	for _, e := range m.Entries {
		for _, n := range e.Nodes {
			for _, v := range n.Set {
				p.set[m.Root[v]] = true
			}
		}
	}
	return p
}

// allocate makes room for each that lasts, and one for all others, beside so many bytes,
// and returns the bytes that it took.
func (p *packs) allocate(beside int) (int, error) {
	total, common := 0, 0
	for _, one := range p.all {
		if one.lasting {
			total += align(one.need)
		} else {
			common = max(common, align(one.need))
		}
	}
	room, err := floats(total+common, beside)
	if err != nil {
		return 0, err
	}
	shared, room := room[:common], room[common:]
	for _, one := range p.all {
		if one.lasting {
			one.data, room = room[:one.need:one.need], room[align(one.need):]
		} else {
			one.data = shared[:one.need:one.need]
		}
	}
	return 4 * (total + common), nil
}

// upToDate reports whether one holds its tensor as it is.
func (p *packs) upToDate(one *packed) bool {
	return one.lasting && one.made == p.changes[one.of]
}

// pack adds the phase that packs v, a matrix of columns of depth elements, a panel of
// columns at a time.
func (b *builder) pack(v graph.Value, how packing, need int, panels []int, depth int, run func(data []float32, lo, hi int, scratch []float32)) *packed {
	root := b.module.Root[v]
	key := packKey{root, how, b.module.Tensors[v].Dims()}
	one := b.packs.all[key]
	if one == nil {
		t := b.module.Tensors[root]
		lasting := t.Role != graph.Temp && t.Slots <= 1 && !b.packs.set[root] // a ring has other values each time
		one = &packed{of: root, lasting: lasting, need: need}
		b.packs.all[key] = one
	}
	b.packed = append(b.packed, one)
	all := b.packs
	columns := panels[len(panels)-1]
	b.split(len(panels)-1, perPacked*float64(depth*ceil(columns, len(panels)-1)), func(lo, hi int, scratch []float32) {
		run(one.data, panels[lo], panels[hi], scratch)
	})
	b.phases[len(b.phases)-1].done = func() bool { return all.upToDate(one) }
	return one
}
