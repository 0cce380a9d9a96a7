package cpu

import (
	"sync/atomic"

	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

// update looks at every parameter before it sets one: any chunk that would leave
// the finite numbers keeps all from being set. Each of n's parameters has width
// inputs, and an element takes about each nanoseconds. Finite and set are given a
// parameter's number and a range of its elements.
func (b *builder) update(n graph.Node, width int, each float64, finite func(i, lo, hi int) bool, set func(i, lo, hi int)) {
	gate, applied := &b.i32(n.In[0])[0], new(int32)
	if y := n.Out[0]; y != 0 {
		applied = &b.i32(y)[0]
	}
	var lengths []int
	for i := 2; i < len(n.In); i += width {
		lengths = append(lengths, len(b.f32(n.In[i])))
	}
	groups := stretches(lengths, int(chunkTime/each))
	b.whole(func() { *applied = *gate })
	b.groups(groups, func(s stretch) {
		if *gate != 0 && !finite(s.tensor, s.lo, s.hi) {
			atomic.StoreInt32(applied, 0)
		}
	})
	b.groups(groups, func(s stretch) {
		if *applied != 0 {
			set(s.tensor, s.lo, s.hi)
		}
	})
}

// inputs returns the memory of input at, counted from 0, of each of n's parameters.
func (b *builder) inputs(n graph.Node, width, at int) (x [][]float32) {
	for i := 2; i < len(n.In); i += width {
		x = append(x, b.f32(n.In[i+at]))
	}
	return x
}

func (b *builder) sgd(op graph.SGD, n graph.Node) {
	const width = 3
	scalars := b.f32(n.In[1])
	p, dp, v := b.inputs(n, width, 0), b.inputs(n, width, 1), b.inputs(n, width, 2)
	step := func(i int) kernel.SGD {
		op := op.Of(i)
		return kernel.SGD{LR: scalars[op.LR], Momentum: scalars[op.Momentum], Decay: scalars[op.Decay], Nesterov: op.Nesterov}
	}
	b.update(n, width, perUpdated,
		func(i, lo, hi int) bool { return step(i).Finite(p[i][lo:hi], dp[i][lo:hi], v[i][lo:hi]) },
		func(i, lo, hi int) { step(i).Update(p[i][lo:hi], dp[i][lo:hi], v[i][lo:hi]) })
}

func (b *builder) adamW(op graph.AdamW, n graph.Node) {
	const width = 4
	scalars := b.f32(n.In[1])
	p, dp, m, v := b.inputs(n, width, 0), b.inputs(n, width, 1), b.inputs(n, width, 2), b.inputs(n, width, 3)
	step := func(i int) kernel.AdamW {
		op := op.Of(i)
		return kernel.AdamW{
			Keep: scalars[op.Keep], Rate: scalars[op.Rate], Root: scalars[op.Root],
			Beta1: float32(op.Beta1), Rest1: float32(1 - op.Beta1), Beta2: float32(op.Beta2), Rest2: float32(1 - op.Beta2), Eps: float32(op.Eps),
		}
	}
	b.update(n, width, perAdapted,
		func(i, lo, hi int) bool { return step(i).Finite(p[i][lo:hi], dp[i][lo:hi], m[i][lo:hi], v[i][lo:hi]) },
		func(i, lo, hi int) { step(i).Update(p[i][lo:hi], dp[i][lo:hi], m[i][lo:hi], v[i][lo:hi]) })
}

func (b *builder) average(op graph.Average, n graph.Node) {
	gate := &b.i32(n.In[0])[0]
	var averages, cells [][]float32
	var lengths []int
	for i := 1; i < len(n.In); i += 2 {
		averages, cells = append(averages, b.f32(n.In[i])), append(cells, b.f32(n.In[i+1]))
		lengths = append(lengths, len(b.f32(n.In[i])))
	}
	b.groups(stretches(lengths, chunkTime/perAverage), func(s stretch) {
		if *gate != 0 {
			kernel.Track(averages[s.tensor][s.lo:s.hi], cells[s.tensor][s.lo:s.hi], 1-op.Decay, 1)
		}
	})
}
