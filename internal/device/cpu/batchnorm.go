package cpu

import (
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
	"imgcls/internal/kernels/cpu/vec"
)

// perNormed is how many nanoseconds an element of a batch norm takes in one pass.
const perNormed = 0.25

// moments adds a phase that leaves partial sums for each channel and chunk of rows,
// and returns these and the rows of each chunk.
func (b *builder) moments(channels, rows int, run func(partial []float64, lo, hi int)) (partials []float64, counts []int) {
	const most = 64
	chunks := min(cut(rows, 2*perNormed*float64(channels)), most)
	each := kernel.PartialSize * channels
	partials = make([]float64, each*chunks)
	for k := range chunks {
		counts = append(counts, rows*(k+1)/chunks-rows*k/chunks)
	}
	b.phases = append(b.phases, phase{chunks: chunks, run: func(k int, _ []float32) {
		run(partials[each*k:][:each], rows*k/chunks, rows*(k+1)/chunks)
	}})
	return partials, counts
}

// newNorm returns the norm of x [places,C] with the activation that follows it.
func newNorm(op graph.BatchNorm, channels, places int) *kernel.Norm {
	norm := kernel.NewNorm(channels, places)
	switch {
	case op.Act == nil:
	case op.Act.Kind == graph.ReLU:
		norm.Bound(vec.Unbounded)
	case op.Act.Kind == graph.ReLU6:
		norm.Bound(6)
	default:
		norm.Then(activations[op.Act.Kind].forward)
	}
	return norm
}

// rowsOf returns rows lo to hi of x [places,C], and nil for no tensor.
func rowsOf(x []float32, channels, lo, hi int) []float32 {
	if x == nil {
		return nil
	}
	return x[lo*channels : hi*channels]
}

// statistics adds the phase that finishes what Moments left of chunks of so many rows.
func (b *builder) statistics(norm *kernel.Norm, mean, variance []float32, partials []float64, counts []int, eps float64) {
	b.split(norm.C, 2*perElement*float64(len(counts)), func(lo, hi int, _ []float32) {
		norm.Statistics(mean, variance, partials, counts, eps, lo, hi)
	})
}

// given returns a norm whose statistics and factors are inputs of n, from the first
// one on, and which a phase makes ready.
func (b *builder) given(op graph.BatchNorm, n graph.Node, first, places int) *kernel.Norm {
	in := func(i int) []float32 { return b.f32(n.In[first+i]) }
	weight, bias, mean, variance := in(0), in(1), in(2), in(3)
	norm := newNorm(op, len(weight), places)
	b.whole(func() {
		norm.Given(mean, variance, op.Eps)
		norm.Prepare(weight, bias)
	})
	return norm
}

func (b *builder) batchNorm(op graph.BatchNorm, n graph.Node) {
	y, x, weight, bias := b.f32(n.Out[0]), b.f32(n.In[0]), b.f32(n.In[1]), b.f32(n.In[2])
	var plus []float32
	if op.Plus {
		plus = b.f32(n.In[len(n.In)-1])
	}
	c := len(weight)
	rows := len(x) / c
	var norm *kernel.Norm
	if op.Running {
		norm = b.given(op, n, 1, rows)
	} else {
		norm = newNorm(op, c, rows)
		mean, variance := b.f32(n.Out[1]), b.f32(n.Out[2])
		partials, counts := b.moments(c, rows, func(partial []float64, lo, hi int) { norm.Moments(partial, x[lo*c:hi*c], 0, c) })
		b.statistics(norm, mean, variance, partials, counts, op.Eps)
		b.whole(func() { norm.Prepare(weight, bias) })
	}
	if y == nil {
		return
	}
	each := perNormed
	if op.Act != nil {
		each += activations[op.Act.Kind].each
	}
	b.split(rows, each*float64(c), func(lo, hi int, _ []float32) {
		norm.Apply(rowsOf(y, c, lo, hi), rowsOf(x, c, lo, hi), rowsOf(plus, c, lo, hi))
	})
}

func (b *builder) batchNormBack(op graph.BatchNormBack, n graph.Node) {
	dx, dweight, dbias := b.f32(n.Out[0]), b.f32(n.Out[1]), b.f32(n.Out[2])
	x, weight, mean, variance, dy := b.f32(n.In[0]), b.f32(n.In[1]), b.f32(n.In[2]), b.f32(n.In[3]), b.f32(n.In[4])
	var y []float32
	if op.Act != nil {
		y = b.f32(n.In[5])
	}
	c := len(weight)
	rows := len(x) / c
	norm := newNorm(op.BatchNorm, c, rows)
	b.whole(func() { norm.Given(mean, variance, op.Eps) })
	partials, _ := b.moments(c, rows, func(partial []float64, lo, hi int) {
		norm.Products(partial, rowsOf(x, c, lo, hi), rowsOf(dy, c, lo, hi), rowsOf(y, c, lo, hi))
	})
	b.whole(func() { norm.Gradients(dweight, dbias, weight, partials, op.Running) })
	if dx == nil {
		return
	}
	b.split(rows, perNormed*float64(c), func(lo, hi int, _ []float32) {
		if op.Running {
			norm.BackRunning(rowsOf(dx, c, lo, hi), rowsOf(dy, c, lo, hi))
			return
		}
		norm.Back(rowsOf(dx, c, lo, hi), rowsOf(x, c, lo, hi), rowsOf(dy, c, lo, hi), rowsOf(y, c, lo, hi))
	})
}

func (b *builder) track(op graph.Track, n graph.Node) {
	gate := &b.i32(n.In[0])[0]
	cells := make([][]float32, len(n.In))
	for i, v := range n.In[1:] {
		cells[i+1] = b.f32(v)
	}
	moves := make([][]graph.Move, len(op.M))
	for k := range moves {
		moves[k] = op.Moves(k)
	}
	b.whole(func() {
		for k := 0; k < len(op.M) && *gate != 0; k++ {
			for _, m := range moves[k] {
				kernel.Track(cells[m.Running], cells[m.Batch], m.Momentum, m.Factor)
			}
		}
	})
}
