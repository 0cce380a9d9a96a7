package cpu

import (
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

// perAveraged is how many nanoseconds a place of a window takes.
const perAveraged = 1.0

func (b *builder) avgPool(op graph.AvgPool, n graph.Node) {
	k, y, x := avgPoolExtents(op, b.shape(n.In[0]), b.shape(n.Out[0])), b.f32(n.Out[0]), b.f32(n.In[0])
	b.split(k.N*k.P, perAveraged*float64(k.Q*k.C*k.R*k.S), func(lo, hi int, _ []float32) { k.Forward(y, x, lo, hi) })
}

func (b *builder) avgPoolBack(op graph.AvgPoolBack, n graph.Node) {
	k, dx, dy := avgPoolExtents(op.AvgPool, b.shape(n.Out[0]), b.shape(n.In[0])), b.f32(n.Out[0]), b.f32(n.In[0])
	b.split(k.N*k.H, perAveraged*float64(k.W*k.C), func(lo, hi int, _ []float32) { k.Back(dx, dy, lo, hi) })
}

func avgPoolExtents(op graph.AvgPool, x, y []int) kernel.AvgPool {
	return kernel.AvgPool{
		N: x[0], H: x[1], W: x[2], C: x[3],
		P: y[1], Q: y[2],
		R: op.R, S: op.S, Stride: op.Stride, Pad: op.Pad,
	}
}
