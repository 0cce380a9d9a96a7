package graph

import "fmt"

// Reshape gives x another shape with as many elements. It is a view: the
// planner puts both in one place and no device runs it. Flattening images
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
