package cpu

import (
	"math"

	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

func (b *builder) direction(op graph.Direction, n graph.Node) {
	scalars, dp, v := b.f32(n.In[0]), b.f32(n.In[1]), b.f32(n.In[2])
	moved, x := b.f32(n.Out[0]), b.f32(n.Out[1])
	part := func(of []float32, lo, hi int) []float32 {
		if of == nil {
			return nil
		}
		return of[lo:hi]
	}
	total := b.squares(len(v), func(lo, hi int) float64 {
		return kernel.Direction{Momentum: scalars[op.Momentum]}.Move(part(moved, lo, hi), part(x, lo, hi), dp[lo:hi], v[lo:hi])
	})
	b.split(len(x), perElement, func(lo, hi int, _ []float32) {
		kernel.Divide(x[lo:hi], float32(math.Sqrt(total())+op.Eps))
	})
}

func (b *builder) quintic(op graph.Quintic, n graph.Node) {
	y, s, t, size := b.f32(n.Out[0]), b.f32(n.In[0]), b.f32(n.In[1]), b.shape(n.In[0])[0]
	b.split(size, perElement*float64(size), func(lo, hi int, _ []float32) {
		kernel.Quintic(y, s, t, float32(op.A), float32(op.B), float32(op.C), size, lo, hi)
	})
}

func (b *builder) moved(op graph.Moved, n graph.Node) {
	scalars, p, u, y := b.f32(n.In[0]), b.f32(n.In[1]), b.f32(n.In[2]), b.f32(n.Out[0])
	rows := math.Sqrt(float64(b.shape(n.In[1])[0]))
	total := b.squares(len(p), func(lo, hi int) float64 { return kernel.Squares(p[lo:hi]) })
	b.split(len(y), perElement, func(lo, hi int, _ []float32) {
		kernel.Moved(y[lo:hi], p[lo:hi], u[lo:hi], float32(rows/math.Sqrt(total())), scalars[op.LR])
	})
}

// squares adds a phase that sums up n items in parts, and returns what adds these up,
// in their order.
func (b *builder) squares(n int, sum func(lo, hi int) float64) func() float64 {
	chunks := cut(n, perSquare)
	parts := make([]float64, chunks)
	b.phases = append(b.phases, phase{chunks: chunks, run: func(chunk int, _ []float32) {
		parts[chunk] = sum(n*chunk/chunks, n*(chunk+1)/chunks)
	}})
	return func() float64 {
		total := 0.0
		for _, part := range parts {
			total += part
		}
		return total
	}
}

func (b *builder) assign(_ graph.Assign, n graph.Node) {
	gate := &b.i32(n.In[0])[0]
	var lengths []int
	var cells, values [][]float32
	for i := 1; i < len(n.In); i += 2 {
		cells, values = append(cells, b.f32(n.In[i])), append(values, b.f32(n.In[i+1]))
		lengths = append(lengths, len(b.f32(n.In[i])))
	}
	b.groups(stretches(lengths, chunkTime/perUpdated), func(s stretch) {
		if *gate != 0 {
			copy(cells[s.tensor][s.lo:s.hi], values[s.tensor][s.lo:s.hi])
		}
	})
}
