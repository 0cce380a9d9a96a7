package graph

import "fmt"

// MatMul is the product of two matrices, plus a bias [N] on each row where a
// third input is given:
//
//	y[m,n] = bias[n] + Σ_k a[m,k]·b[k,n]
//
// TransA says that a lies in memory as [K,M], TransB that b lies as [N,K]. A
// linear layer with PyTorch's weight [O,I] is MatMul{TransB: true}. a and b have one
// type, the bias is F32. Out is the type of y, that of a and b or F32: F32 keeps
// what the sums hold. Post acts on y before it is stored.
type MatMul struct {
	TransA, TransB bool
	Out            DType
	Post           Post
}

// Infer returns y [M,N].
func (m MatMul) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 2, 3); err != nil {
		return nil, err
	}
	if err := ranked(in[:2], 2, 2); err != nil {
		return nil, err
	}
	rows, k := in[0].Shape[0], in[0].Shape[1]
	if m.TransA {
		rows, k = k, rows
	}
	kb, cols := in[1].Shape[0], in[1].Shape[1]
	if m.TransB {
		kb, cols = cols, kb
	}
	if k != kb {
		return nil, fmt.Errorf("input has %d features, weight wants %d", k, kb)
	}
	if in[0].Type != in[1].Type || m.Out != F32 && m.Out != in[0].Type {
		return nil, fmt.Errorf("factors are %s and %s, product is to be %s: want one type, or f32 for the product", in[0], in[1], m.Out)
	}
	if len(in) == 3 && (len(in[2].Shape) != 1 || in[2].Shape[0] != cols || in[2].Type != F32) {
		return nil, fmt.Errorf("bias is %s, want f32 for the product's %d columns", in[2], cols)
	}
	if m.Post.Norm != nil || m.Post.Moments {
		return nil, fmt.Errorf("a batch norm is fused into a convolution alone")
	}
	return m.Post.infer(Tensor{Shape: []int{rows, cols}, Type: m.Out}, nil)
}

// Grad is two more products, written so that nothing is transposed in memory.
func (m MatMul) Grad(g *Graph, n Node, dout []Value) []Value {
	a, b, dy := n.In[0], n.In[1], dout[0]
	typ := g.Tensor(a).Type // of both, and so of their gradients
	if g.Tensor(dy).Type != typ {
		dy = g.Add(n.Name, Cast{To: typ}, dy)[0]
	}
	product := func(transA, transB bool, a, b Value) Value {
		return g.Add(n.Name, MatMul{TransA: transA, TransB: transB, Out: typ}, a, b)[0]
	}
	var da, db Value
	if m.TransA {
		da = product(m.TransB, true, b, dy)
	} else {
		da = product(false, !m.TransB, dy, b)
	}
	if m.TransB {
		db = product(true, m.TransA, dy, a)
	} else {
		db = product(!m.TransA, false, a, dy)
	}
	din := []Value{da, db}
	if len(n.In) == 3 {
		din = append(din, g.Add(n.Name, ChannelSum{}, dy)[0])
	}
	return din
}

// Flops counts K multiply-adds for each element of y, and what Post takes.
func (m MatMul) Flops(in, out []Tensor) int {
	k := in[0].Shape[1]
	if m.TransA {
		k = in[0].Shape[0]
	}
	return 2*k*out[0].Len() + m.Post.flops(out[0])
}

// Parts names the operations that m does the work of.
func (m MatMul) Parts() []string { return m.Post.parts("MatMul") }
