package ref

import (
	"cmp"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/ref"
)

// kernelFor returns what runs n, or nil where this device does not know the
// operation. It is the device's table of contents.
func kernelFor(n graph.Node, t []graph.Tensor) func(p *Program) {
	if c, ok := n.Op.(graph.Composite); ok && len(c.Parts()) > 1 {
		return nil // what fusion is compared with does not fuse
	}
	in := func(i int) graph.Value { return n.In[i] }
	out := func(i int) graph.Value { return n.Out[i] }
	switch op := n.Op.(type) {
	case graph.Conv:
		k := convShape(op, t[in(0)], t[in(1)], t[out(0)])
		return func(p *Program) { kernel.Conv(p.real(out(0)), p.real(in(0)), p.real(in(1)), p.bias(n), k) }
	case graph.ConvBackData:
		k := convShape(op.Conv, t[out(0)], t[in(0)], t[in(1)])
		return func(p *Program) { kernel.ConvBackData(p.real(out(0)), p.real(in(0)), p.real(in(1)), k) }
	case graph.ConvBackFilter:
		k := convShape(op.Conv, t[in(0)], t[out(0)], t[in(1)])
		return func(p *Program) { kernel.ConvBackFilter(p.real(out(0)), p.real(in(0)), p.real(in(1)), k) }
	case graph.MaxPool:
		k := poolShape(op, t[in(0)], t[cmp.Or(out(0), out(1))])
		return func(p *Program) { kernel.MaxPool(p.real(out(0)), p.u8(out(1)), p.real(in(0)), k) }
	case graph.MaxPoolBack:
		k := poolShape(op.MaxPool, t[out(0)], t[in(1)])
		return func(p *Program) { kernel.MaxPoolBack(p.real(out(0)), p.u8(in(0)), p.real(in(1)), k) }
	case graph.Act:
		run := activations[op.Kind].forward
		return func(p *Program) { run(p.real(out(0)), p.real(in(0))) }
	case graph.ActBack:
		run := activations[op.Kind].back
		return func(p *Program) { run(p.real(out(0)), p.real(in(0)), p.real(in(1))) }
	case graph.MatMul:
		y, a, b := t[out(0)].Shape, t[in(0)].Shape, t[in(1)].Shape
		k := a[0] * a[1] / y[0]
		return func(p *Program) {
			kernel.MatMul(p.real(out(0)), kernel.Stored(p.real(in(0)), a[1], op.TransA),
				kernel.Stored(p.real(in(1)), b[1], op.TransB), p.bias(n), y[0], y[1], k)
		}
	case graph.Add:
		return func(p *Program) { kernel.Add(p.real(out(0)), p.real(in(0)), p.real(in(1))) }
	case graph.ChannelSum:
		return func(p *Program) { kernel.ChannelSum(p.real(out(0)), p.real(in(0))) }
	case graph.AvgPool:
		k := poolShape(graph.MaxPool{Stride: op.Stride, Pad: op.Pad}, t[in(0)], t[out(0)])
		return func(p *Program) { kernel.AvgPool(p.real(out(0)), p.real(in(0)), k, op.R, op.S) }
	case graph.AvgPoolBack:
		k := poolShape(graph.MaxPool{Stride: op.Stride, Pad: op.Pad}, t[out(0)], t[in(0)])
		return func(p *Program) { kernel.AvgPoolBack(p.real(out(0)), p.real(in(0)), k, op.R, op.S) }
	case graph.BatchNorm:
		return func(p *Program) { p.batchNorm(op, n) }
	case graph.BatchNormBack:
		return func(p *Program) { p.batchNormBack(op, n) }
	case graph.Track:
		return gated(n, func(p *Program) {
			for k := range op.M {
				for _, m := range op.Moves(k) {
					kernel.Track(p.real(in(m.Running)), p.real(in(m.Batch)), m.Momentum, m.Factor)
				}
			}
		})
	case graph.Average:
		return gated(n, func(p *Program) {
			for i := 1; i < len(n.In); i += 2 {
				kernel.Track(p.real(in(i)), p.real(in(i+1)), 1-op.Decay, 1)
			}
		})
	case graph.SoftmaxXent:
		return func(p *Program) {
			p.xent(op, n)
			if rows := t[in(0)].Shape[0]; op.Of > 0 {
				share := float64(rows) / float64(op.Of)
				kernel.Scale(p.real(out(0)), share)
				kernel.Scale(p.real(out(1)), share)
			}
			if i := op.Inputs(); len(n.In) > i {
				kernel.Scale(p.real(out(1)), p.real(in(i))[0])
			}
		}
	case graph.Gather:
		return func(p *Program) { p.gather(n, t) }
	case graph.Dropout:
		return func(p *Program) { p.dropout(op, n, t[in(0)]) }
	case graph.Augment:
		return func(p *Program) { p.augment(op, n, t[in(0)].Shape) }
	case graph.Mix:
		shape := t[in(0)].Shape
		mixer := augment.NewMixer(op.Policy, shape[1], shape[2])
		return func(p *Program) { p.mix(op, n, shape, mixer) }
	case graph.Normalize:
		return func(p *Program) { kernel.Normalize(p.real(out(0)), p.u8(in(0)), op.Mean, op.Std) }
	case graph.Gate:
		return func(p *Program) { p.i32(out(0))[0] = kernel.Gate(p.reals(n.In)...) }
	case graph.Clip:
		return func(p *Program) { p.clip(op, n) }
	case graph.Record:
		return gated(n, func(p *Program) {
			kernel.Record(p.real(in(3)), p.i64(in(1))[0], p.real(in(2))[0])
		})
	case graph.Tick:
		return gated(n, func(p *Program) {
			kernel.Tick(p.i64(in(1)), p.i64(in(2)), p.real(in(3)), p.real(in(4)), op.Batch)
		})
	case graph.Rescale:
		return func(p *Program) { p.rescale(op, n) }
	case graph.Cast:
		return func(p *Program) { kernel.Cast(p.real(out(0)), p.real(in(0))) }
	case graph.SGD:
		return func(p *Program) {
			p.update(n, op.Parameters(), 1, func(i int, s []float64) kernel.Rule {
				op := op.Of(i)
				return kernel.SGD(s[op.LR], s[op.Momentum], s[op.Decay], op.Nesterov)
			})
		}
	case graph.Direction:
		return func(p *Program) {
			i, scale := op.First(), 1.0
			if op.Scaled {
				scale = p.real(in(1))[0]
			}
			kernel.Direction(p.real(out(0)), p.real(out(1)), p.real(in(i)), p.real(in(i+1)), p.real(in(0))[op.Momentum], scale, op.Eps)
		}
	case graph.Quintic:
		rows := t[in(0)].Shape[0]
		return func(p *Program) {
			kernel.Quintic(p.real(out(0)), p.real(in(0)), p.real(in(1)), op.A, op.B, op.C, rows)
		}
	case graph.Moved:
		rows := t[in(1)].Shape[0]
		return func(p *Program) {
			kernel.Moved(p.real(out(0)), p.real(in(1)), p.real(in(2)), p.real(in(0))[op.LR], rows)
		}
	case graph.Assign:
		return gated(n, func(p *Program) {
			for i := 1; i < len(n.In); i += 2 {
				copy(p.real(in(i)), p.real(in(i+1)))
			}
		})
	case graph.AdamW:
		return func(p *Program) {
			p.update(n, op.Parameters(), 2, func(i int, s []float64) kernel.Rule {
				op := op.Of(i)
				return kernel.AdamW(s[op.Keep], s[op.Rate], s[op.Root], op.Beta1, op.Beta2, op.Eps)
			})
		}
	}
	return nil
}

