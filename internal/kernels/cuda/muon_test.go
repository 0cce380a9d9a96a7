package cuda_test

import (
	"fmt"
	"math"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// Sizes of one block, of a rest, and of more elements than the blocks that sum have
// threads.
var muonSizes = []int{1, 700, 40_000}

func checkDirection(t *testing.T, s *standin) {
	op := graph.Direction{Momentum: 1, Eps: 1e-7}
	for _, n := range muonSizes {
		for _, scale := range []float32{1, 0x1p16} {
			r := random(n)
			dp, v, scalars := noise(r, n), noise(r, n), []float32{nan, 0.6}
			for i := range dp {
				dp[i] *= scale
			}
			wantMoved, wantX := make([]float64, n), make([]float64, n)
			ref.Direction(wantMoved, wantX, wide(dp), wide(v), wide(scalars)[1], float64(scale), op.Eps)
			g, moved, x := newGPU(t, s), garbage[float32](n), garbage[float32](n)
			k := cuda.Direction{N: n, Moved: g.out(moved), X: g.out(x), DP: g.in(dp), V: g.in(v), Scalars: g.in(scalars)}
			if scale != 1 {
				k.Scale = g.in([]float32{scale})
			}
			g.run(k.Launches(op, g.room))
			// Four roundings of terms no greater than 1.6·(|v| + |dp|), and those of the
			// length and of the division.
			size := func(i int) float64 { return math.Abs(float64(v[i])) + math.Abs(float64(dp[i]/scale)) }
			length := math.Abs((wide(dp)[0]/float64(scale) + 0.6*wantMoved[0]) / wantX[0])
			what := fmt.Sprintf("%d numbers, scale %g", n, scale)
			near(t, what+": moved", moved, wantMoved, func(i int) float64 { return 4 * ulp * size(i) })
			near(t, what+": x", x, wantX, func(i int) float64 { return 8*ulp*size(i)/length + 4*ulp*math.Abs(wantX[i]) })

			g, only := newGPU(t, s), garbage[float32](n)
			k = cuda.Direction{N: n, Moved: g.out(only), DP: g.in(dp), V: g.in(v), Scalars: g.in(scalars), Scale: 0}
			if scale == 1 {
				g.run(k.Launches(op, g.room))
				same(t, what+": moved alone", only, wide(moved))
			}
		}
	}
}

func checkQuintic(t *testing.T, s *standin) {
	op := graph.Quintic{A: 3.4445, B: -4.775, C: 2.0315}
	for _, n := range []int{1, 7, 70} {
		r := random(n)
		a, b, y, want := noise(r, n*n), noise(r, n*n), garbage[float32](n*n), make([]float64, n*n)
		ref.Quintic(want, wide(a), wide(b), op.A, op.B, op.C, n)
		g := newGPU(t, s)
		g.run(cuda.Quintic{N: n, Y: g.out(y), S: g.in(a), T: g.in(b)}.Launches(op))
		near(t, fmt.Sprint(n), y, want, func(i int) float64 {
			return 4 * ulp * (op.A + 4.775*math.Abs(float64(a[i])) + op.C*math.Abs(float64(b[i])))
		})
	}
}

func checkMoved(t *testing.T, s *standin) {
	const rows = 5
	op := graph.Moved{LR: 1}
	for _, n := range muonSizes {
		r := random(n)
		p, u, scalars, y, want := noise(r, n), noise(r, n), []float32{nan, 0.24}, garbage[float32](n), make([]float64, n)
		ref.Moved(want, wide(p), wide(u), wide(scalars)[1], rows)
		g := newGPU(t, s)
		g.run(cuda.Moved{N: n, Rows: rows, Y: g.out(y), P: g.in(p), U: g.in(u), Scalars: g.in(scalars)}.Launches(op, g.room))
		near(t, fmt.Sprint(n), y, want, func(i int) float64 {
			step := math.Abs(0.24 * float64(u[i]))
			return 4*ulp*step + 4*ulp*(math.Abs(want[i])+step)
		})
	}
}

func checkAssign(t *testing.T, s *standin) {
	for _, gate := range []int32{0, 1} {
		arena := noise(random(1), 30_000)
		want := wide(arena)
		g := newGPU(t, s)
		k := cuda.Assign{Arena: g.out(arena), Gate: g.in([]int32{gate})}
		for _, c := range []struct{ to, from, n int }{{3, 20_000, 1}, {10, 10_000, 9_000}} {
			at := func(i int) cuda.Tensor { return cuda.Tensor{At: k.Arena + cuda.Addr(4*i), N: c.n} }
			k.Cells, k.Values = append(k.Cells, at(c.to)), append(k.Values, at(c.from))
			if gate == 1 {
				copy(want[c.to:c.to+c.n], want[c.from:])
			}
		}
		g.run(k.Launches(g.table))
		same(t, fmt.Sprint("gate ", gate), arena, want)
	}
	if l := (cuda.Assign{}).Launches(nil); len(l) != 0 {
		t.Errorf("nothing takes %d launches", len(l))
	}
}
