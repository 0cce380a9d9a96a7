package graph

import "fmt"

// An ActKind is an activation function.
type ActKind uint8

// The activation functions, by PyTorch's definitions. A NaN stays NaN, and the
// derivatives of ReLU and ReLU6 are 0 where these bend.
const (
	ReLU  ActKind = iota // max(x, 0)
	ReLU6                // min(max(x, 0), 6)
	GELU                 // x·Φ(x), Φ being the normal distribution: no approximation
	SiLU                 // x·σ(x), σ(x) = 1/(1 + e⁻ˣ)
)

// String returns the function's name in lower case.
func (k ActKind) String() string { return [...]string{"relu", "relu6", "gelu", "silu"}[k] }

// FromInput reports whether the gradient is computed from x, and not from y.
func (k ActKind) FromInput() bool { return k == GELU || k == SiLU }

// Act applies an activation function to each element of x.
type Act struct {
	Kind ActKind
}

// Infer returns y, shaped like x.
func (a Act) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	if !in[0].Type.Float() {
		return nil, fmt.Errorf("input is %s, wants floating-point numbers", in[0])
	}
	return []Tensor{in[0].Like()}, nil
}

// Grad uses ActBack.
func (a Act) Grad(g *Graph, n Node, dout []Value) []Value {
	from := n.Out[0]
	if a.Kind.FromInput() {
		from = n.In[0]
	}
	return g.Add(n.Name, ActBack{a}, from, dout[0])
}

// Elementwise says that places keep their meaning.
func (Act) Elementwise() {}

// Flops counts one operation an element.
func (a Act) Flops(_, out []Tensor) int { return out[0].Len() }

// ActBack is dx = dy · f′. Inputs are y, or x where the kind is FromInput, and dy:
//
//	ReLU   dy where y > 0, else 0
//	ReLU6  dy where 0 < y < 6, else 0
//	GELU   dy · (Φ(x) + x·φ(x)), φ being the normal density
//	SiLU   dy · σ(x) · (1 + x·(1 − σ(x)))
type ActBack struct {
	Act
}

// Infer returns dx, shaped like dy.
func (a ActBack) Infer(in []Tensor) ([]Tensor, error) { return Add{}.Infer(in) }

// Grad is not supported: no model differentiates twice.
func (a ActBack) Grad(*Graph, Node, []Value) []Value { return nil }
