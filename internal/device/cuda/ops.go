//go:build cuda && linux && cgo

package cuda

import (
	"cmp"
	"math"

	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
)

// lowering returns what makes the launches of a node with that operation, or nil
// where this device has no kernel for it. It is the device's table of contents.
func lowering(op graph.Op) func(b *builder, n graph.Node) []kernel.Launch {
	switch op := op.(type) {
	case graph.Act:
		return with(op, (*builder).act)
	case graph.ActBack:
		return with(op, (*builder).actBack)
	case graph.AdamW:
		return with(op, (*builder).adamW)
	case graph.Add:
		return with(op, (*builder).add)
	case graph.Dropout:
		return with(op, (*builder).dropout)
	case graph.Augment:
		return with(op, (*builder).augment)
	case graph.AvgPool:
		return with(op, (*builder).avgPool)
	case graph.AvgPoolBack:
		return with(op, (*builder).avgPoolBack)
	case graph.Average:
		return with(op, (*builder).average)
	case graph.BatchNorm:
		return with(op, (*builder).batchNormForward)
	case graph.BatchNormBack:
		return with(op, (*builder).batchNormBack)
	case graph.Clip:
		return with(op, (*builder).clip)
	case graph.ChannelSum:
		return with(op, (*builder).channelSum)
	case graph.Cast:
		return with(op, (*builder).cast)
	case graph.Conv:
		return with(op, (*builder).conv)
	case graph.ConvBackData:
		return with(op, (*builder).convBackData)
	case graph.ConvBackFilter:
		return with(op, (*builder).convBackFilter)
	case graph.Assign:
		return with(op, (*builder).assign)
	case graph.Direction:
		return with(op, (*builder).direction)
	case graph.Moved:
		return with(op, (*builder).moved)
	case graph.Quintic:
		return with(op, (*builder).quintic)
	case graph.Gate:
		return with(op, (*builder).gate)
	case graph.Gather:
		return with(op, (*builder).gather)
	case graph.MatMul:
		return with(op, (*builder).matMul)
	case graph.MaxPool:
		return with(op, (*builder).maxPool)
	case graph.MaxPoolBack:
		return with(op, (*builder).maxPoolBack)
	case graph.Mix:
		return with(op, (*builder).mix)
	case graph.Normalize:
		return with(op, (*builder).normalize)
	case graph.Record:
		return with(op, (*builder).record)
	case graph.Rescale:
		return with(op, (*builder).rescale)
	case graph.SGD:
		return with(op, (*builder).sgd)
	case graph.SoftmaxXent:
		return with(op, (*builder).softmaxXent)
	case graph.Tick:
		return with(op, (*builder).tick)
	case graph.Track:
		return with(op, (*builder).track)
	}
	return nil
}

// with hands the operation to the method that knows its type.
func with[T graph.Op](op T, lower func(*builder, T, graph.Node) []kernel.Launch) func(*builder, graph.Node) []kernel.Launch {
	return func(b *builder, n graph.Node) []kernel.Launch { return lower(b, op, n) }
}

// supports says yes to operations with a kernel, of types that it is there for.
func supports(n graph.Node, t []graph.Tensor) bool {
	if lowering(n.Op) == nil || !multiplies(n, t) {
		return false
	}
	single := n.In // what must be f32, where it is floating-point
	switch op := n.Op.(type) {
	case graph.Gather:
		return true // copies bytes of tensors of any size
	case graph.Act, graph.ActBack, graph.Add, graph.AvgPool, graph.AvgPoolBack, graph.Cast, graph.ChannelSum, graph.Dropout, graph.MaxPool, graph.MaxPoolBack,
		graph.MatMul, graph.Conv, graph.ConvBackData, graph.ConvBackFilter:
		single = nil // shape rules have said which types go together
	case graph.BatchNorm:
		if !stores(op.Act) {
			return false
		}
		if single = n.In[1:]; op.Plus {
			single = n.In[1 : len(n.In)-1]
		}
	case graph.BatchNormBack:
		single = n.In[1:4]
	}
	for _, v := range single {
		if t[v].Type.Float() && t[v].Type != graph.F32 {
			return false
		}
	}
	for _, v := range n.In {
		if uint64(t[v].Len()) > math.MaxUint32 {
			return false
		}
	}
	return true
}

