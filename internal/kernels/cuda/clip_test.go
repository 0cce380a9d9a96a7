package cuda_test

import (
	"fmt"
	"math"
	"testing"

	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// checkClip clips tensors that lie apart. The gaps are NaN, which no kernel may mind.
func checkClip(t *testing.T, s *standin) {
	from, to := []span{{3, 1}, {8, 5}, {20, 9000}}, []span{{9030, 1}, {9032, 5}, {9040, 9000}} // the last in three pieces
	for _, c := range []struct {
		most  float64
		scale float32
		first float32 // gradient
		read  int     // outputs
	}{{1, 1, 0.5, 3}, {1e9, 1, 0.5, 3}, {0.25, 0x1p16, 0.5, 3}, {1, 1, 1e30, 3}, {1, 1, inf, 3}, {1, 1, nan, 3}, {1, 1, 0.5, 1}} {
		what := fmt.Sprintf("%+v", c)
		arena := repeat(nan, 18_042)
		for _, p := range from {
			copy(arena[p.at:], noise(random(p.n), p.n))
		}
		arena[from[0].at] = c.first
		want := wide(arena)
		var y, dp [][]float64
		for i := range from {
			dp = append(dp, want[from[i].at:][:from[i].n])
			y = append(y, nil)
			if i < c.read {
				y[i] = want[to[i].at:][:to[i].n]
			}
		}
		ref.Clip(y, dp, float64(c.scale), c.most)

		g := newGPU(t, s)
		k := cuda.Clip{Arena: g.out(arena), Most: c.most}
		if c.scale != 1 {
			k.Scale = g.in([]float32{c.scale})
		}
		for i, p := range from {
			clipped := cuda.Clipped{N: p.n, DP: k.Arena + cuda.Addr(p.offset())}
			if i < c.read {
				clipped.Y = k.Arena + cuda.Addr(to[i].offset())
			}
			k.Gradients = append(k.Gradients, clipped)
		}
		g.run(k.Launches(g.room, g.table))
		// The factor is rounded, and the product.
		near(t, what, arena, want, func(i int) float64 {
			if i < to[0].at {
				return 0
			}
			return 2 * ulp * math.Abs(want[i])
		})
	}
}
