package plan

import (
	"cmp"
	"fmt"
	"slices"

	"imgcls/internal/graph"
)

// A rule says which tensors of an operation hold 16 bits in half precision: a letter
// for each input and output, in their order, and f32 for all that have none.
//
//	h  16 bits
//	s  the same for all marked so: 16 bits where one of the inputs was made so, else f32
//	o  16 bits, unless somebody reads the output as f32: the operation can store either
//	a  an input as it was made
//	.  f32, or no floating-point number
type rule struct{ in, out string }

// ruleOf is the table of half precision. Sums, biases, statistics, losses, gradients
// of parameters, and all that an operation outside the table has to do with, are f32.
func ruleOf(op graph.Op) rule {
	switch op.(type) {
	case graph.Conv, graph.ConvBackData:
		return rule{"hh", "h"}
	case graph.ConvBackFilter:
		return rule{"hh", "."}
	case graph.MatMul:
		return rule{"hh", "o"}
	case graph.Normalize:
		return rule{".", "o"}
	case graph.ChannelSum:
		return rule{"a", "."}
	case graph.Act, graph.Dropout, graph.MaxPool, graph.AvgPool, graph.AvgPoolBack, graph.Reshape:
		return rule{"s", "s"}
	case graph.ActBack, graph.Add:
		return rule{"ss", "s"}
	case graph.MaxPoolBack:
		return rule{".s", "s"}
	case graph.BatchNorm:
		return rule{"s", "s"}
	case graph.BatchNormBack:
		return rule{"s...s", "s"}
	}
	return rule{}
}

// letter returns the i-th letter of what rule says about inputs or outputs.
func letter(letters string, i int) byte {
	if i < len(letters) {
		return letters[i]
	}
	return '.'
}

// storing returns op with its output stored as t, where op can store more than one
// type.
func storing(op graph.Op, t graph.DType) graph.Op {
	switch op := op.(type) {
	case graph.MatMul:
		op.Out = t
		return op
	case graph.Normalize:
		op.Out = t
		return op
	}
	return op
}

// A caster rewrites the nodes of one entry for half precision. Each f32 tensor of the
// graph may come to have a second version of 16 bits. The node that made it makes one
// of the two; where a node reads the other, one Cast makes that too.
type caster struct {
	m      *Module
	half   graph.DType
	read   map[graph.Value]bool        // whether somebody reads it as f32
	halves map[graph.Value]graph.Value // → its version of 16 bits, where there is one
	made   map[graph.Value]bool        // whether its node made it of 16 bits
	wide   map[graph.Value]bool        // whether a Cast then made it of f32
	head   []graph.Node                // casts of lasting tensors
	nodes  []graph.Node
}

// cast rewrites live nodes by the table of rules. Results stay f32.
func (m *Module) cast(nodes []graph.Node, results []graph.Value, half graph.DType) ([]graph.Node, error) {
	c := &caster{
		m: m, half: half, read: readWide(nodes, results),
		halves: map[graph.Value]graph.Value{}, made: map[graph.Value]bool{}, wide: map[graph.Value]bool{},
	}
	for _, n := range nodes {
		if err := c.rewrite(n); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", n.Name, half, err)
		}
	}
	for _, v := range results {
		c.asWide(v)
	}
	return append(c.head, c.nodes...), nil
}

// readWide returns the values that somebody reads as f32, be it through operations
// that hand on the type of what they read.
func readWide(nodes []graph.Node, results []graph.Value) map[graph.Value]bool {
	read := map[graph.Value]bool{}
	for _, v := range results {
		read[v] = true
	}
	for _, n := range slices.Backward(nodes) {
		r := ruleOf(n.Op)
		for i, v := range n.In {
			switch letter(r.in, i) {
			case 's':
				read[v] = read[v] || read[n.Out[0]]
			case '.':
				read[v] = true
			}
		}
	}
	return read
}

// rewrite adds n with its inputs and outputs in the versions that its rule asks for.
func (c *caster) rewrite(n graph.Node) error {
	r, like := ruleOf(n.Op), n
	_, view := n.Op.(graph.View)
	n.In, n.Out = slices.Clone(n.In), slices.Clone(n.Out)
	same := false
	for i, v := range n.In {
		same = same || letter(r.in, i) == 's' && c.made[v]
	}
	for i, v := range n.In {
		switch l := letter(r.in, i); {
		case l == 'h', l == 's' && same, l == 'a' && c.made[v]:
			n.In[i] = c.asHalf(v)
		default:
			n.In[i] = c.asWide(v)
		}
	}
	for i, v := range n.Out {
		l := letter(r.out, i)
		if v == 0 || l == '.' || l == 's' && !same || l == 'o' && c.read[v] {
			continue
		}
		n.Out[i], c.made[v] = c.version(v), true
		n.Op = storing(n.Op, c.half)
		if view {
			c.m.Root[v] = v // where a Cast makes it
		}
	}
	if view { // of the version that it reads
		c.m.Root[n.Out[0]] = c.m.Root[n.In[0]]
	}
	c.nodes = append(c.nodes, n)
	return c.check(n, like)
}

// check reports a node that does not yield what its outputs are.
func (c *caster) check(n, like graph.Node) error {
	out, err := n.Op.Infer(c.m.describe(n.In))
	if err != nil {
		return err
	}
	for i, v := range n.Out {
		if v != 0 && out[i].String() != c.m.Tensors[v].String() {
			return fmt.Errorf("%s gives %s, which is to be %s", OpName(like.Op), out[i], c.m.Tensors[v])
		}
	}
	return nil
}

// version returns the temporary that is v in 16 bits.
func (c *caster) version(v graph.Value) graph.Value {
	if c.halves[v] == 0 {
		t := c.m.Tensors[v]
		c.halves[v] = c.m.temp(t.Name, graph.Tensor{Shape: t.Shape, Type: c.half})
	}
	return c.halves[v]
}

// asHalf returns v in 16 bits, which a Cast makes at the first call if v's node made
// it of f32. Lasting tensors are cast at the head of the entry: no node of it changes
// one that another reads afterwards.
func (c *caster) asHalf(v graph.Value) graph.Value {
	t := c.m.Tensors[v]
	if t.Type != graph.F32 || c.halves[v] != 0 {
		return cmp.Or(c.halves[v], v)
	}
	n := graph.Node{Op: graph.Cast{To: c.half}, Name: t.Name, In: []graph.Value{v}, Out: []graph.Value{c.version(v)}}
	if t.Role == graph.Temp {
		c.nodes = append(c.nodes, n)
	} else {
		c.head = append(c.head, n)
	}
	return c.halves[v]
}

// asWide returns v as it is in the graph, which a Cast makes at the first call if v's
// node made it of 16 bits.
func (c *caster) asWide(v graph.Value) graph.Value {
	if c.made[v] && !c.wide[v] {
		c.wide[v] = true
		c.nodes = append(c.nodes, graph.Node{
			Op: graph.Cast{To: graph.F32}, Name: c.m.Tensors[v].Name, In: []graph.Value{c.halves[v]}, Out: []graph.Value{v},
		})
	}
	return v
}
