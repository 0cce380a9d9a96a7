package cuda_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// The columns of the scalars, and what each of two parameters has of them.
const rateColumn, momentumColumn, decayColumn = 2, 0, 3

var offsets = []int{0, 4}

// An update is an optimizer's step on parameters of 1 and 9000 elements, which is
// three pieces. Numbers between their tensors are NaN, which no kernel may mind.
type update struct {
	kept    int
	arena   []float32
	places  [][]span // of each parameter p, dp and what is kept
	scalars []float32
	gate    int32
}

func newUpdate(kept int) *update {
	u := &update{kept: kept, gate: 1}
	end := 1
	for _, n := range []int{1, 9000} {
		var places []span
		for range 2 + kept {
			places = append(places, span{end, n})
			end += n + 1
		}
		u.places = append(u.places, places)
	}
	u.arena = repeat(nan, end)
	for _, places := range u.places {
		for i, s := range places {
			x := noise(random(s.at), s.n)
			for j := range x {
				if i == 3 { // second moments
					x[j] *= x[j]
				}
			}
			copy(u.arena[s.at:], x)
		}
	}
	return u
}

// parameters returns the reference's, as views of numbers.
func (u *update) parameters(numbers []float64) []ref.Parameter {
	var all []ref.Parameter
	for _, places := range u.places {
		var cut [][]float64
		for _, s := range places {
			cut = append(cut, numbers[s.at:s.at+s.n])
		}
		all = append(all, ref.Parameter{P: cut[0], DP: cut[1], Kept: cut[2:]})
	}
	return all
}

// run updates the arena and returns whether it was applied.
func (u *update) run(t *testing.T, s *standin, scale float32, launches func(o cuda.Optimizer, scale cuda.Addr, g *gpu) []cuda.Launch) int32 {
	t.Helper()
	g, applied := newGPU(t, s), garbage[int32](1)
	o := cuda.Optimizer{Arena: g.out(u.arena), Applied: g.out(applied), Gate: g.in([]int32{u.gate}), Scalars: g.in(u.scalars)}
	for _, places := range u.places {
		p := cuda.Parameter{N: places[0].n}
		var at []cuda.Addr
		for _, s := range places {
			at = append(at, o.Arena+cuda.Addr(s.offset()))
		}
		p.P, p.DP, p.Kept = at[0], at[1], at[2:]
		o.Parameters = append(o.Parameters, p)
	}
	var scaled cuda.Addr
	if scale != 1 {
		scaled = g.in([]float32{scale})
	}
	g.run(launches(o, scaled, g))
	return applied[0]
}

func sgdLaunches(op graph.SGD) func(cuda.Optimizer, cuda.Addr, *gpu) []cuda.Launch {
	return func(o cuda.Optimizer, scale cuda.Addr, g *gpu) []cuda.Launch {
		return o.SGD(op, scale, g.room, g.table)
	}
}

func checkSGD(t *testing.T, s *standin) {
	for _, k := range []struct {
		nesterov bool
		gate     int32
		scale    float32
	}{{false, 1, 1}, {true, 1, 1}, {false, 1, 0x1p16}, {true, 0, 1}} {
		what := fmt.Sprintf("%+v", k)
		u := newUpdate(1)
		u.gate = k.gate
		u.scalars = []float32{0.9, nan, 0.05, 5e-4, 0.5, nan, 0.1, 1e-3}
		op := graph.SGD{LR: rateColumn, Momentum: momentumColumn, Decay: decayColumn, Nesterov: k.nesterov, Offset: offsets, Scaled: k.scale != 1}
		want := wide(u.arena)
		bound := make([]float64, len(want)) // 0 where nothing may change
		var rules []ref.Rule
		for i, places := range u.places {
			c := wide(u.scalars[offsets[i]:])
			lr, momentum, decay := c[rateColumn], c[momentumColumn], c[decayColumn]
			rules = append(rules, ref.SGD(lr, momentum, decay, k.nesterov))
			// v takes 4 roundings of terms no greater than size, and p another 6
			// times lr, and its own.
			for j := range places[0].n {
				p, dp, v := want[places[0].at+j], want[places[1].at+j]/float64(k.scale), want[places[2].at+j]
				size := math.Abs(dp) + math.Abs(decay*p) + math.Abs(momentum*v)
				bound[places[2].at+j] = 4 * ulp * size
				bound[places[0].at+j] = ulp*math.Abs(p) + 10*ulp*lr*size
			}
		}
		if k.gate == 1 {
			ref.Update(u.parameters(want), rules, float64(k.scale))
		} else {
			clear(bound)
		}
		if applied := u.run(t, s, k.scale, sgdLaunches(op)); applied != k.gate {
			t.Errorf("%s: applied is %d", what, applied)
		}
		near(t, what, u.arena, want, func(i int) float64 { return bound[i] })
	}
	checkAllOrNothing(t, s, 1, []float32{2, nan, 4, 5e-4, 2, nan, 4, 5e-4}, sgdLaunches(graph.SGD{LR: rateColumn, Momentum: momentumColumn, Decay: decayColumn, Offset: offsets}))
}