func (b *builder) act(op graph.Act, n graph.Node) []kernel.Launch {
	y := b.tensor(n.Out[0])
	return kernel.Act{Kind: op.Kind, Type: y.Type, N: y.Len(), Y: b.at(n.Out[0]), X: b.at(n.In[0])}.Launches()
}

func (b *builder) actBack(op graph.ActBack, n graph.Node) []kernel.Launch {
	dx := b.tensor(n.Out[0])
	return kernel.ActBack{Kind: op.Kind, Type: dx.Type, N: dx.Len(), DX: b.at(n.Out[0]), From: b.at(n.In[0]), DY: b.at(n.In[1])}.Launches()
}

func (b *builder) add(_ graph.Add, n graph.Node) []kernel.Launch {
	y := b.tensor(n.Out[0])
	return kernel.Add{Type: y.Type, N: y.Len(), Y: b.at(n.Out[0]), A: b.at(n.In[0]), B: b.at(n.In[1])}.Launches()
}

func (b *builder) cast(op graph.Cast, n graph.Node) []kernel.Launch {
	x := b.tensor(n.In[0])
	return kernel.Cast{From: x.Type, To: op.To, N: x.Len(), Y: b.at(n.Out[0]), X: b.at(n.In[0])}.Launches()
}

func (b *builder) channelSum(_ graph.ChannelSum, n graph.Node) []kernel.Launch {
	x, c := b.tensor(n.In[0]), b.tensor(n.Out[0]).Len()
	return kernel.ChannelSum{Type: x.Type, M: x.Len() / c, C: c, Y: b.at(n.Out[0]), X: b.at(n.In[0])}.Launches(b.memory.take)
}

// batchNorm returns what forward and back share.
func (b *builder) batchNorm(op graph.BatchNorm, x graph.Value) kernel.BatchNorm {
	t := b.tensor(x)
	c := t.Shape[len(t.Shape)-1]
	return kernel.BatchNorm{Type: t.Type, M: t.Len() / c, C: c, Eps: op.Eps, Running: op.Running, Act: op.Act, X: b.at(x)}
}

func (b *builder) batchNormForward(op graph.BatchNorm, n graph.Node) []kernel.Launch {
	k := b.batchNorm(op, n.In[0])
	k.Y = b.at(n.Out[0])
	statistics := n.Out[1:]
	if op.Running {
		statistics = n.In[3:]
	}
	b.wire(&k, op, n.In[1:], statistics)
	return k.Launches(b.memory.take)
}

// wire names what a batch norm reads besides x, by its inputs but the first, and its mean
// and variance.
func (b *builder) wire(k *kernel.BatchNorm, op graph.BatchNorm, in, statistics []graph.Value) {
	k.Weight, k.Bias, k.Mean, k.Var = b.at(in[0]), b.at(in[1]), b.at(statistics[0]), b.at(statistics[1])
	if op.Plus {
		k.Plus = b.at(in[len(in)-1])
	}
}

func (b *builder) batchNormBack(op graph.BatchNormBack, n graph.Node) []kernel.Launch {
	k := kernel.BatchNormBack{BatchNorm: b.batchNorm(op.BatchNorm, n.In[0])}
	k.Weight, k.Mean, k.Var, k.DY = b.at(n.In[1]), b.at(n.In[2]), b.at(n.In[3]), b.at(n.In[4])
	if op.Act != nil {
		k.From = b.at(n.In[5])
	}
	k.DX, k.DWeight, k.DBias = b.at(n.Out[0]), b.at(n.Out[1]), b.at(n.Out[2])
	return k.Launches(b.memory.take)
}

