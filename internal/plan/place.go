package plan

import (
	"cmp"
	"slices"

	"imgcls/internal/graph"
)

// A span is the life of one temporary: the nodes from the one that makes it to
// the last one that reads it.
type span struct {
	v           graph.Value
	first, last int
	bytes       int
}

// place gives every tensor an offset. Lasting tensors come first, one after
// another; behind them each entry lays out its temporaries from the same place,
// since entries never run at the same time.
func (m *Module) place() {
	m.Offset = make([]int, len(m.Tensors))
	for v := range m.Offset {
		m.Offset[v] = -1
	}
	for v, t := range m.Tensors {
		if v == 0 || t.Role == graph.Temp {
			continue
		}
		m.Offset[v] = m.Lasting
		m.Lasting += Stride(t) * max(t.Slots, 1)
	}
	m.Arena = m.Lasting
	for i := range m.Entries {
		e := &m.Entries[i]
		e.Bytes = m.Lasting + m.pack(m.spans(e), m.Lasting)
		m.Arena = max(m.Arena, e.Bytes)
	}
	for v, r := range m.Root {
		m.Offset[v] = m.Offset[r]
		if m.Offset[r] >= 0 {
			m.Offset[v] += m.Tensors[r].Bytes() - m.Tensors[v].Bytes()
		}
	}
}

// spans returns the lives of an entry's temporaries. Results live to the end.
func (m *Module) spans(e *Entry) []span {
	index := map[graph.Value]int{}
	var spans []span
	touch := func(v graph.Value, at int) {
		v = m.Root[v]
		if v == 0 || m.Tensors[v].Role != graph.Temp {
			return
		}
		i, ok := index[v]
		if !ok {
			i = len(spans)
			index[v] = i
			spans = append(spans, span{v, at, at, Stride(m.Tensors[v])})
		}
		spans[i].last = at
	}
	for at, n := range e.Nodes {
		for _, v := range n.In {
			touch(v, at)
		}
		for _, v := range n.Out {
			touch(v, at)
		}
	}
	for _, v := range e.Results {
		touch(v, len(e.Nodes))
	}
	return spans
}

// A shelf holds the spans placed at one offset, one after another in time.
type shelf struct {
	at    int
	spans []span
}

// from returns the first span that lives at a node or later, and where it stands.
func (s shelf) from(node int) int {
	if len(s.spans) > 0 && s.spans[0].last >= node {
		return 0
	}
	i, _ := slices.BinarySearchFunc(s.spans, node, func(p span, node int) int { return cmp.Compare(p.last, node) })
	return i
}

// pack places the spans from base on, the largest first, each at the lowest
// offset where it meets no other that lives at the same time. It returns the
// bytes taken. Micro-batches, of which there may be hundreds, use the same few shelves.
func (m *Module) pack(spans []span, base int) int {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(b.bytes, a.bytes) })
	end := base
	var shelves []shelf // by offset
	for _, s := range spans {
		at := base
		for _, on := range shelves {
			if on.at >= at+s.bytes {
				break
			}
			for _, p := range on.spans[on.from(s.first):] {
				if p.first > s.last {
					break
				}
				at = max(at, on.at+p.bytes)
			}
		}
		m.Offset[s.v] = at
		end = max(end, at+s.bytes)
		i, ok := slices.BinarySearchFunc(shelves, at, func(on shelf, at int) int { return cmp.Compare(on.at, at) })
		if !ok {
			shelves = slices.Insert(shelves, i, shelf{at: at})
		}
		on := &shelves[i]
		on.spans = slices.Insert(on.spans, on.from(s.first), s)
	}
	return end - base
}
