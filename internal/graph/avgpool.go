package graph

import "fmt"

// AvgPool is the mean of each R×S window of x [N,H,W,C]:
//
//	y[n,p,q,c] = 1/(R·S) Σ_{r,s} x[n, p·Stride+r−Pad, q·Stride+s−Pad, c]
//
// Outside x stand zeros, which count as places of the window, as PyTorch has it
// unless told otherwise.
type AvgPool struct {
	R, S        int
	Stride, Pad int
}

// Infer returns y [N,P,Q,C].
func (a AvgPool) Infer(in []Tensor) ([]Tensor, error) {
	if err := ranked(in, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	p, q, err := window{a.R, a.S, a.Stride, a.Pad, "window"}.slide(x[1], x[2])
	if err != nil {
		return nil, err
	}
	if 2*a.Pad > min(a.R, a.S) {
		return nil, fmt.Errorf("window %d×%d with padding %d: at most half of it", a.R, a.S, a.Pad)
	}
	return []Tensor{{Shape: []int{x[0], p, q, x[3]}, Type: in[0].Type}}, nil
}

// Grad uses AvgPoolBack.
func (a AvgPool) Grad(g *Graph, n Node, dout []Value) []Value {
	x := g.Tensor(n.In[0]).Shape
	return g.Add(n.Name, AvgPoolBack{a, x[1], x[2]}, dout[0])
}

// Flops counts one addition for each place of a window.
func (a AvgPool) Flops(_, out []Tensor) int { return out[0].Len() * a.R * a.S }

// AvgPoolBack spreads each gradient of dy [N,P,Q,C] over its window:
//
//	dx[n,h,w,c] = 1/(R·S) Σ dy[n,p,q,c]  over the windows that cover h, w
//
// H and W are those of x.
type AvgPoolBack struct {
	AvgPool
	H, W int
}

// Infer returns dx [N,H,W,C].
func (a AvgPoolBack) Infer(in []Tensor) ([]Tensor, error) {
	if err := ranked(in, 4); err != nil {
		return nil, err
	}
	dy := in[0]
	x := Tensor{Shape: []int{dy.Shape[0], a.H, a.W, dy.Shape[3]}, Type: dy.Type}
	return []Tensor{x}, agrees(a.AvgPool, []Tensor{x}, dy)
}

// Grad is not supported: no model differentiates twice.
func (a AvgPoolBack) Grad(*Graph, Node, []Value) []Value { return nil }

// Flops counts one addition for each place of a window.
func (a AvgPoolBack) Flops(in, _ []Tensor) int { return in[0].Len() * a.R * a.S }