func (b *builder) track(op graph.Track, n graph.Node) []kernel.Launch {
	var launches []kernel.Launch
	for i := range op.M {
		k := kernel.Track{Arena: b.memory.base, Gate: b.at(n.In[0])}
		for _, m := range op.Moves(i) {
			running, batch := n.In[m.Running], n.In[m.Batch]
			k.Statistics = append(k.Statistics, kernel.Tracked{
				Running: b.at(running), Batch: b.at(batch), N: b.tensor(running).Len(), Momentum: m.Momentum, Factor: m.Factor,
			})
		}
		launches = append(launches, k.Launches(b.memory.table)...)
	}
	return launches
}

func (b *builder) average(op graph.Average, n graph.Node) []kernel.Launch {
	k := kernel.Track{Arena: b.memory.base, Gate: b.at(n.In[0])}
	for i := 1; i < len(n.In); i += 2 {
		k.Statistics = append(k.Statistics,
			kernel.Tracked{Running: b.at(n.In[i]), Batch: b.at(n.In[i+1]), N: b.tensor(n.In[i]).Len(), Momentum: 1 - op.Decay, Factor: 1})
	}
	return k.Launches(b.memory.table)
}

func (b *builder) gather(op graph.Gather, n graph.Node) []kernel.Launch {
	k := kernel.Gather{Batch: op.Batch, Arena: b.memory.base, Order: b.at(n.In[0]), Cursor: b.at(n.In[1])}
	for i, y := range n.Out {
		if y != 0 {
			k.Tensors = append(k.Tensors, kernel.Gathered{Y: b.at(y), X: b.at(n.In[2+i]), Size: b.tensor(y).Bytes() / op.Batch})
		}
	}
	return k.Launches(b.memory.table)
}

func (b *builder) dropout(op graph.Dropout, n graph.Node) []kernel.Launch {
	x := b.tensor(n.In[0])
	k := kernel.Dropout{Op: op, Type: x.Type, N: x.Shape[0], E: x.Len() / x.Shape[0], Y: b.at(n.Out[0]), X: b.at(n.In[0])}
	k.Order, k.Cursor, k.Epoch = b.at(n.In[1]), b.at(n.In[2]), b.at(n.In[3])
	return k.Launches()
}

func (b *builder) augment(op graph.Augment, n graph.Node) []kernel.Launch {
	x := b.tensor(n.In[0]).Shape
	k := kernel.Augment{Op: op, N: x[0], H: x[1], W: x[2], C: x[3], Y: b.at(n.Out[0]), X: b.at(n.In[0])}
	k.Order, k.Cursor, k.Epoch = b.at(n.In[1]), b.at(n.In[2]), b.at(n.In[3])
	return k.Launches(b.memory.table)
}

func (b *builder) mix(op graph.Mix, n graph.Node) []kernel.Launch {
	x := b.tensor(n.In[0]).Shape
	k := kernel.Mix{Op: op, N: x[0], H: x[1], W: x[2], C: x[3], Y: b.at(n.Out[0]), U: b.at(n.Out[1]), Weights: b.at(n.Out[2])}
	k.X, k.T, k.Order, k.Cursor, k.Epoch = b.at(n.In[0]), b.at(n.In[1]), b.at(n.In[2]), b.at(n.In[3]), b.at(n.In[4])
	return k.Launches(b.memory.table)
}

func (b *builder) normalize(op graph.Normalize, n graph.Node) []kernel.Launch {
	y := b.tensor(n.Out[0])
	return kernel.Normalize{Op: op, N: y.Shape[0], Size: y.Len() / y.Shape[0], Y: b.at(n.Out[0]), X: b.at(n.In[0])}.Launches(b.memory.table)
}

