package graph

import "fmt"

// Cast is x in another floating-point type. What x's number lies between is
// rounded to the nearer, of two as near to the even one; what is too large for To
// becomes an infinity.
type Cast struct {
	To DType
}

// Infer returns x's shape in type To.
func (c Cast) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if !in[0].Type.Float() || !c.To.Float() {
		return nil, fmt.Errorf("input is %s and is to be %s, want floating-point numbers", in[0], c.To)
	}
	return []Tensor{{Shape: in[0].Shape, Type: c.To}}, nil
}

// Grad casts the gradient back to the type of x.
func (c Cast) Grad(g *Graph, n Node, dout []Value) []Value {
	return g.Add(n.Name, Cast{To: g.Tensor(n.In[0]).Type}, dout[0])
}

// Elementwise says that places keep their meaning.
func (Cast) Elementwise() {}
