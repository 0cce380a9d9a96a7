package cpu

import (
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

// convPost is a convolution with what follows it.
func (b *builder) convPost(op graph.Conv, n graph.Node) {
	post := op.Post
	op.Post = graph.Post{}
	if post.Pool != nil {
		b.convPool(op, post, n)
		return
	}
	b.conv(op, n)
	b.actInPlace(n.Out[0])
}

// matMulPost is a product with the activation that follows it.
func (b *builder) matMulPost(op graph.MatMul, n graph.Node) {
	op.Post = graph.Post{}
	b.matMul(op, n)
	b.actInPlace(n.Out[0])
}

// actInPlace applies the activation to what the phase before has stored.
func (b *builder) actInPlace(v graph.Value) {
	y := b.f32(v)
	b.split(len(y), perElement, func(lo, hi int, _ []float32) { kernel.ReLU(y[lo:hi], y[lo:hi]) })
}

// convPool cuts the pooled image into lines. The lines of y under them exist in
// scratch alone, at their places in an image that is otherwise not touched.
func (b *builder) convPool(op graph.Conv, post graph.Post, n graph.Node) {
	one, pool := b.pooledImage(op, post.Pool, n.In[0], n.In[1])
	x, images := b.f32(n.In[0]), b.shape(n.In[0])[0]
	y, arg := b.f32(n.Out[0]), b.bytes(n.Out[1])
	var bias []float32
	if len(n.In) == 3 {
		bias = b.f32(n.In[2])
	}
	filters := b.filters(one, b.f32(n.In[1]))
	sums, pooled, work := one.Places()*one.O, pool.P*pool.Q*pool.C, align(one.Scratch())
	b.scratch.memberNeed = max(b.scratch.memberNeed, work+align(sums)+pooled)
	image := func(from, lo, hi int, scratch []float32) {
		full, values, which := scratch[work:][:sums], scratch[work+align(sums):], arg
		if y != nil {
			values = y[from*pooled:]
		}
		if arg != nil {
			which = arg[from*pooled:]
		}
		top, bottom := lo*pool.Stride*one.Q, ((hi-1)*pool.Stride+pool.Kernel)*one.Q
		one.Forward(full, x[from*one.H*one.W*one.I:], filters(), bias, scratch, top, bottom)
		if post.Act != nil {
			part := full[top*one.O : bottom*one.O]
			kernel.ReLU(part, part)
		}
		pool.Forward(values, which, full, lo, hi)
	}
	each := float64(pool.Kernel*one.Q)*one.time() + perPooled*float64(pool.Q*pool.C*pool.Kernel*pool.Kernel)
	b.split(images*pool.P, each, func(lo, hi int, scratch []float32) {
		for lo < hi {
			from := lo / pool.P
			end := min(hi, (from+1)*pool.P)
			image(from, lo-from*pool.P, end-from*pool.P, scratch)
			lo = end
		}
	})
}

// convBackDataUnpool unpools the gradients of one image at a time into scratch.
func (b *builder) convBackDataUnpool(op graph.ConvBackData, n graph.Node) {
	one, pool := b.pooledImage(op.Conv, op.Unpool, n.Out[0], n.In[0])
	dx, w := b.f32(n.Out[0]), b.f32(n.In[0])
	unpool, room := b.unpool(one, pool, n.In[1], n.In[2])
	b.scratch.memberNeed = max(b.scratch.memberNeed, room)
	size := one.H * one.W * one.I
	b.split(len(dx)/size, float64(one.Places())*one.time(), func(lo, hi int, scratch []float32) {
		for i := lo; i < hi; i++ {
			one.BackData(dx[i*size:], w, unpool(i, scratch), scratch, 0, 1)
		}
	})
}

// convBackFilterUnpool does as convBackDataUnpool. The sum over an image is added
// to that over the images before it in the partial sum.
func (b *builder) convBackFilterUnpool(op graph.ConvBackFilter, n graph.Node) {
	one, pool := b.pooledImage(op.Conv, op.Unpool, n.In[0], n.Out[0])
	dw, x := b.f32(n.Out[0]), b.f32(n.In[0])
	unpool, room := b.unpool(one, pool, n.In[1], n.In[2])
	b.scratch.memberNeed = max(b.scratch.memberNeed, room+one.Filters())
	size := one.H * one.W * one.I
	b.partials(sum{y: dw, rows: one.O, cols: one.Taps(), stride: one.Row(), size: one.Filters()}, len(x)/size, float64(one.Places())*one.time(),
		func(partial []float32, lo, hi int, scratch []float32) {
			one.BackFilter(partial, x[lo*size:], unpool(lo, scratch), scratch, 0, 1)
			more := scratch[room:][:one.Filters()]
			for i := lo + 1; i < hi; i++ {
				one.BackFilter(more, x[i*size:], unpool(i, scratch), scratch, 0, 1)
				kernel.Add(partial, partial, more)
			}
		})
}

// unpool returns what unpools the gradients of an image into scratch, behind the
// room that the convolution works in, and how much room both take.
func (b *builder) unpool(one convolution, pool kernel.Pool, winners, gradients graph.Value) (unpool func(image int, scratch []float32) []float32, room int) {
	arg, dy := b.bytes(winners), b.f32(gradients)
	offsets, pooled := pool.Offsets(), pool.P*pool.Q*pool.C
	work, full := align(one.Scratch()), one.Places()*one.O
	return func(image int, scratch []float32) []float32 {
		dx := scratch[work:][:full]
		pool.Back(dx, arg[image*pooled:], dy[image*pooled:], offsets, 0, 1)
		return dx
	}, work + align(full)
}

// pooledImage returns the extents of one image of a convolution and of the
// pooling of what it gives.
func (b *builder) pooledImage(op graph.Conv, windows *graph.MaxPool, x, w graph.Value) (convolution, kernel.Pool) {
	xs, ws := b.shape(x), b.shape(w)
	slide := func(extent, window, stride, pad int) int { return (extent+2*pad-window)/stride + 1 }
	c := convolution{kernel.Conv{
		N: 1, H: xs[1], W: xs[2], I: xs[3],
		O: ws[0], R: ws[1], S: ws[2],
		P: slide(xs[1], ws[1], op.Stride, op.Pad), Q: slide(xs[2], ws[2], op.Stride, op.Pad),
		Stride: op.Stride, Pad: op.Pad,
	}}
	return c, kernel.Pool{
		N: 1, H: c.P, W: c.Q, C: c.O,
		P: slide(c.P, windows.Kernel, windows.Stride, 0), Q: slide(c.Q, windows.Kernel, windows.Stride, 0),
		Kernel: windows.Kernel, Stride: windows.Stride,
	}
}