// pool describes windows of r×s that move over x and give y.
func (b *builder) pool(x, y graph.Value, r, s, stride, pad int) kernel.Pool {
	t, to := b.tensor(x), b.tensor(y).Shape
	return kernel.Pool{Type: t.Type, N: t.Shape[0], H: t.Shape[1], W: t.Shape[2], C: t.Shape[3], P: to[1], Q: to[2], R: r, S: s, Stride: stride, Pad: pad}
}

func (b *builder) maxPool(op graph.MaxPool, n graph.Node) []kernel.Launch {
	k := b.pool(n.In[0], cmp.Or(n.Out...), op.Kernel, op.Kernel, op.Stride, op.Pad)
	return k.Max(b.at(n.Out[0]), b.at(n.Out[1]), b.at(n.In[0]))
}

func (b *builder) maxPoolBack(op graph.MaxPoolBack, n graph.Node) []kernel.Launch {
	k := b.pool(n.Out[0], n.In[1], op.Kernel, op.Kernel, op.Stride, op.Pad)
	return k.MaxBack(b.at(n.Out[0]), b.at(n.In[0]), b.at(n.In[1]))
}

func (b *builder) avgPool(op graph.AvgPool, n graph.Node) []kernel.Launch {
	return b.pool(n.In[0], n.Out[0], op.R, op.S, op.Stride, op.Pad).Avg(b.at(n.Out[0]), b.at(n.In[0]))
}

func (b *builder) avgPoolBack(op graph.AvgPoolBack, n graph.Node) []kernel.Launch {
	return b.pool(n.Out[0], n.In[0], op.R, op.S, op.Stride, op.Pad).AvgBack(b.at(n.Out[0]), b.at(n.In[0]))
}

func (b *builder) softmaxXent(op graph.SoftmaxXent, n graph.Node) []kernel.Launch {
	x := b.tensor(n.In[0]).Shape
	k := kernel.SoftmaxXent{N: x[0], C: x[1], Loss: b.at(n.Out[0]), DX: b.at(n.Out[1]), X: b.at(n.In[0]), T: b.at(n.In[1])}
	k.Of, k.Smooth = op.Mean(x[0]), op.Smooth
	if op.Mixed {
		k.U, k.W = b.at(n.In[2]), b.at(n.In[3])
	}
	if i := op.Inputs(); len(n.In) > i {
		k.Scale = b.at(n.In[i])
	}
	return k.Launches(b.memory.take)
}

func (b *builder) gate(_ graph.Gate, n graph.Node) []kernel.Launch {
	k := kernel.Gate{Arena: b.memory.base, Open: b.at(n.Out[0])}
	for _, v := range n.In {
		k.Tensors = append(k.Tensors, kernel.Tensor{At: b.at(v), N: b.tensor(v).Len()})
	}
	return k.Launches(b.memory.take, b.memory.table)
}

func (b *builder) clip(op graph.Clip, n graph.Node) []kernel.Launch {
	k := kernel.Clip{Arena: b.memory.base, Most: op.Max, Scale: b.scale(op.Scaled, n, 0)}
	for i, v := range n.In[op.Gradients():] {
		k.Gradients = append(k.Gradients, kernel.Clipped{N: b.tensor(v).Len(), Y: b.at(n.Out[i]), DP: b.at(v)})
	}
	return k.Launches(b.memory.take, b.memory.table)
}

// optimizer describes one whose parameters begin at input first, each with so many
// tensors that are kept.
func (b *builder) optimizer(n graph.Node, first, kept int) kernel.Optimizer {
	o := kernel.Optimizer{Arena: b.memory.base, Applied: b.at(n.Out[0]), Gate: b.at(n.In[0]), Scalars: b.at(n.In[1])}
	for i := first; i < len(n.In); i += 2 + kept {
		p := kernel.Parameter{N: b.tensor(n.In[i]).Len(), P: b.at(n.In[i]), DP: b.at(n.In[i+1])}
		for _, v := range n.In[i+2 : i+2+kept] {
			p.Kept = append(p.Kept, b.at(v))
		}
		o.Parameters = append(o.Parameters, p)
	}
	return o
}

