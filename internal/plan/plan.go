// Package plan turns a graph into a module: what is not needed is dropped, the
// nodes of each entry are put in an order that is safe for cells, and every
// tensor gets its place in one arena. After Compile nothing about a step is
// left to decide: shapes, order, addresses and bytes are known before the first
// byte is allocated, and Print shows them.
//
// The passes, each in its own file:
//
//	cast.go   half precision, where it is asked for
//	fuse.go   several nodes into one, where the device has a kernel for it
//	order.go  live nodes, reads of a cell before the node that sets it
//	place.go  offsets by liveness; entries share the room of their temporaries
//	print.go  the plan as a table, and as data for JSON
package plan

import (
	"fmt"
	"slices"

	"imgcls/internal/graph"
)

// A Module is a graph with its order and its places in memory.
type Module struct {
	Tensors []graph.Tensor // by Value: the graph's, and behind them those that passes add
	// Root holds for each Value the Value whose memory it shares, at its end: another
	// one for a view, else itself.
	Root []graph.Value
	// Offset holds for each Value the offset of its first byte in the arena, a
	// multiple of Align but for a Tail, or -1 for a temporary that no entry uses. The slots of a ring
	// follow one another at Stride bytes.
	Offset  []int
	Lasting int // bytes of the tensors that last, which stand first
	Arena   int // bytes
	Entries []Entry
}

// An Entry is one runnable list of nodes, in order, without views.
type Entry struct {
	Name    string
	Nodes   []graph.Node
	Results []graph.Value
	Slots   int // 1, or the length of the rings that the entry reads
	Bytes   int // lasting tensors and this entry's temporaries
}

// Align is the alignment of every tensor in the arena, in bytes.
const Align = 256

// Stride returns the distance in bytes between the slots of a tensor.
func Stride(t graph.Tensor) int { return (t.Bytes() + Align - 1) / Align * Align }

// Compile plans g for a device that runs the nodes for which supports says yes.
// It returns g's own error if it has one.
func Compile(g *graph.Graph, supports func(n graph.Node, t []graph.Tensor) bool) (*Module, error) {
	return compile(g, graph.F32, supports, fusions)
}

// CompileIn is Compile for a precision, F32, BF16 or F16: in half precision, what the
// table in cast.go says holds 16 bits. Lasting tensors and results are as they are
// in g.
func CompileIn(precision graph.DType, g *graph.Graph, supports func(n graph.Node, t []graph.Tensor) bool) (*Module, error) {
	return compile(g, precision, supports, fusions)
}

// CompileUnfused is Compile without fusion: every node is one of the graph's. It
// is what Compile must agree with.
func CompileUnfused(g *graph.Graph, supports func(n graph.Node, t []graph.Tensor) bool) (*Module, error) {
	return compile(g, graph.F32, supports, nil)
}

func compile(g *graph.Graph, precision graph.DType, supports func(n graph.Node, t []graph.Tensor) bool, table []fusion) (*Module, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	m := &Module{Tensors: slices.Clone(g.Tensors), Root: roots(g)}
	for _, e := range g.Entries {
		nodes := live(e.Nodes, e.Results)
		if err := m.check(nodes); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		var err error
		if precision != graph.F32 {
			if nodes, err = m.cast(nodes, e.Results, precision); err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name, err)
			}
		}
		nodes = m.fuse(nodes, e.Results, supports, table)
		if nodes, err = order(nodes, m.Root); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		entry := Entry{Name: e.Name, Results: e.Results, Slots: 1}
		for _, n := range nodes {
			if _, view := n.Op.(graph.View); view {
				continue
			}
			if !supports(n, m.Tensors) {
				return nil, fmt.Errorf("%s: %s: the device has no kernel for %s", e.Name, n.Name, OpName(n.Op))
			}
			entry.Nodes = append(entry.Nodes, n)
		}
		if entry.Slots, err = m.slots(entry.Nodes); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		m.Entries = append(m.Entries, entry)
	}
	m.place()
	return m, nil
}

// check reports a node that reads a temporary of another entry, or that sets
// what is no cell among its inputs: faults of the program that built the graph.
func (m *Module) check(nodes []graph.Node) error {
	made := map[graph.Value]bool{}
	for _, n := range nodes {
		for _, v := range n.In {
			if t := m.Tensors[v]; t.Role == graph.Temp && !made[v] {
				return fmt.Errorf("%s reads %s %s, which nothing before it in this entry makes", n.Name, t.Name, t)
			}
		}
		for _, v := range n.Set {
			if !m.Tensors[v].Role.Cell() || !slices.Contains(n.In, v) {
				return fmt.Errorf("%s sets %s, which is no cell among its inputs", n.Name, m.Tensors[v].Name)
			}
		}
		for _, v := range n.Out {
			made[v] = true
		}
	}
	return nil
}

// Find returns the number of the entry of that name, or -1.
func (m *Module) Find(name string) int {
	for i, e := range m.Entries {
		if e.Name == name {
			return i
		}
	}
	return -1
}

// roots follows each view to the tensor that it is a view of.
func roots(g *graph.Graph) []graph.Value {
	root := make([]graph.Value, len(g.Tensors))
	for v := range root {
		root[v] = graph.Value(v)
	}
	for _, e := range g.Entries {
		for _, n := range e.Nodes {
			if _, view := n.Op.(graph.View); view {
				root[n.Out[0]] = root[n.In[0]]
			}
		}
	}
	return root
}

// slots returns the length of the rings that the nodes read, which must agree
// within an entry so that one number says which slot a step reads.
func (m *Module) slots(nodes []graph.Node) (int, error) {
	length := 1
	for _, n := range nodes {
		for _, v := range n.In {
			t := m.Tensors[m.Root[v]]
			switch {
			case t.Slots <= 1 || t.Slots == length:
			case length == 1:
				length = t.Slots
			default:
				return 0, fmt.Errorf("input %s has %d slots, another has %d", t.Name, t.Slots, length)
			}
		}
	}
	return length, nil
}
