package cpu

import (
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
)

// clip adds up the squares of each chunk by itself, so that the order of the sum follows
// from shapes alone.
func (b *builder) clip(op graph.Clip, n graph.Node) {
	y, dp, lengths := make([][]float32, len(n.In)), make([][]float32, len(n.In)), make([]int, len(n.In))
	for i, v := range n.In {
		y[i], dp[i], lengths[i] = b.f32(n.Out[i]), b.f32(v), b.module.Tensors[v].Len()
	}
	groups := stretches(lengths, chunkTime/perSquared)
	squares, factor := make([]float64, len(groups)), float32(1)
	b.phases = append(b.phases, phase{chunks: len(groups), run: func(chunk int, _ []float32) {
		squares[chunk] = 0
		for _, s := range groups[chunk] {
			squares[chunk] += kernel.SumSquares(dp[s.tensor][s.lo:s.hi])
		}
	}})
	b.whole(func() { factor = kernel.ClipFactor(squares, op.Max) })
	b.groups(groups, func(s stretch) {
		if y[s.tensor] != nil {
			kernel.Scale(y[s.tensor][s.lo:s.hi], dp[s.tensor][s.lo:s.hi], factor)
		}
	})
}
