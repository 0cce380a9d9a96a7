package cpu

import "imgcls/internal/graph"

// A packed is a tensor in the order in which kernels read it. It is made in the
// step that reads it, unless it is there already and the tensor has not changed
// since: what does not learn is packed once.
type packed struct {
	of      graph.Value // the root of the tensor
	lasting bool        // it keeps its values from step to step
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

// packs holds what entries pack, and how often each Value changed.
type packs struct {
	all     map[packKey]*packed
	changes []int
}

// A packKey tells packs apart: views of one tensor may have other extents.
type packKey struct {
	of graph.Value
	packing
	shape string
}

func newPacks(values int) *packs {
	p := &packs{all: map[packKey]*packed{}, changes: make([]int, values)}
	for v := range p.changes {
		p.changes[v] = 1 // nothing is made yet
	}
	return p
}

// allocate makes room for all of them, beside so many bytes, and returns the
// bytes that it took.
func (p *packs) allocate(beside int) (int, error) {
	total := 0
	for _, one := range p.all {
		total += align(one.need)
	}
	room, err := floats(total, beside)
	if err != nil {
		return 0, err
	}
	for _, one := range p.all {
		one.data, room = room[:one.need:one.need], room[align(one.need):]
	}
	return 4 * total, nil
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
		lasting := t.Role != graph.Temp && t.Slots <= 1 // a ring has other values each time
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