func (b *builder) sgd(op graph.SGD, n graph.Node) []kernel.Launch {
	return b.optimizer(n, op.Parameters(), 1).SGD(op, b.scale(op.Scaled, n, 2), b.memory.take, b.memory.table)
}

func (b *builder) adamW(op graph.AdamW, n graph.Node) []kernel.Launch {
	return b.optimizer(n, op.Parameters(), 2).AdamW(op, b.scale(op.Scaled, n, 2), b.memory.take, b.memory.table)
}

func (b *builder) direction(op graph.Direction, n graph.Node) []kernel.Launch {
	k := kernel.Direction{Moved: b.at(n.Out[0]), X: b.at(n.Out[1]), DP: b.at(n.In[op.First()]), V: b.at(n.In[op.First()+1]), Scalars: b.at(n.In[0])}
	if k.N = b.tensor(n.In[op.First()]).Len(); op.Scaled {
		k.Scale = b.at(n.In[1])
	}
	return k.Launches(op, b.memory.take)
}

func (b *builder) quintic(op graph.Quintic, n graph.Node) []kernel.Launch {
	return kernel.Quintic{N: b.tensor(n.In[0]).Shape[0], Y: b.at(n.Out[0]), S: b.at(n.In[0]), T: b.at(n.In[1])}.Launches(op)
}

func (b *builder) moved(op graph.Moved, n graph.Node) []kernel.Launch {
	p := b.tensor(n.In[1])
	k := kernel.Moved{N: p.Len(), Rows: p.Shape[0], Y: b.at(n.Out[0]), P: b.at(n.In[1]), U: b.at(n.In[2]), Scalars: b.at(n.In[0])}
	return k.Launches(op, b.memory.take)
}

func (b *builder) assign(_ graph.Assign, n graph.Node) []kernel.Launch {
	k := kernel.Assign{Arena: b.memory.base, Gate: b.at(n.In[0])}
	for i := 1; i < len(n.In); i += 2 {
		k.Cells = append(k.Cells, kernel.Tensor{At: b.at(n.In[i]), N: b.tensor(n.In[i]).Len()})
		k.Values = append(k.Values, kernel.Tensor{At: b.at(n.In[i+1]), N: b.tensor(n.In[i]).Len()})
	}
	return k.Launches(b.memory.table)
}

// scale returns where the loss scale, input at, is, or 0 where the loss is not scaled.
func (b *builder) scale(scaled bool, n graph.Node, at int) kernel.Addr {
	if !scaled {
		return 0
	}
	return b.at(n.In[at])
}

func (b *builder) rescale(op graph.Rescale, n graph.Node) []kernel.Launch {
	k := kernel.Rescale{Growth: op.Growth, Patience: op.Patience, Counted: b.at(n.Out[0]), Applied: b.at(n.In[0]), Scale: b.at(n.In[1]), Tally: b.at(n.In[2])}
	return k.Launches(b.memory.take)
}

func (b *builder) record(_ graph.Record, n graph.Node) []kernel.Launch {
	return kernel.Record{N: b.tensor(n.In[3]).Len(), Ring: b.at(n.In[3]), Gate: b.at(n.In[0]), Step: b.at(n.In[1]), Loss: b.at(n.In[2])}.Launches()
}

func (b *builder) tick(op graph.Tick, n graph.Node) []kernel.Launch {
	table := b.tensor(n.In[4]).Shape
	return kernel.Tick{
		Rows: table[0], K: table[1], Batch: op.Batch,
		Step: b.at(n.In[1]), Cursor: b.at(n.In[2]), Scalars: b.at(n.In[3]), Gate: b.at(n.In[0]), Table: b.at(n.In[4]),
	}.Launches()
}
