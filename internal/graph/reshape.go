package graph

import "fmt"

// A View is an operation whose output is the last elements of its input, in the input's
// own memory: the planner places it there, and no device runs it.
type View interface {
	Op
	view()
}

func (Reshape) view() {}
func (Tail) view()    {}

// Reshape gives x another shape with as many elements. It is a View. Flattening images
// [N,H,W,C] gives [N, H·W·C].
type Reshape struct {
	Shape []int
}

// Infer returns x in the new shape.
func (r Reshape) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	y := Tensor{Shape: r.Shape, Type: in[0].Type}
	if err := y.check(); err != nil {
		return nil, err
	}
	if y.Len() != in[0].Len() {
		return nil, fmt.Errorf("%s has %d elements, %s has %d", in[0].Dims(), in[0].Len(), y.Dims(), y.Len())
	}
	return []Tensor{y}, nil
}

// Grad gives the gradient the shape of x.
func (r Reshape) Grad(g *Graph, n Node, dout []Value) []Value {
	return g.Add(n.Name, Reshape{g.Tensor(n.In[0]).Shape}, dout[0])
}

// Tail is the vector x [K] without its first From elements. It is a View, so its place in
// memory is aligned to an element and no more.
type Tail struct {
	terminal
	From int
}

// Infer returns a vector [K−From].
func (t Tail) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if x := in[0]; len(x.Shape) != 1 || t.From < 0 || t.From >= x.Len() {
		return nil, fmt.Errorf("input is %s, wants a vector of more than %d elements", x, t.From)
	}
	return []Tensor{{Shape: []int{in[0].Len() - t.From}, Type: in[0].Type}}, nil
}