// gated returns run behind n's first input, the gate.
func gated(n graph.Node, run func(p *Program)) func(p *Program) {
	return func(p *Program) {
		if p.i32(n.In[0])[0] != 0 {
			run(p)
		}
	}
}

// update runs an optimizer whose parameters begin at input first, behind a loss scale
// where that is 3, and whose rule for parameter i, by the scalars, keeps so many
// tensors of each; nobody may read whether it was applied.
func (p *Program) update(n graph.Node, first, kept int, rule func(i int, scalars []float64) kernel.Rule) {
	applied := p.i32(n.In[0])[0]
	if applied != 0 {
		var parameters []kernel.Parameter
		var rules []kernel.Rule
		for i := first; i < len(n.In); i += 2 + kept {
			x := kernel.Parameter{P: p.real(n.In[i]), DP: p.real(n.In[i+1]), Kept: p.reals(n.In[i+2 : i+2+kept])}
			rules = append(rules, rule(len(rules), p.real(n.In[1])))
			parameters = append(parameters, x)
		}
		scale := 1.0
		if first == 3 {
			scale = p.real(n.In[2])[0]
		}
		applied = kernel.Update(parameters, rules, scale)
	}
	if y := n.Out[0]; y != 0 {
		p.i32(y)[0] = applied
	}
}

