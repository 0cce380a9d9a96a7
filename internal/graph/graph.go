package graph

import "fmt"

// An Op is one operation as plain data: a struct whose fields are its
// attributes.
type Op interface {
	// Infer returns the outputs for the given inputs, or why there are none.
	Infer(in []Tensor) (out []Tensor, err error)
	// Grad adds to g the nodes that turn the gradients of n's outputs into
	// gradients of its inputs, in the order of n.In. A zero Value stands for a
	// gradient that does not exist, both in dout and in the result.
	Grad(g *Graph, n Node, dout []Value) (din []Value)
}

// A Coster is an Op that knows how many floating-point operations it takes; a
// multiplication and its addition are two.
type Coster interface {
	Flops(in, out []Tensor) int
}

// A Composite is an Op that may do the work of several, put together by the
// planner. Parts names them in the order in which they take place; where nothing
// was put together that is the operation alone.
type Composite interface {
	Parts() []string
}

// An Elementwise operation computes each element of its output from the elements
// at the same place of its inputs, so that what the places mean stays the same.
type Elementwise interface{ Elementwise() }

// terminal is embedded in operations that no gradient passes through.
type terminal struct{}

// Grad returns no gradients.
func (terminal) Grad(*Graph, Node, []Value) []Value { return nil }

// A Node is one use of an Op. Set lists the cells (Param, State) that the node
// overwrites; they are among In as well.
type Node struct {
	Op           Op
	Name         string // path of the layer that made it: "layer1.0.conv2"
	In, Out, Set []Value
}

// An Entry is a list of nodes that a device runs as one step.
type Entry struct {
	Name    string
	Nodes   []Node
	Results []Value // temporaries that the host reads after a run
}

// A Graph is what a device can be asked to do.
type Graph struct {
	Tensors []Tensor // by Value; the first is no tensor
	Entries []Entry
	lasting map[string]Value // inputs, parameters and state by name
	err     error
}

// New returns a graph without entries.
func New() *Graph {
	return &Graph{Tensors: make([]Tensor, 1), lasting: map[string]Value{}}
}

// Err returns the first error met in building the graph.
func (g *Graph) Err() error { return g.err }

// Fail records err as the graph's error unless there is one already.
func (g *Graph) Fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

// Tensor returns the description of v.
func (g *Graph) Tensor(v Value) Tensor { return g.Tensors[v] }

// Describe returns the descriptions of values.
func (g *Graph) Describe(values []Value) []Tensor {
	described := make([]Tensor, len(values))
	for i, v := range values {
		described[i] = g.Tensors[v]
	}
	return described
}

// Begin starts an entry; the nodes added from now on are its own.
func (g *Graph) Begin(name string) {
	g.Entries = append(g.Entries, Entry{Name: name})
}

// Return names temporaries of the current entry that the host will read.
func (g *Graph) Return(values ...Value) {
	e := g.entry()
	e.Results = append(e.Results, values...)
}

func (g *Graph) entry() *Entry {
	if len(g.Entries) == 0 {
		g.Begin("main")
	}
	return &g.Entries[len(g.Entries)-1]
}

// Lasting returns the input, parameter or state tensor of t's name, making it
// where there is none yet. Asking again with another description is an error.
func (g *Graph) Lasting(t Tensor) Value {
	if v, ok := g.lasting[t.Name]; ok {
		if old := g.Tensors[v]; !old.sameAs(t) || old.Role != t.Role || old.Slots != t.Slots {
			g.Fail(fmt.Errorf("%s: is %s %s, cannot be %s %s as well", t.Name, old.Role, old, t.Role, t))
		}
		return v
	}
	v := g.value(t)
	g.lasting[t.Name] = v
	return v
}

// Input returns the resident input of that name.
func (g *Graph) Input(name string, t DType, shape ...int) Value {
	return g.Lasting(Tensor{Name: name, Type: t, Shape: shape, Role: Input, Slots: 1})
}

// State returns the state of that name.
func (g *Graph) State(name string, t DType, shape ...int) Value {
	return g.Lasting(Tensor{Name: name, Type: t, Shape: shape, Role: State})
}

// Named returns the lasting tensor of that name, and 0 where there is none.
func (g *Graph) Named(name string) Value { return g.lasting[name] }

// Params returns the parameters in the order in which they were made.
func (g *Graph) Params() []Value { return g.having(func(r Role) bool { return r == Param }) }

// Weights returns parameters and buffers, which a model file holds, in the order
// in which they were made.
func (g *Graph) Weights() []Value { return g.having(Role.Weights) }

