package cpu

import (
	"cmp"
	"sync/atomic"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

// kernelFor returns what adds the phases of a node with that operation, or nil
// where this device does not know it. It is the device's table of contents.
func kernelFor(op graph.Op) func(b *builder, n graph.Node) {
	switch op := op.(type) {
	case graph.Conv:
		return with(op, (*builder).conv)
	case graph.ConvBackData:
		return with(op, (*builder).convBackData)
	case graph.ConvBackFilter:
		return with(op, (*builder).convBackFilter)
	case graph.MatMul:
		return with(op, (*builder).matMul)
	case graph.MaxPool:
		return with(op, (*builder).maxPool)
	case graph.MaxPoolBack:
		return with(op, (*builder).maxPoolBack)
	case graph.Act:
		return with(op, (*builder).act)
	case graph.ActBack:
		return with(op, (*builder).actBack)
	case graph.Add:
		return with(op, (*builder).add)
	case graph.ChannelSum:
		return with(op, (*builder).channelSum)
	case graph.AvgPool:
		return with(op, (*builder).avgPool)
	case graph.AvgPoolBack:
		return with(op, (*builder).avgPoolBack)
	case graph.BatchNorm:
		return with(op, (*builder).batchNorm)
	case graph.BatchNormBack:
		return with(op, (*builder).batchNormBack)
	case graph.Track:
		return with(op, (*builder).track)
	case graph.Average:
		return with(op, (*builder).average)
	case graph.SoftmaxXent:
		return with(op, (*builder).softmaxXent)
	case graph.Gather:
		return with(op, (*builder).gather)
	case graph.Dropout:
		return with(op, (*builder).dropout)
	case graph.Augment:
		return with(op, (*builder).augment)
	case graph.Mix:
		return with(op, (*builder).mix)
	case graph.Normalize:
		return with(op, (*builder).normalize)
	case graph.Clip:
		return with(op, (*builder).clip)
	case graph.Gate:
		return with(op, (*builder).gate)
	case graph.SGD:
		return with(op, (*builder).sgd)
	case graph.AdamW:
		return with(op, (*builder).adamW)
	case graph.Direction:
		return with(op, (*builder).direction)
	case graph.Quintic:
		return with(op, (*builder).quintic)
	case graph.Moved:
		return with(op, (*builder).moved)
	case graph.Assign:
		return with(op, (*builder).assign)
	case graph.Record:
		return with(op, (*builder).record)
	case graph.Tick:
		return with(op, (*builder).tick)
	}
	return nil
}

// with hands the operation to the method that knows its type.
func with[T graph.Op](op T, lower func(*builder, T, graph.Node)) func(*builder, graph.Node) {
	return func(b *builder, n graph.Node) { lower(b, op, n) }
}

// The times that follow are nanoseconds for one item on one core of a server of
// 2023. They decide only into how many chunks a phase is cut.
const (
	perFlop    = 0.01 // of a matrix product, where · and + are two
	perPacked  = 0.3
	perElement = 0.1 // of what is done to each element
	perPooled  = 0.1 // a tap of a window
	perUpdated = 0.125
	perAdapted = 4 // with a root and a division
	perSquare  = 1 // in double precision
	perChecked = 0.04
	perAverage = 1
	perSquared = 0.4 // and added up
	perNormal  = 0.2
	perByte    = 0.03 // copied
	perDropped = 10   // with a quarter of a block of random words
	perDrawn   = 500  // random words, and what follows from them
	perChanged = 1    // a value of a picture, by all that may become of it
)

// matMul cuts y into parts, as wide as each other.
func (b *builder) matMul(op graph.MatMul, n graph.Node) {
	as, bs, ys := b.shape(n.In[0]), b.shape(n.In[1]), b.shape(n.Out[0])
	m := kernel.MatMul{
		Set: b.set,
		M:   ys[0], N: ys[1], K: as[0] * as[1] / ys[0],
		Y: kernel.Matrix{Data: b.f32(n.Out[0]), Stride: ys[1]},
		A: kernel.Matrix{Data: b.f32(n.In[0]), Stride: as[1], Trans: op.TransA},
		B: kernel.Matrix{Data: b.f32(n.In[1]), Stride: bs[1], Trans: op.TransB},
	}
	var act activation
	if op.Post.Act != nil {
		act = activations[op.Post.Act.Kind]
		m.Act = act.forward
	}
	if len(n.In) == 3 {
		m.Bias = b.f32(n.In[2])
	}
	rows, cols := b.parts(m, act.each)
	across, down := ceil(m.N, cols), ceil(m.M, rows)
	b.scratch.memberNeed = max(b.scratch.memberNeed, m.Scratch(min(rows, m.M), min(cols, m.N)))
	packed := func() []float32 { return nil }
	if m.Packs() {
		room, panels := b.scratch, b.set.Panels(m.N)
		room.commonNeed = max(room.commonNeed, m.PackedB())
		packed = func() []float32 { return room.common[:m.PackedB()] }
		b.split(len(panels)-1, perPacked*float64(m.K*b.set.Widths[0]), func(lo, hi int, _ []float32) {
			m.PackB(packed(), panels[lo], panels[hi])
		})
	}
	b.phases = append(b.phases, phase{chunks: across * down, run: func(chunk int, scratch []float32) {
		i, j := chunk/across*rows, chunk%across*cols
		m.Part(i, j, min(rows, m.M-i), min(cols, m.N-j), packed(), scratch)
	}})
}

// parts returns the rows and columns of the parts of a product, each element of which
// takes so many nanoseconds besides. With b packed they are rows of all columns, so many
// that packing a is nothing. Otherwise columns are cut first, as a weight is read once
// then.
func (b *builder) parts(m kernel.MatMul, each float64) (rows, cols int) {
	time := (perFlop*float64(2*m.K) + each) * float64(m.M*m.N)
	round := func(n, unit int) int { return ceil(n, unit) * unit }
	if m.Packs() {
		down := cut(ceil(m.M, 8*b.set.Tall), time/float64(ceil(m.M, 8*b.set.Tall)))
		return round(ceil(m.M, down), b.set.Tall), m.N
	}
	chunks := cut(mostChunks, time/mostChunks)
	across := min(ceil(m.N, b.set.Widths[0]), chunks)
	down := min(ceil(m.M, b.set.Tall), ceil(chunks, across))
	return round(ceil(m.M, down), b.set.Tall), round(ceil(m.N, across), b.set.Widths[0])
}

func (b *builder) maxPool(op graph.MaxPool, n graph.Node) {
	s := b.poolExtents(op, b.shape(n.In[0]), b.shape(cmp.Or(n.Out...)))
	y, arg, x := b.f32(n.Out[0]), b.bytes(n.Out[1]), b.f32(n.In[0])
	room := b.scratch
	if y == nil { // only where the maxima lie is read
		room.commonNeed = max(room.commonNeed, len(arg))
	}
	b.split(s.N*s.P, perPooled*float64(s.Q*s.C*s.Kernel*s.Kernel), func(lo, hi int, _ []float32) {
		values := y
		if values == nil {
			values = room.common
		}
		s.Forward(values, arg, x, lo, hi)
	})
}

func (b *builder) maxPoolBack(op graph.MaxPoolBack, n graph.Node) {
	s := b.poolExtents(op.MaxPool, b.shape(n.Out[0]), b.shape(n.In[1]))
	dx, arg, dy := b.f32(n.Out[0]), b.bytes(n.In[0]), b.f32(n.In[1])
	offsets := s.Offsets()
	b.split(s.N, perPooled*float64(s.P*s.Q*s.C*s.Kernel*s.Kernel), func(lo, hi int, _ []float32) {
		s.Back(dx, arg, dy, offsets, lo, hi)
	})
}

func (b *builder) poolExtents(op graph.MaxPool, x, y []int) kernel.Pool {
	return kernel.Pool{
		N: x[0], H: x[1], W: x[2], C: x[3],
		P: y[1], Q: y[2],
		Kernel: op.Kernel, Stride: op.Stride, Pad: op.Pad,
	}
}

// An activation is what one is on this device.
type activation struct {
	forward func(y, x []float32)
	back    func(dx, from, dy []float32)
	each    float64
}

var activations = [...]activation{
	graph.ReLU:  {kernel.ReLU, kernel.ReLUBack, perElement},
	graph.ReLU6: {kernel.ReLU6, kernel.ReLU6Back, perElement},
	graph.GELU:  {kernel.GELU, kernel.GELUBack, 3},
	graph.SiLU:  {kernel.SiLU, kernel.SiLUBack, 2},
}

func (b *builder) act(op graph.Act, n graph.Node) {
	y, x, a := b.f32(n.Out[0]), b.f32(n.In[0]), activations[op.Kind]
	b.split(len(y), a.each, func(lo, hi int, _ []float32) { a.forward(y[lo:hi], x[lo:hi]) })
}

func (b *builder) actBack(op graph.ActBack, n graph.Node) {
	dx, from, dy, a := b.f32(n.Out[0]), b.f32(n.In[0]), b.f32(n.In[1]), activations[op.Kind]
	b.split(len(dx), a.each, func(lo, hi int, _ []float32) { a.back(dx[lo:hi], from[lo:hi], dy[lo:hi]) })
}

func (b *builder) add(_ graph.Add, n graph.Node) {
	y, x, z := b.f32(n.Out[0]), b.f32(n.In[0]), b.f32(n.In[1])
	b.split(len(y), perElement, func(lo, hi int, _ []float32) { kernel.Add(y[lo:hi], x[lo:hi], z[lo:hi]) })
}

// channelSum sums rows of channels into wide rows, and those into one.
func (b *builder) channelSum(_ graph.ChannelSum, n graph.Node) {
	y, x := b.f32(n.Out[0]), b.f32(n.In[0])
	c := len(y)
	b.partials(sum{y: y, rows: 1, cols: c, stride: c, size: kernel.ChannelWidth(c)}, len(x)/c, perElement*float64(c),
		func(partial []float32, lo, hi int, _ []float32) { kernel.ChannelSum(partial, x[lo*c:hi*c]) })
}

// softmaxXent is one chunk: the scores of a batch are few, and their sum has an
// order.
func (b *builder) softmaxXent(op graph.SoftmaxXent, n graph.Node) {
	loss, dx := b.f32(n.Out[0]), b.f32(n.Out[1])
	x, t := b.f32(n.In[0]), b.i32(n.In[1])
	exps := make([]float64, len(x)/len(t))
	of := op.Mean(len(t))
	run := func() float32 { return kernel.SoftmaxXent(dx, x, t, of, exps) }
	if op.Soft() {
		targets := kernel.Targets{T: t, Smooth: op.Smooth}
		if op.Mixed {
			targets.U, targets.W = b.i32(n.In[2]), b.f32(n.In[3])
		}
		run = func() float32 { return kernel.SoftXent(dx, x, targets, of, exps) }
	}
	b.whole(func() {
		mean := run()
		if loss != nil {
			loss[0] = mean
		}
	})
}

func (b *builder) gather(op graph.Gather, n graph.Node) {
	order, cursor := b.i32(n.In[0]), b.i64(n.In[1])
	for i, v := range n.Out {
		y, x := b.bytes(v), b.bytes(n.In[2+i])
		size := len(y) / op.Batch
		if v == 0 {
			continue
		}
		b.split(op.Batch, perByte*float64(size), func(lo, hi int, _ []float32) {
			at := int(cursor[0])
			kernel.Gather(y[lo*size:hi*size], x, order[at+lo:at+hi], size)
		})
	}
}

func (b *builder) dropout(op graph.Dropout, n graph.Node) {
	y, x, samples := b.f32(n.Out[0]), b.f32(n.In[0]), b.shape(n.In[0])[0]
	order, cursor, epoch := b.i32(n.In[1]), b.i64(n.In[2]), b.i64(n.In[3])
	size := len(x) / samples
	b.split(samples, perDropped*float64(size), func(lo, hi int, _ []float32) {
		for i := lo; i < hi; i++ {
			words := func(four int) [4]uint32 { return op.Words(epoch[0], int64(order[int(cursor[0])+i]), four) }
			kernel.Dropout(y[i*size:(i+1)*size], x[i*size:(i+1)*size], op.Factor(), op.Threshold(), words)
		}
	})
}

func (b *builder) augment(op graph.Augment, n graph.Node) {
	y, x, shape := b.bytes(n.Out[0]), b.bytes(n.In[0]), b.shape(n.In[0])
	order, cursor, epoch := b.i32(n.In[1]), b.i64(n.In[2]), b.i64(n.In[3])
	k := kernel.Augment{H: shape[1], W: shape[2], Policy: op.Policy, Blank: op.Blank}
	size := shape[1] * shape[2] * shape[3]
	b.split(shape[0], perDrawn+perChanged*float64(size), func(lo, hi int, _ []float32) {
		for i := lo; i < hi; i++ {
			draw := op.Policy.Draw(op.Seed, epoch[0], int64(order[int(cursor[0])+i]), k.H, k.W)
			k.One(y[i*size:(i+1)*size], x[i*size:(i+1)*size], draw)
		}
	})
}

func (b *builder) mix(op graph.Mix, n graph.Node) {
	y, u, w := b.bytes(n.Out[0]), b.i32(n.Out[1]), b.f32(n.Out[2])
	x, classes, shape := b.bytes(n.In[0]), b.i32(n.In[1]), b.shape(n.In[0])
	order, cursor, epoch := b.i32(n.In[2]), b.i64(n.In[3]), b.i64(n.In[4])
	mixer := augment.NewMixer(op.Policy, shape[1], shape[2])
	row, size := shape[2]*shape[3], shape[1]*shape[2]*shape[3]
	b.split(shape[0], perDrawn+perChanged*float64(size), func(lo, hi int, _ []float32) {
		for i := lo; i < hi; i++ {
			m := mixer.Draw(op.Seed, epoch[0], int64(order[int(cursor[0])+i]), shape[0])
			if y != nil {
				kernel.Mix(y[i*size:(i+1)*size], x[i*size:(i+1)*size], x[m.Partner*size:(m.Partner+1)*size], row, shape[3], m)
			}
			if u != nil {
				u[i] = classes[m.Partner]
			}
			if w != nil {
				w[i] = m.Weight
			}
		}
	})
}

func (b *builder) normalize(op graph.Normalize, n graph.Node) {
	y, x := b.f32(n.Out[0]), b.bytes(n.In[0])
	tables := make([][256]float64, len(op.Mean))
	for c := range tables {
		tables[c] = op.Table(c)
	}
	c, normal := len(tables), kernel.NewNormalize(tables)
	b.split(len(x)/c, perNormal*float64(c), func(lo, hi int, _ []float32) {
		normal.Rows(y[lo*c:hi*c], x[lo*c:hi*c])
	})
}

// gate opens, and any chunk that finds something else than a number shuts it.
func (b *builder) gate(_ graph.Gate, n graph.Node) {
	gate := &b.i32(n.Out[0])[0]
	inputs := make([][]float32, len(n.In))
	lengths := make([]int, len(n.In))
	for i, v := range n.In {
		inputs[i] = b.f32(v)
		lengths[i] = len(inputs[i])
	}
	b.whole(func() { *gate = 1 })
	b.groups(stretches(lengths, chunkTime/perChecked), func(s stretch) {
		if !kernel.Finite(inputs[s.tensor][s.lo:s.hi]) {
			atomic.StoreInt32(gate, 0)
		}
	})
}

func (b *builder) record(_ graph.Record, n graph.Node) {
	gate, step, loss, ring := &b.i32(n.In[0])[0], &b.i64(n.In[1])[0], &b.f32(n.In[2])[0], b.f32(n.In[3])
	b.whole(func() {
		if *gate != 0 {
			kernel.Record(ring, *step, *loss)
		}
	})
}

func (b *builder) tick(op graph.Tick, n graph.Node) {
	gate, step, cursor := &b.i32(n.In[0])[0], &b.i64(n.In[1])[0], &b.i64(n.In[2])[0]
	scalars, table := b.f32(n.In[3]), b.f32(n.In[4])
	b.whole(func() {
		if *gate != 0 {
			kernel.Tick(step, cursor, scalars, table, op.Batch)
		}
	})
}