// clip runs a Clip, of which any output may be read by nobody.
func (p *Program) clip(op graph.Clip, n graph.Node) {
	scale := 1.0
	if op.Scaled {
		scale = p.real(n.In[0])[0]
	}
	kernel.Clip(p.reals(n.Out), p.reals(n.In[op.Gradients():]), scale, op.Max)
}

// rescale runs a Rescale; nobody may read whether the step counts.
func (p *Program) rescale(op graph.Rescale, n graph.Node) {
	counted := kernel.Rescale(p.i32(n.In[0])[0], p.real(n.In[1]), p.i64(n.In[2]), op.Growth, op.Patience)
	if y := n.Out[0]; y != 0 {
		p.i32(y)[0] = counted
	}
}

// activations are forward y, x, and back dx, y or x, dy.
var activations = [...]struct {
	forward func(y, x []float64)
	back    func(dx, from, dy []float64)
}{
	graph.ReLU:  {kernel.ReLU, kernel.ReLUBack},
	graph.ReLU6: {kernel.ReLU6, kernel.ReLU6Back},
	graph.GELU:  {kernel.GELU, kernel.GELUBack},
	graph.SiLU:  {kernel.SiLU, kernel.SiLUBack},
}

// batchNorm runs a BatchNorm, of which any output may be read by nobody.
func (p *Program) batchNorm(op graph.BatchNorm, n graph.Node) {
	x, weight := p.real(n.In[0]), p.real(n.In[1])
	mean, variance := make([]float64, len(weight)), make([]float64, len(weight))
	if op.Running {
		mean, variance = p.real(n.In[3]), p.real(n.In[4])
	} else {
		kernel.Statistics(mean, variance, x)
		copy(p.real(n.Out[1]), mean)
		copy(p.real(n.Out[2]), variance)
	}
	if n.Out[0] != 0 {
		kernel.BatchNorm(p.real(n.Out[0]), x, weight, p.real(n.In[2]), mean, variance, op.Eps)
	}
}

// batchNormBack runs a BatchNormBack, of which any output may be read by nobody.
func (p *Program) batchNormBack(op graph.BatchNormBack, n graph.Node) {
	weight := p.real(n.In[1])
	dweight, dbias := make([]float64, len(weight)), make([]float64, len(weight))
	kernel.BatchNormBack(p.real(n.Out[0]), dweight, dbias, p.real(n.In[0]), weight,
		p.real(n.In[2]), p.real(n.In[3]), p.real(n.In[4]), op.Eps, op.Running)
	copy(p.real(n.Out[1]), dweight)
	copy(p.real(n.Out[2]), dbias)
}

func convShape(op graph.Conv, x, w, y graph.Tensor) kernel.ConvShape {
	return kernel.ConvShape{
		N: x.Shape[0], H: x.Shape[1], W: x.Shape[2], I: x.Shape[3],
		O: w.Shape[0], R: w.Shape[1], S: w.Shape[2],
		P: y.Shape[1], Q: y.Shape[2],
		Stride: op.Stride, Pad: op.Pad, G: max(1, op.Groups),
	}
}

func poolShape(op graph.MaxPool, x, y graph.Tensor) kernel.PoolShape {
	return kernel.PoolShape{
		N: x.Shape[0], H: x.Shape[1], W: x.Shape[2], C: x.Shape[3],
		P: y.Shape[1], Q: y.Shape[2],
		Kernel: op.Kernel, Stride: op.Stride, Pad: op.Pad,
	}
}

