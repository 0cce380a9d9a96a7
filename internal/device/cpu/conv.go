package cpu

import (
	"math"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

func (b *builder) conv(op graph.Conv, n graph.Node) {
	c := b.convExtents(op, n.In[0], n.In[1])
	if b.err != nil {
		return
	}
	l := kernel.Layer{X: b.f32(n.In[0]), ReLU: op.Post.Act != nil && op.Post.Act.Kind == graph.ReLU}
	if len(n.In)-op.Post.Inputs() == 3 {
		l.Bias = b.f32(n.In[2])
	}
	if c.Depthwise() {
		slides := c.DepthwiseForward()
		b.convPost(op.Post, slides, l, b.packDepthwise(c, n.In[1]), c, n)
		return
	}
	if op.Post.Pool != nil {
		if f, filters := b.forward(c, n.In[1]); b.err == nil {
			b.convPool(op.Post, c, f, l, filters, n)
		}
		return
	}
	if f, filters := b.forward(c, n.In[1]); b.err == nil {
		b.convPost(op.Post, f, l, filters, c, n)
	}
}

// pools reports whether pooling can follow the sums in scratch: there is no such form of
// depthwise convolutions, and bands of two lines hold windows of two alone.
func pools(c kernel.Conv, pool graph.MaxPool) bool {
	return !c.Depthwise() && (!c.InPatches() || pool.Kernel == 2 && pool.Stride == 2)
}

// forward returns what computes y, and the filters v that it reads.
func (b *builder) forward(c kernel.Conv, v graph.Value) (imageForm, *packed) {
	if f := c.ForwardWinograd(b.set); f != nil {
		return f, b.packFilters(f, v, packWinograd, transformed*c.Taps(), f.Pack)
	}
	walk := c.Forward(b.set)
	if b.tooLarge(walk) {
		return nil, nil
	}
	return walk, b.packFilters(walk, v, packForward, c.Taps(), func(data, w []float32, lo, hi int, _ []float32) {
		c.PackForward(b.set, data, w, lo, hi)
	})
}

// backData returns what computes dx, and the filters v that it reads.
func (b *builder) backData(c kernel.Conv, v graph.Value) (imageForm, *packed) {
	if f := c.BackDataWinograd(b.set); f != nil {
		return f, b.packFilters(f, v, packWinogradBack, transformed*c.Taps(), f.Pack)
	}
	walk := c.BackData(b.set)
	if b.tooLarge(walk) {
		return nil, nil
	}
	return walk, b.packFilters(walk, v, packBackData, c.R*c.S*c.O/max(1, c.Groups), func(data, w []float32, lo, hi int, _ []float32) {
		c.PackBackData(b.set, data, w, lo, hi)
	})
}

// transformed is how many elements Winograd's transform makes of one of a filter.
const transformed = 2

// packFilters packs the filters v, a matrix of columns of depth elements, for a form.
func (b *builder) packFilters(f filtered, v graph.Value, how packing, depth int, run func(data, w []float32, lo, hi int, scratch []float32)) *packed {
	w := b.f32(v)
	b.scratch.memberNeed = max(b.scratch.memberNeed, f.Scratch())
	return b.pack(v, how, f.Packed(), f.Panels(), depth, func(data []float32, lo, hi int, scratch []float32) {
		run(data, w, lo, hi, scratch)
	})
}

// packDepthwise packs the filters of a depthwise convolution.
func (b *builder) packDepthwise(c kernel.Conv, v graph.Value) *packed {
	w := b.f32(v)
	return b.pack(v, packDepthwise, len(w), []int{0, c.O}, c.R*c.S, func(data []float32, lo, hi int, _ []float32) {
		c.PackDepthwise(data, w, lo, hi)
	})
}

// convPost computes y and what else follows the sums but pooling.
func (b *builder) convPost(post graph.Post, f form, l kernel.Layer, filters *packed, c kernel.Conv, n graph.Node) {
	l.Y = b.f32(n.Out[0])
	rows := c.N * c.Places()
	switch {
	case post.Norm != nil:
		norm := b.given(*post.Norm, n, len(n.In)-post.Inputs(), rows)
		var plus []float32
		if post.Norm.Plus {
			plus = b.f32(n.In[len(n.In)-1])
		}
		b.bands(f, l, filters, c, c.O, afterwards{perNormed, func(s strip) { norm.ApplyTo(s.of(l.Y), s.of(plus), s.j, s.end) }})
	case post.Moments:
		norm := kernel.NewNorm(c.O, rows)
		mean, variance := b.f32(n.Out[1]), b.f32(n.Out[2])
		if l.Y == nil { // nobody reads but its moments
			l.Y = make([]float32, rows*c.O)
		}
		var partials []float64 // made when it is known how many
		each := kernel.PartialSize * c.O
		counts := b.bands(f, l, filters, c, c.O, afterwards{perSquared, func(s strip) {
			norm.Moments(partials[s.part*each:][:each], s.of(l.Y), s.j, s.end)
		}})
		partials = make([]float64, each*len(counts))
		b.statistics(norm, mean, variance, partials, counts, 0)
	default:
		var then afterwards
		if act, more := actAfter(post); more {
			then = afterwards{act.each, func(s strip) { s.each(func(lo, hi int) { act.forward(l.Y[lo:hi], l.Y[lo:hi]) }) }}
		}
		b.bands(f, l, filters, c, c.O, then)
	}
}

// actAfter returns the activation of sums, if there is one that tiles do not store
// themselves.
func actAfter(post graph.Post) (act activation, more bool) {
	if post.Act == nil || post.Act.Kind == graph.ReLU {
		return activation{}, false
	}
	return activations[post.Act.Kind], true
}

// convPool cuts the pooled images into lines, some of them together. The lines of y
// under them exist in scratch alone.
func (b *builder) convPool(post graph.Post, c kernel.Conv, f imageForm, l kernel.Layer, filters *packed, n graph.Node) {
	pool := convPoolExtents(*post.Pool, c)
	act, more := actAfter(post)
	y, arg := b.f32(n.Out[0]), b.bytes(n.Out[1])
	image, line := c.H*c.W*c.I, pool.Q*pool.C
	most := min(pool.P, f.Least()) // pooled lines at once
	high := func(lines int) int { return (lines-1)*pool.Stride + pool.Kernel }
	strip, work := high(most)*c.Q*c.O, align(f.Scratch())
	b.scratch.memberNeed = max(b.scratch.memberNeed, work+align(strip)+most*line)
	groups := ceil(pool.P, most) // of an image
	each := convTime(c)/float64(groups) + act.each*float64(strip) + perPooled*float64(most*line*pool.Kernel*pool.Kernel)
	b.split(c.N*groups, each, func(lo, hi int, scratch []float32) {
		l := l
		l.Packed = filters.data // allocated after this was written
		l.Y = scratch[work:][:strip]
		for group := lo; group < hi; group++ {
			first := group % groups * most
			lines := min(most, pool.P-first)
			at := group/groups*pool.P + first
			values, which := scratch[work+align(strip):][:lines*line], arg
			if y != nil {
				values = y[at*line:][:lines*line]
			}
			if arg != nil {
				which = arg[at*line:][:lines*line]
			}
			top := first * pool.Stride / f.Height()
			f.ComputeInto(l, l.X[group/groups*image:], top, top+high(lines)/f.Height(), scratch)
			some := pool // what lies in a strip
			some.N, some.H, some.P = 1, high(lines), lines
			sums := l.Y[:some.H*c.Q*c.O]
			if more {
				act.forward(sums, sums)
			}
			some.Forward(values, which, sums, 0, lines)
		}
	})
}

func (b *builder) convBackData(op graph.ConvBackData, n graph.Node) {
	c := b.convExtents(op.Conv, n.Out[0], n.In[0])
	if b.err != nil {
		return
	}
	if c.Depthwise() {
		b.addedBackData(c.DepthwiseBackData(), b.packDepthwise(c, n.In[0]), c, op, n)
		return
	}
	if few := c.FewBackData(b.set); few != nil {
		b.fewBackData(few, c, op, n)
		return
	}
	f, filters := b.backData(c, n.In[0])
	if b.err != nil {
		return
	}
	if op.Unpool == nil {
		b.addedBackData(f, filters, c, op, n)
		return
	}
	y, plus := b.f32(n.Out[0]), b.plus(op, n)
	image := c.H * c.W * c.I
	dy := b.gradients(op.Unpool, c, n, align(f.Scratch()))
	b.split(c.N, convTime(c), func(lo, hi int, scratch []float32) {
		for i := lo; i < hi; i++ {
			f.ComputeBands(kernel.Layer{Y: y[i*image:], X: dy(i, scratch), Packed: filters.data}, 0, f.Bands(), 0, c.I, scratch)
			addTo(y, plus, i*image, (i+1)*image)
		}
	})
}

// addedBackData computes dx and adds to it what it is to be added to.
func (b *builder) addedBackData(f form, filters *packed, c kernel.Conv, op graph.ConvBackData, n graph.Node) {
	l, plus := kernel.Layer{Y: b.f32(n.Out[0]), X: b.f32(n.In[1])}, b.plus(op, n)
	var then afterwards
	if plus != nil {
		then = afterwards{perElement, func(s strip) { s.each(func(lo, hi int) { addTo(l.Y, plus, lo, hi) }) }}
	}
	b.bands(f, l, filters, c, c.I, then)
}

// plus returns what a gradient is added to, or nil.
func (b *builder) plus(op graph.ConvBackData, n graph.Node) []float32 {
	if !op.Plus {
		return nil
	}
	return b.f32(n.In[len(n.In)-1])
}

// addTo adds the elements lo to hi of plus, where that is not nil, to those of y.
func addTo(y, plus []float32, lo, hi int) {
	if plus != nil {
		kernel.Add(y[lo:hi], y[lo:hi], plus[lo:hi])
	}
}

// fewBackData is convBackData of few channels.
func (b *builder) fewBackData(few *kernel.FewBack, c kernel.Conv, op graph.ConvBackData, n graph.Node) {
	dx, w := b.f32(n.Out[0]), b.f32(n.In[0])
	work := align(few.Scratch())
	b.scratch.memberNeed = max(b.scratch.memberNeed, work)
	filters := b.pack(n.In[0], packFew, few.Packed(), []int{0, 1}, len(w), func(data []float32, _, _ int, _ []float32) { few.Pack(data, w) })
	image, dy, plus := c.H*c.W*c.I, b.gradients(op.Unpool, c, n, work), b.plus(op, n)
	b.split(c.N, convTime(c), func(lo, hi int, scratch []float32) {
		for i := lo; i < hi; i++ {
			few.Compute(dx[i*image:], filters.data, dy(i, scratch), scratch)
			addTo(dx, plus, i*image, (i+1)*image)
		}
	})
}

// tooLarge notes an error where a walk's list has no room in 32 bits.
func (b *builder) tooLarge(w *kernel.Walk) bool {
	if w.TooLarge() {
		b.err = fault.New(fault.Room, "memory", "", "use a smaller --img-size", "an image has more places than the CPU's convolutions take")
	}
	return b.err != nil
}

// A strip is a part of the output of a convolution, rows of width columns, that one chunk
// has just computed: of the rows lo to hi the columns j to end. Strips of the same
// rows have one part.
type strip struct{ part, width, lo, hi, j, end int }

// of returns the rows of x, and nil for no tensor.
func (s strip) of(x []float32) []float32 { return rowsOf(x, s.width, s.lo, s.hi) }

// each calls do with each run of elements of the output that are the strip.
func (s strip) each(do func(lo, hi int)) {
	if s.j == 0 && s.end == s.width {
		do(s.lo*s.width, s.hi*s.width)
		return
	}
	for row := s.lo; row < s.hi; row++ {
		do(row*s.width+s.j, row*s.width+s.end)
	}
}

// A form is how a convolution's output, or a gradient, is computed: in bands, each some
// lines of an image.
type form interface {
	Bands() int        // of an image
	Rows(band int) int // of the output, before a band, counted over all images
	Least() int        // bands that are best computed in one call
	ComputeBands(l kernel.Layer, lo, hi, j, end int, scratch []float32)
}

// An imageForm is one whose bands are all of as many lines, and can go elsewhere: a
// Walk or a Winograd.
type imageForm interface {
	form
	Height() int // of a band, in lines
	Scratch() int
	ComputeInto(l kernel.Layer, x []float32, lo, hi int, scratch []float32)
}

// A filtered reads packed filters.
type filtered interface {
	Packed() int   // elements of them
	Panels() []int // of their columns
	Scratch() int
}

// An afterwards is what is done to every strip that has been computed, and the time of
// an element; the zero value does nothing.
type afterwards struct {
	each float64
	run  func(strip)
}

// bands adds the phase that computes a convolution, in whole bands. Where the filters
// fill a cache, a chunk takes some of them through all images, else all of them
// through some. It returns the rows of each part, which follow from the extents alone:
// moments of a part are sums of their own.
func (b *builder) bands(f form, l kernel.Layer, filters *packed, c kernel.Conv, columns int, then afterwards) (counts []int) {
	const large = 1 << 17 // elements
	units := c.N * f.Bands()
	strips := []int{0, columns}
	if c.O*c.Taps() > large && !c.Depthwise() {
		strips = c.Strips(columns)
	}
	across := len(strips) - 1
	time := float64(c.N)*convTime(c) + then.each*float64(f.Rows(units)*columns)
	down := max(1, min(ceil(units, f.Least()), cut(units, time/float64(units))/across))
	b.phases = append(b.phases, phase{chunks: across * down, run: func(chunk int, scratch []float32) {
		l := l
		l.Packed = filters.data // allocated after this was written
		j, part := chunk/down, chunk%down
		lo, hi := units*part/down, units*(part+1)/down
		f.ComputeBands(l, lo, hi, strips[j], strips[j+1], scratch)
		if then.run != nil {
			then.run(strip{part: part, width: columns, lo: f.Rows(lo), hi: f.Rows(hi), j: strips[j], end: strips[j+1]})
		}
	}})
	for part := range down {
		counts = append(counts, f.Rows(units*(part+1)/down)-f.Rows(units*part/down))
	}
	return counts
}

// convBackFilter cuts the panels of dw into chunks, and the images into groups
// where there are few of them. Each group has a sum of its own, so their number
// follows from how many panels dw would fill, whatever the set's own are.
func (b *builder) convBackFilter(op graph.ConvBackFilter, n graph.Node) {
	c := b.convExtents(op.Conv, n.In[0], n.Out[0])
	if b.err != nil {
		return
	}
	if c.InPatches() {
		b.winogradBackFilter(c, op, n)
		return
	}
	dw, x := b.f32(n.Out[0]), b.f32(n.In[0])
	chunks := cut(mostChunks, float64(c.N)*convTime(c)/mostChunks)
	many := mostGroups(c, len(dw))
	image, size := c.H*c.W*c.I, c.Places()*c.O
	if op.Unpool != nil { // an image at a time
		f := kernel.NewFilter(b.set, c)
		dy := b.gradients(op.Unpool, c, n, align(f.Scratch()))
		b.filterSums(f, c, dw, min(many, chunks), 1, func(sum []float32, from, until, lo, hi int, scratch []float32) {
			for i := lo; i < hi; i++ {
				f.Sum(sum, x[i*image:], dy(i, scratch), from, until, 1, i > lo, scratch)
			}
		})
		return
	}
	panels := ceil(len(dw), kernel.PanelSide*kernel.PanelSide)
	f, dy, groups := kernel.NewFilter(b.set, c), b.f32(n.In[1]), min(many, chunks, ceil(enough, panels))
	b.filterSums(f, c, dw, groups, max(1, min(f.Panels(), chunks/groups, ceil(4*b.threads, groups))), func(sum []float32, from, until, lo, hi int, scratch []float32) {
		f.Sum(sum, x[lo*image:], dy[lo*size:], from, until, hi-lo, false, scratch)
	})
}

// enough are the chunks that a filter's gradient is cut into by groups of images where
// there are few panels.
const enough = 64

// mostGroups returns how many groups of images may have a sum of so many elements each.
func mostGroups(c kernel.Conv, size int) int {
	const most, mostElements = 16, 1 << 23
	return min(most, c.N, max(1, mostElements/size))
}

// winogradBackFilter is convBackFilter by patches: sums of groups of images, which are
// transformed to dw at the end.
func (b *builder) winogradBackFilter(c kernel.Conv, op graph.ConvBackFilter, n graph.Node) {
	chunks := cut(mostChunks, float64(c.N)*convTime(c)/mostChunks)
	w := c.BackFilterWinograd(b.set, kernel.PanelSide)
	groups := min(mostGroups(c, w.Size()), chunks, ceil(enough, w.Panels()))
	if groups*w.Panels() < 2*b.threads { // smaller panels transform the same more often
		w = c.BackFilterWinograd(b.set, kernel.PanelSide/2)
	}
	dw, x, room, work := b.f32(n.Out[0]), b.f32(n.In[0]), b.scratch, align(w.Scratch())
	room.memberNeed = max(room.memberNeed, work)
	room.commonNeed = max(room.commonNeed, groups*w.Size())
	dy, together, parts := b.gradients(op.Unpool, c, n, work), c.N, max(1, min(w.Panels(), chunks/groups))
	if op.Unpool != nil { // an image at a time, and once
		together, parts = 1, 1
	}
	image := c.H * c.W * c.I
	b.phases = append(b.phases, phase{chunks: groups * parts, run: func(chunk int, scratch []float32) {
		group, part := chunk/parts, chunk%parts
		sums := room.common[group*w.Size():][:w.Size()]
		lo, hi := c.N*group/groups, c.N*(group+1)/groups
		for i := lo; i < hi; i += together {
			w.Sum(sums, x[i*image:], dy(i, scratch), w.Panels()*part/parts, w.Panels()*(part+1)/parts, min(together, hi-i), i > lo, scratch)
		}
	}})
	b.split(w.Panels(), perElement*float64(groups*w.Size()/w.Panels()), func(lo, hi int, _ []float32) {
		w.Finish(dw, room.common[:groups*w.Size()], lo, hi)
	})
}

// filterSums adds the phases that sum dw over groups of images, each group in
// parts of the panels, and then over the groups. run computes the panels from to
// until over the images lo to hi.
func (b *builder) filterSums(f *kernel.Filter, c kernel.Conv, dw []float32, groups, parts int, run func(sum []float32, from, until, lo, hi int, scratch []float32)) {
	room := b.scratch
	room.memberNeed = max(room.memberNeed, f.Scratch())
	direct := groups == 1 && !f.Transposed
	if !direct {
		room.commonNeed = max(room.commonNeed, groups*len(dw))
	}
	b.phases = append(b.phases, phase{chunks: groups * parts, run: func(chunk int, scratch []float32) {
		group, part := chunk/parts, chunk%parts
		sum := dw
		if !direct {
			sum = room.common[group*len(dw):][:len(dw)]
		}
		run(sum, f.Panels()*part/parts, f.Panels()*(part+1)/parts, c.N*group/groups, c.N*(group+1)/groups, scratch)
	}})
	if !direct {
		b.whole(func() { f.Finish(dw, room.common[:groups*len(dw)]) })
	}
}

// gradients returns what finds dy [P,Q,O] of an image, the last inputs of n. With
// unpool it is unpooled into scratch, from element work on.
func (b *builder) gradients(unpool *graph.MaxPool, c kernel.Conv, n graph.Node, work int) func(image int, scratch []float32) []float32 {
	if unpool == nil {
		dy, size := b.f32(n.In[1]), c.Places()*c.O
		return func(image int, _ []float32) []float32 { return dy[image*size:] }
	}
	pool, arg, dy := convPoolExtents(*unpool, c), b.bytes(n.In[1]), b.f32(n.In[2])
	offsets, pooled, full := pool.Offsets(), pool.P*pool.Q*pool.C, pool.H*pool.W*pool.C
	b.scratch.memberNeed = max(b.scratch.memberNeed, work+full)
	return func(image int, scratch []float32) []float32 {
		dx := scratch[work:][:full]
		pool.Back(dx, arg[image*pooled:], dy[image*pooled:], offsets, 0, 1)
		return dx
	}
}

// convTime returns how many nanoseconds an image takes.
func convTime(c kernel.Conv) float64 {
	return perFlop * float64(2*c.Places()*c.O*c.Taps())
}

// convExtents returns the extents of a convolution of the tensors x and w. Kernels count the
// bytes of one image in 32 bits; that there are more is an error.
func (b *builder) convExtents(op graph.Conv, x, w graph.Value) kernel.Conv {
	c := extents(op, b.shape(x), b.shape(w))
	if size := 4 * max(c.H*c.W*c.I, c.Places()*c.O); size > math.MaxInt32 {
		b.err = fault.New(fault.Room, "memory", "", "use a smaller --img-size",
			"an image of %d bytes between two layers is more than the CPU's convolutions take (2 GiB)", size)
	}
	return c
}

// extents returns those of a convolution of x with w, of these shapes.
func extents(op graph.Conv, x, w []int) kernel.Conv {
	return kernel.Conv{
		N: x[0], H: x[1], W: x[2], I: x[3],
		O: w[0], R: w[1], S: w[2],
		P: places(x[1], w[1], op.Stride, op.Pad), Q: places(x[2], w[2], op.Stride, op.Pad),
		Stride: op.Stride, Pad: op.Pad, Groups: op.Groups,
	}
}

// convPoolExtents returns the extents of pooling what a convolution gives, by windows
// that are apart.
func convPoolExtents(op graph.MaxPool, c kernel.Conv) kernel.Pool {
	return kernel.Pool{
		N: c.N, H: c.P, W: c.Q, C: c.O,
		P: places(c.P, op.Kernel, op.Stride, 0), Q: places(c.Q, op.Kernel, op.Stride, 0),
		Kernel: op.Kernel, Stride: op.Stride,
	}
}

// places returns how many places a window has that slides over an extent.
func places(extent, window, stride, pad int) int { return (extent+2*pad-window)/stride + 1 }