func checkAdamW(t *testing.T, s *standin) {
	op := graph.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Keep: 2, Rate: 0, Root: 3, Offset: offsets}
	run := func(o cuda.Optimizer, scale cuda.Addr, g *gpu) []cuda.Launch {
		return o.AdamW(op, scale, g.room, g.table)
	}
	for _, k := range []struct {
		gate  int32
		scale float32
	}{{0, 1}, {1, 1}, {1, 0x1p16}} {
		what := fmt.Sprintf("%+v", k)
		u := newUpdate(2)
		u.gate = k.gate
		u.scalars = []float32{0.01, nan, 0.999, 3, 0.02, nan, 0.99, 1.5}
		want := wide(u.arena)
		bound := make([]float64, len(want))
		var rules []ref.Rule
		for i, places := range u.places {
			c := wide(u.scalars[offsets[i]:])
			keep, rate, root := c[2], c[0], c[3]
			rules = append(rules, ref.AdamW(keep, rate, root, op.Beta1, op.Beta2, op.Eps))
			// m takes 4 roundings of terms no greater than sizeM, and v 5 of positive
			// ones: half as many of √v. p has those of m and of √v, and 4 more.
			for j := range places[0].n {
				p, dp, m, v := want[places[0].at+j], want[places[1].at+j]/float64(k.scale), want[places[2].at+j], want[places[3].at+j]
				sizeM := op.Beta1*math.Abs(m) + (1-op.Beta1)*math.Abs(dp)
				nextV := op.Beta2*v + (1-op.Beta2)*dp*dp
				bound[places[2].at+j] = 4 * ulp * sizeM
				bound[places[3].at+j] = 5 * ulp * nextV
				bound[places[0].at+j] = 2*ulp*math.Abs(p) + 12*ulp*rate*sizeM/(root*math.Sqrt(nextV)+op.Eps)
			}
		}
		if k.gate == 1 {
			ref.Update(u.parameters(want), rules, float64(k.scale))
		} else {
			clear(bound)
		}
		if applied := u.run(t, s, k.scale, run); applied != k.gate {
			t.Errorf("%s: applied is %d", what, applied)
		}
		near(t, what, u.arena, want, func(i int) float64 { return bound[i] })
	}
	checkAllOrNothing(t, s, 2, []float32{0.01, nan, 0.999, 3, 0.02, nan, 0.99, 1.5}, run)
}

// checkAllOrNothing sets one number so that an update of it is not finite: then nothing
// may change, in any parameter.
func checkAllOrNothing(t *testing.T, s *standin, kept int, scalars []float32, run func(cuda.Optimizer, cuda.Addr, *gpu) []cuda.Launch) {
	places := newUpdate(kept).places
	last := func(s span) int { return s.at + s.n - 1 }
	for _, c := range []struct {
		name  string
		at    int // place in the arena
		value float32
		want  int32
	}{
		{"none", places[1][2].at, 1e30, 1},
		{"the single gradient", places[0][1].at, inf, 0},
		{"first gradient", places[1][1].at, nan, 0},
		{"last gradient", last(places[1][1]), -inf, 0},
		{"first p", places[1][0].at, inf, 0},
		{"last kept", last(places[1][len(places[1])-1]), inf, 0},
		{"gap", last(places[1][1]) + 1, inf, 1},
	} {
		u := newUpdate(kept)
		u.scalars = scalars
		u.arena[c.at] = c.value
		before := slices.Clone(u.arena)
		if got := u.run(t, s, 1, run); got != c.want {
			t.Errorf("%s: applied is %d, want %d", c.name, got, c.want)
		}
		if c.want == 0 {
			same(t, c.name, u.arena, wide(before))
		}
	}
}

func checkRescale(t *testing.T, s *standin) {
	const growth, patience = 3, 2
	for _, c := range []struct {
		applied int32
		scale   float32
		tally   []int64
	}{
		{1, 4, []int64{0, 1, 7}}, {1, 4, []int64{2, 0, 7}}, {1, 0x1p126, []int64{2, 0, 0}},
		{0, 4, []int64{2, 0, 7}}, {0, 4, []int64{0, 1, 7}}, {0, 0x1p-126, []int64{2, 0, 7}},
	} {
		scale, tally, want := []float32{c.scale}, slices.Clone(c.tally), slices.Clone(c.tally)
		wantScale := wide(scale)
		wantCounted := ref.Rescale(c.applied, wantScale, want, growth, patience)
		g, counted := newGPU(t, s), garbage[int32](1)
		k := cuda.Rescale{Growth: growth, Patience: patience, Counted: g.out(counted), Scale: g.out(scale), Tally: g.out(tally), Applied: g.in([]int32{c.applied})}
		g.run(k.Launches(g.room))
		equal(t, fmt.Sprintf("%+v: tally", c), tally, want)
		same(t, fmt.Sprintf("%+v: scale", c), scale, wantScale)
		equal(t, fmt.Sprintf("%+v: counted", c), counted, []int32{wantCounted})
	}
}