// bias returns the third input, nil where there is none.
func (p *Program) bias(n graph.Node) []float64 {
	if len(n.In) < 3 {
		return nil
	}
	return p.real(n.In[2])
}

// xent runs a SoftmaxXent as if it were of all samples, without its scale.
func (p *Program) xent(op graph.SoftmaxXent, n graph.Node) {
	loss, dx, x, t := p.real(n.Out[0]), p.real(n.Out[1]), p.real(n.In[0]), p.i32(n.In[1])
	if !op.Soft() {
		kernel.SoftmaxXent(loss, dx, x, t)
		return
	}
	q := make([]float64, len(x))
	if op.Mixed {
		kernel.Targets(q, t, p.i32(n.In[2]), p.real(n.In[3]), op.Smooth)
	} else {
		kernel.Targets(q, t, nil, nil, op.Smooth)
	}
	kernel.SoftXent(loss, dx, x, q, len(x)/len(t))
}

// dropout runs a Dropout on samples x.
func (p *Program) dropout(op graph.Dropout, n graph.Node, x graph.Tensor) {
	order, cursor, epoch := p.i32(n.In[1]), p.i64(n.In[2])[0], p.i64(n.In[3])[0]
	size := x.Len() / x.Shape[0]
	for i := range x.Shape[0] {
		words := func(four int) [4]uint32 { return op.Words(epoch, int64(order[int(cursor)+i]), four) }
		kernel.Dropout(p.real(n.Out[0])[i*size:][:size], p.real(n.In[0])[i*size:][:size], float64(op.Factor()), op.Threshold(), words)
	}
}

// augment runs an Augment on pictures of shape [N,H,W,C].
func (p *Program) augment(op graph.Augment, n graph.Node, shape []int) {
	y, x, order := p.u8(n.Out[0]), p.u8(n.In[0]), p.i32(n.In[1])
	cursor, epoch := p.i64(n.In[2])[0], p.i64(n.In[3])[0]
	h, w, size := shape[1], shape[2], shape[1]*shape[2]*shape[3]
	for i := range shape[0] {
		draw := op.Policy.Draw(op.Seed, epoch, int64(order[int(cursor)+i]), h, w)
		kernel.Augment(y[i*size:(i+1)*size], x[i*size:(i+1)*size], h, w, op.Policy, op.Blank, draw)
	}
}

// mix runs a Mix on pictures of shape [N,H,W,C]; nobody may read some of its outputs.
func (p *Program) mix(op graph.Mix, n graph.Node, shape []int, mixer *augment.Mixer) {
	y, u, w := p.u8(n.Out[0]), p.i32(n.Out[1]), p.real(n.Out[2])
	x, classes, order := p.u8(n.In[0]), p.i32(n.In[1]), p.i32(n.In[2])
	cursor, epoch := p.i64(n.In[3])[0], p.i64(n.In[4])[0]
	size := shape[1] * shape[2] * shape[3]
	for i := range shape[0] {
		m := mixer.Draw(op.Seed, epoch, int64(order[int(cursor)+i]), shape[0])
		if y != nil {
			kernel.Mix(y[i*size:(i+1)*size], x[i*size:(i+1)*size], x[m.Partner*size:(m.Partner+1)*size], shape[2], shape[3], m)
		}
		if u != nil {
			u[i] = classes[m.Partner]
		}
		if w != nil {
			w[i] = float64(m.Weight)
		}
	}
}

// gather runs a Gather for each resident tensor that somebody reads.
func (p *Program) gather(n graph.Node, t []graph.Tensor) {
	order, cursor := p.i32(n.In[0]), p.i64(n.In[1])[0]
	for i, y := range n.Out {
		x := n.In[2+i]
		size := t[x].Len() / t[x].Shape[0]
		switch {
		case y == 0:
		case t[x].Type.Float():
			kernel.Gather(p.real(y), p.real(x), order, cursor, size)
		case t[x].Type == graph.U8:
			kernel.Gather(p.u8(y), p.u8(x), order, cursor, size)
		case t[x].Type == graph.I32:
			kernel.Gather(p.i32(y), p.i32(x), order, cursor, size)
		case t[x].Type == graph.I64:
			kernel.Gather(p.i64(y), p.i64(x), order, cursor, size)
		}
	}
}