// Cells returns parameters, buffers and state, which a checkpoint holds.
func (g *Graph) Cells() []Value { return g.having(Role.Cell) }

func (g *Graph) having(role func(Role) bool) []Value {
	var values []Value
	for v, t := range g.Tensors {
		if role(t.Role) {
			values = append(values, Value(v))
		}
	}
	return values
}

func (g *Graph) value(t Tensor) Value {
	if err := t.check(); err != nil {
		g.Fail(fmt.Errorf("%s: %w", t.Name, err))
	}
	g.Tensors = append(g.Tensors, t)
	return Value(len(g.Tensors) - 1)
}

// Add appends a node to the current entry and returns its outputs. Once the
// graph has an error it returns zero Values.
func (g *Graph) Add(name string, op Op, in ...Value) []Value {
	return g.AddSet(name, op, nil, in...)
}

// AddSet is Add for a node that overwrites the cells in set, which are among
// its inputs.
func (g *Graph) AddSet(name string, op Op, set []Value, in ...Value) []Value {
	for i, v := range in {
		if v == 0 {
			g.Fail(fmt.Errorf("%s: input %d of %T is no tensor", name, i, op))
		}
	}
	outputs := make([]Value, max(8, len(in)))
	if g.err != nil {
		return outputs
	}
	out, err := op.Infer(g.Describe(in))
	if err != nil {
		g.Fail(fmt.Errorf("%s: %w", name, err))
		return outputs
	}
	outputs = outputs[:len(out)]
	for i, t := range out {
		t.Name, t.Role = name, Temp
		outputs[i] = g.value(t)
	}
	e := g.entry()
	e.Nodes = append(e.Nodes, Node{Op: op, Name: name, In: in, Out: outputs, Set: set})
	return outputs
}

// Backward adds to the current entry the nodes that carry the gradients dy of
// the values y back to everything they were made from, and returns the
// gradient of each value that has one. What is not needed in the end is left
// out by the planner.
func (g *Graph) Backward(y, dy []Value) map[Value]Value { return g.BackwardOnto(nil, y, dy) }

// BackwardOnto is Backward for a part of a batch: what it finds is added to sums, of which
// the gradients of lasting tensors by the parts before it count.
func (g *Graph) BackwardOnto(sums map[Value]Value, y, dy []Value) map[Value]Value {
	if g.err != nil {
		return nil
	}
	grads := map[Value]Value{}
	for v, d := range sums {
		if g.Tensors[v].Role != Temp {
			grads[v] = d
		}
	}
	open := 0 // temporaries whose gradient has not reached the node that makes them
	accumulate := func(v, d Value) {
		if d != 0 && grads[v] == 0 && g.Tensors[v].Role == Temp {
			open++
		}
		g.accumulate(grads, v, d)
	}
	for i, v := range y {
		accumulate(v, dy[i])
	}
	forward := g.entry().Nodes
	for i := len(forward) - 1; i >= 0 && open > 0; i-- {
		n := forward[i]
		dout := make([]Value, len(n.Out))
		reached := 0
		for j, v := range n.Out {
			if dout[j] = grads[v]; dout[j] != 0 {
				reached++
			}
		}
		if reached == 0 {
			continue
		}
		open -= reached
		din := n.Op.Grad(g, n, dout)
		if g.err != nil {
			return nil
		}
		for j, d := range din {
			accumulate(n.In[j], d)
		}
	}
	return grads
}

// accumulate adds d to the gradient of v.
func (g *Graph) accumulate(grads map[Value]Value, v, d Value) {
	switch {
	case d == 0:
	case grads[v] == 0:
		grads[v] = d
	default:
		grads[v] = g.Add(g.Tensors[v].Name, Add{}, grads[v], d)[0]
	}
}

// arity checks the number of inputs, a fault of the program and not of a user.
func arity(in []Tensor, least, most int) error {
	if len(in) < least || len(in) > most {
		return fmt.Errorf("has %d inputs, wants %d to %d", len(in), least, most)
	}
	return nil
}

// ranked checks number, type and rank of the inputs: want holds a rank each,
// and every tensor is floating-point.
func ranked(in []Tensor, want ...int) error {
	if err := arity(in, len(want), len(want)); err != nil {
		return err
	}
	for i, t := range in {
		if len(t.Shape) != want[i] || !t.Type.Float() {
			return fmt.Errorf("input %d is %s, wants floating-point numbers in %d dimensions", i, t, want[i])
		}
	}
	return nil
}
