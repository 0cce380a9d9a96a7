//go:build cuda && linux && cgo

package cuda

import (
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
)

// multiplies reports whether a product or convolution has a kernel: one that is put
// together with what its epilogue can do, of extents that it can count.
func multiplies(n graph.Node, t []graph.Tensor) bool {
	switch op := n.Op.(type) {
	case graph.MatMul:
		a, b := t[n.In[0]], t[n.In[1]]
		y, err := op.Infer([]graph.Tensor{a, b})
		return err == nil && epilogue(op.Post) && op.Post.Pool == nil && product(op, a, y[0]).Check() == nil
	case graph.Conv:
		return epilogue(op.Post) && convolution(op, t[n.In[0]], t[n.In[1]]).Check() == nil
	case graph.ConvBackData:
		dy := t[n.In[1]].Shape
		x := graph.Tensor{Shape: []int{dy[0], op.H, op.W, max(1, op.Groups) * t[n.In[0]].Shape[3]}}
		return op.Unpool == nil && convolution(op.Conv, x, t[n.In[0]]).Check() == nil
	case graph.ConvBackFilter:
		x, o := t[n.In[0]], t[n.In[1]].Shape[3]
		w := graph.Tensor{Shape: []int{o, op.R, op.S, x.Shape[3]}}
		return op.Unpool == nil && convolution(op.Conv, x, w).Check() == nil
	}
	return true
}

// epilogue reports whether kernels can do that to sums.
func epilogue(p graph.Post) bool {
	act := p.Act
	if p.Norm != nil {
		act = p.Norm.Act
	}
	return stores(act) && (p.Pool == nil || kernel.Pools(*p.Pool))
}

// stores reports whether kernels apply an activation, if there is one, to what they store.
func stores(act *graph.Act) bool { return act == nil || !act.Kind.FromInput() }

// convolution returns the extents of op on x with w; x's type is the products'.
func convolution(op graph.Conv, x, w graph.Tensor) kernel.Conv {
	xs, ws := x.Shape, w.Shape
	return kernel.Conv{
		N: xs[0], H: xs[1], W: xs[2], I: xs[3], O: ws[0], R: ws[1], S: ws[2],
		P: (xs[1]+2*op.Pad-ws[1])/op.Stride + 1, Q: (xs[2]+2*op.Pad-ws[2])/op.Stride + 1,
		Stride: op.Stride, Pad: op.Pad, Groups: op.Groups, Type: x.Type,
	}
}

func (b *builder) conv(op graph.Conv, n graph.Node) []kernel.Launch {
	in, given := n.In, op.Post.Inputs()
	in, norm := in[:len(in)-given], in[len(in)-given:]
	var bias, arg kernel.Addr
	if len(in) == 3 {
		bias = b.at(in[2])
	}
	post := kernel.Post{Act: op.Post.Act, Pool: op.Post.Pool}
	switch {
	case op.Post.Norm != nil:
		post.Norm = &kernel.BatchNorm{C: b.tensor(norm[0]).Len(), Eps: op.Post.Norm.Eps, Act: op.Post.Norm.Act}
		b.wire(post.Norm, *op.Post.Norm, norm, norm[2:])
	case op.Post.Moments:
		post.Mean, post.Var = b.at(n.Out[1]), b.at(n.Out[2])
	case op.Post.Pool != nil:
		arg = b.at(n.Out[1])
	}
	c := convolution(op, b.tensor(in[0]), b.tensor(in[1]))
	return c.Forward(b.at(n.Out[0]), arg, b.at(in[0]), b.at(in[1]), bias, post, b.memory.take)
}

func (b *builder) convBackData(op graph.ConvBackData, n graph.Node) []kernel.Launch {
	c := convolution(op.Conv, b.tensor(n.Out[0]), b.tensor(n.In[0]))
	var plus kernel.Addr
	if op.Plus {
		plus = b.at(n.In[2])
	}
	return c.BackData(b.at(n.Out[0]), b.at(n.In[0]), b.at(n.In[1]), plus)
}

func (b *builder) convBackFilter(op graph.ConvBackFilter, n graph.Node) []kernel.Launch {
	c := convolution(op.Conv, b.tensor(n.In[0]), b.tensor(n.Out[0]))
	return c.BackFilter(b.at(n.Out[0]), b.at(n.In[0]), b.at(n.In[1]), b.memory.take)
}

// product returns the extents and types of a product y with a.
func product(op graph.MatMul, a, y graph.Tensor) kernel.MatMul {
	return kernel.MatMul{
		M: y.Shape[0], N: y.Shape[1], K: a.Len() / y.Shape[0],
		TransA: op.TransA, TransB: op.TransB, Type: a.Type, Out: y.Type, Act: op.Post.Act,
	}
}

func (b *builder) matMul(op graph.MatMul, n graph.Node) []kernel.Launch {
	m := product(op, b.tensor(n.In[0]), b.tensor(n.Out[0]))
	m.Y, m.A, m.B = b.at(n.Out[0]), b.at(n.In[0]), b.at(n.In[1])
	if len(n.In) == 3 {
		m.Bias = b.at(n.In[2])
	}
	return m.Launches(b.memory.take)
}
