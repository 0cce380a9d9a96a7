package graph

import "fmt"

// MaxPool takes the greatest value of each Kernel×Kernel window of x [N,H,W,C].
// Its second output says which one it was, counted along the window's rows; of
// equals the first wins, and a NaN wins over all. Padding never wins.
type MaxPool struct {
	Kernel, Stride, Pad int
}

// Infer returns y [N,P,Q,C] and arg, u8 of the same shape.
func (m MaxPool) Infer(in []Tensor) ([]Tensor, error) {
	if err := ranked(in, 4); err != nil {
		return nil, err
	}
	if m.Kernel > 15 || 2*m.Pad > m.Kernel {
		return nil, fmt.Errorf("window %d×%d with padding %d: at most 15×15, and padding at most half of it", m.Kernel, m.Kernel, m.Pad)
	}
	x := in[0].Shape
	p, q, err := window{m.Kernel, m.Kernel, m.Stride, m.Pad, "window"}.slide(x[1], x[2])
	if err != nil {
		return nil, err
	}
	shape := []int{x[0], p, q, x[3]}
	return []Tensor{{Shape: shape, Type: in[0].Type}, {Shape: shape, Type: U8}}, nil
}

// Grad uses MaxPoolBack.
func (m MaxPool) Grad(g *Graph, n Node, dout []Value) []Value {
	x := g.Tensor(n.In[0]).Shape
	return g.Add(n.Name, MaxPoolBack{m, x[1], x[2]}, n.Out[1], dout[0])
}

// Flops counts one comparison for each value of a window.
func (m MaxPool) Flops(_, out []Tensor) int { return out[0].Len() * m.Kernel * m.Kernel }

// MaxPoolBack hands each gradient of dy [N,P,Q,C] to the place that arg
// remembers; where windows overlap, gradients add up. H and W are those of x.
type MaxPoolBack struct {
	MaxPool
	H, W int
}

// Infer returns dx [N,H,W,C] for the inputs arg and dy.
func (m MaxPoolBack) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 2, 2); err != nil {
		return nil, err
	}
	arg, dy := in[0], in[1]
	if arg.Type != U8 || len(arg.Shape) != 4 || arg.Dims() != dy.Dims() {
		return nil, fmt.Errorf("arg is %s, gradient is %s", arg, dy)
	}
	x := Tensor{Shape: []int{dy.Shape[0], m.H, m.W, dy.Shape[3]}, Type: dy.Type}
	return []Tensor{x}, agrees(m.MaxPool, []Tensor{x}, dy)
}

// Grad is not supported: no model differentiates twice.
func (m MaxPoolBack) Grad(*Graph, Node, []Value) []Value { return nil }

// Flops counts one addition for each gradient.
func (m MaxPoolBack) Flops(in, _ []Tensor) int { return in[1].Len() }
