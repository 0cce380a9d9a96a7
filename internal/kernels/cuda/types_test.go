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

// checkElements holds what is done to each element to the reference, in every type
// and at sizes with and without a rest.
func checkElements(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, n := range []int{1, 7, 8, 1001, 4096} {
			r := random(n)
			x, dy := rounded(typ, noise(r, n)), rounded(typ, noise(r, n))
			for i := range x {
				x[i] *= 8
			}
			strew(r, x, nan, inf, 0, float32(math.Copysign(0, -1)), 6)
			strew(r, dy, nan, inf, -inf)
			checkActs(t, s, typ, x, dy)

			g, y, want := newGPU(t, s), empty(typ, n), make([]float64, n)
			g.run(cuda.Add{Type: typ, N: n, Y: g.out(y), A: g.in(encode(typ, x)), B: g.in(encode(typ, dy))}.Launches())
			ref.Add(want, wide(x), wide(dy))
			same(t, fmt.Sprint("sum of ", n), decode(typ, y), narrow(typ, want))
		}
	})
}

func checkActs(t *testing.T, s *standin, typ graph.DType, x, dy []float32) {
	t.Helper()
	n := len(x)
	for _, k := range []struct {
		kind    graph.ActKind
		forward func(y, x []float64)
		back    func(dx, from, dy []float64)
		exact   bool
	}{
		{graph.ReLU, ref.ReLU, ref.ReLUBack, true},
		{graph.ReLU6, ref.ReLU6, ref.ReLU6Back, true},
		{graph.GELU, ref.GELU, ref.GELUBack, false},
		{graph.SiLU, ref.SiLU, ref.SiLUBack, false},
	} {
		g, y, dx := newGPU(t, s), empty(typ, n), empty(typ, n)
		from := g.in(encode(typ, x)) // of any kind: the gradient takes what it is given
		g.run(cuda.Act{Kind: k.kind, Type: typ, N: n, Y: g.out(y), X: from}.Launches())
		g.run(cuda.ActBack{Kind: k.kind, Type: typ, N: n, DX: g.out(dx), From: from, DY: g.in(encode(typ, dy))}.Launches())
		want, wantDX := make([]float64, n), make([]float64, n)
		k.forward(want, wide(x))
		k.back(wantDX, wide(x), wide(dy))
		what := fmt.Sprintf("%s of %d: ", k.kind, n)
		if k.exact {
			same(t, what+"y", decode(typ, y), narrow(typ, want))
			same(t, what+"dx", decode(typ, dx), narrow(typ, wantDX))
			continue
		}
		// In f64 the formula errs by nothing to speak of, in f32 by some roundings of
		// its terms, which exp makes x² times as large.
		bound := func(want []float64, size float64) func(i int) float64 {
			return func(i int) float64 {
				b := grain(typ, want[i])
				if typ != graph.F32 {
					v := float64(x[i])
					b += 4 * ulp * (1 + v*v) * size
				}
				return b
			}
		}
		near(t, what+"y", decode(typ, y), want, bound(want, 8))
		near(t, what+"dx", decode(typ, dx), wantDX, bound(wantDX, 8))
	}
}

// checkCast goes through numbers of every exponent, halves between two neighbours, and
// what is too large or not finite.
func checkCast(t *testing.T, s *standin) {
	var x []float32
	r := random(1)
	for exponent := range 256 {
		for _, fraction := range []uint32{0, 1, 0x7FFF, 0x8000, 0x8001, 0x18000, 0xFFF, 0x1000, 0x1001, 0x3000, 0x7FFFFF, r.Uint32() & 0x7FFFFF} {
			bits := uint32(exponent)<<23 | fraction
			x = append(x, math.Float32frombits(bits), math.Float32frombits(bits|1<<31))
		}
	}
	x = append(x, 65519.996, 65520, 1) // an odd number of them
	for _, from := range floats {
		for _, to := range floats {
			g, y := newGPU(t, s), empty(to, len(x))
			in := rounded(from, x)
			g.run(cuda.Cast{From: from, To: to, N: len(x), Y: g.out(y), X: g.in(encode(from, x))}.Launches())
			same(t, fmt.Sprintf("%s to %s", from, to), decode(to, y), wide(rounded(to, in)))
		}
	}
}

func checkHalfSums(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, k := range []struct{ rows, channels int }{{1, 1}, {128, 3}, {129, 33}, {1000, 10}} {
			x := rounded(typ, noise(random(k.rows), k.rows*k.channels))
			x[len(x)-1] = nan // the last channel only
			g, y := newGPU(t, s), garbage[float32](k.channels)
			g.run(cuda.ChannelSum{Type: typ, M: k.rows, C: k.channels, Y: g.out(y), X: g.in(encode(typ, x))}.Launches(g.room))
			want, sizes := make([]float64, k.channels), make([]float64, k.channels)
			ref.ChannelSum(want, wide(x))
			ref.ChannelSum(sizes, magnitudes(x))
			near(t, fmt.Sprint(k), y, want, func(c int) float64 { return 4 * math.Sqrt(float64(k.rows)) * ulp * sizes[c] })
		}
	})
}

// checkHalfPictures holds normalising and max pooling to the reference in each type.
func checkHalfPictures(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		op := graph.Normalize{Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.2470, 0.2435, 0.2616}, Out: typ}
		const pictures, size = 3, 7 * 11 * 3
		bytes := pixels(random(3), pictures*size)
		g, y, want := newGPU(t, s), empty(typ, len(bytes)), make([]float64, len(bytes))
		g.run(cuda.Normalize{Op: op, N: pictures, Size: size, Y: g.out(y), X: g.in(bytes)}.Launches(g.table))
		ref.Normalize(want, bytes, op.Mean, op.Std)
		same(t, "normalised", decode(typ, y), narrow(typ, want))

		for _, k := range []cuda.Pool{
			{N: 2, H: 5, W: 7, C: 3, R: 2, S: 2, Stride: 2},
			{N: 1, H: 8, W: 9, C: 2, R: 3, S: 3, Stride: 2, Pad: 1},
		} {
			k = placed(typ, k)
			x := eighths(random(k.H), k.N*k.H*k.W*k.C)
			strew(random(1), x, nan, inf)
			n := k.N * k.P * k.Q * k.C
			shape := ref.PoolShape{N: k.N, H: k.H, W: k.W, C: k.C, P: k.P, Q: k.Q, Kernel: k.R, Stride: k.Stride, Pad: k.Pad}
			wantY, wantArg, wantDX := make([]float64, n), make([]uint8, n), make([]float64, len(x))
			ref.MaxPool(wantY, wantArg, wide(x), shape)
			dy := eighths(random(n), n)
			ref.MaxPoolBack(wantDX, wantArg, wide(dy), shape)

			g, y, arg, dx := newGPU(t, s), empty(typ, n), garbage[uint8](n), empty(typ, len(x))
			g.run(k.Max(g.out(y), g.out(arg), g.in(encode(typ, x))))
			same(t, fmt.Sprintf("%+v: y", k), decode(typ, y), wantY)
			equal(t, fmt.Sprintf("%+v: arg", k), arg, wantArg)
			g.run(k.MaxBack(g.out(dx), g.in(wantArg), g.in(encode(typ, dy))))
			same(t, fmt.Sprintf("%+v: dx", k), decode(typ, dx), wantDX)
		}
	})
}

// placed adds the type and how many windows there are.
func placed(typ graph.DType, k cuda.Pool) cuda.Pool {
	k.Type = typ
	k.P, k.Q = (k.H+2*k.Pad-k.R)/k.Stride+1, (k.W+2*k.Pad-k.S)/k.Stride+1
	return k
}

func checkAvgPool(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, k := range []cuda.Pool{
			{N: 1, H: 1, W: 1, C: 1, R: 1, S: 1, Stride: 1},
			{N: 2, H: 7, W: 5, C: 3, R: 2, S: 2, Stride: 2},
			{N: 2, H: 7, W: 8, C: 3, R: 3, S: 3, Stride: 2, Pad: 1},
			{N: 2, H: 6, W: 7, C: 5, R: 3, S: 2, Stride: 1, Pad: 1},
			{N: 2, H: 9, W: 8, C: 3, R: 2, S: 2, Stride: 3},
			{N: 2, H: 7, W: 9, C: 131, R: 7, S: 9, Stride: 1},
		} {
			k = placed(typ, k)
			what := fmt.Sprintf("%+v: ", k)
			r := random(k.H)
			x, dy := eighths(r, k.N*k.H*k.W*k.C), eighths(r, k.N*k.P*k.Q*k.C) // sums of eighths are exact
			strew(r, x, nan, inf)
			shape := ref.PoolShape{N: k.N, H: k.H, W: k.W, C: k.C, P: k.P, Q: k.Q, Stride: k.Stride, Pad: k.Pad}
			want, wantDX := make([]float64, len(dy)), make([]float64, len(x))
			ref.AvgPool(want, wide(x), shape, k.R, k.S)
			ref.AvgPoolBack(wantDX, wide(dy), shape, k.R, k.S)

			g, y, dx := newGPU(t, s), empty(typ, len(dy)), empty(typ, len(x))
			g.run(k.Avg(g.out(y), g.in(encode(typ, x))))
			g.run(k.AvgBack(g.out(dx), g.in(encode(typ, dy))))
			const apart = 0x1p-50 // what the reference's own sums err by
			near(t, what+"y", decode(typ, y), want, func(i int) float64 { return grain(typ, want[i]) + apart })
			near(t, what+"dx", decode(typ, dx), wantDX, func(i int) float64 { return grain(typ, wantDX[i]) + apart })
		}
	})
}

func checkBatchNorm(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, k := range []struct{ rows, channels int }{{2, 1}, {7, 5}, {60, 8}, {300, 33}, {1000, 16}} {
			checkNorm(t, s, typ, k.rows, k.channels)
		}
	})
}

// momentsBound is what the mean of that many numbers up to 1 may err by, and a quarter of
// what their variance may: sums of f32 have their √M roundings; those of f64 err by nothing to speak of.
func momentsBound(typ graph.DType, rows int) float64 {
	if typ == graph.F32 { // which is summed in f64
		return 4 * ulp
	}
	return 4*ulp + 4*math.Sqrt(float64(rows))*ulp
}

// checkNorm knows that mean and scale are rounded to f32 before they are used.
func checkNorm(t *testing.T, s *standin, typ graph.DType, rows, channels int) {
	const eps = 1e-3
	what := fmt.Sprintf("%d×%d: ", rows, channels)
	r := random(rows)
	x, dy := rounded(typ, noise(r, rows*channels)), rounded(typ, noise(r, rows*channels))
	weight, bias := noise(r, channels), noise(r, channels)
	mean, variance := make([]float64, channels), make([]float64, channels)
	ref.Statistics(mean, variance, wide(x))
	sums := momentsBound(typ, rows)
	rate := func(c int) float64 { return 1 / math.Sqrt(variance[c]+eps) }

	g, y := newGPU(t, s), empty(typ, len(x))
	gotMean, gotVar := garbage[float32](channels), garbage[float32](channels)
	k := cuda.BatchNorm{Type: typ, M: rows, C: channels, Eps: eps, Y: g.out(y), X: g.in(encode(typ, x)),
		Weight: g.in(weight), Bias: g.in(bias), Mean: g.out(gotMean), Var: g.out(gotVar)}
	g.run(k.Launches(g.room))
	near(t, what+"mean", gotMean, mean, func(int) float64 { return sums })
	near(t, what+"var", gotVar, variance, func(c int) float64 { return 4 * sums })
	want := make([]float64, len(x))
	ref.BatchNorm(want, wide(x), wide(weight), wide(bias), mean, variance, eps)
	bound := func(want []float64) func(i int) float64 {
		return func(i int) float64 {
			v := rate(i % channels) // errors of the variance weigh v² times, as v is at least 1 here
			return grain(typ, want[i]) + 8*sums*max(1, v)*max(1, v*v)
		}
	}
	near(t, what+"y", decode(typ, y), want, bound(want))

	// Given statistics, and only what is read.
	means, vars := float32s(mean), float32s(variance)
	ref.BatchNorm(want, wide(x), wide(weight), wide(bias), wide(means), wide(vars), eps)
	k.Running, k.Mean, k.Var = true, g.in(means), g.in(vars)
	g.run(k.Launches(g.room))
	near(t, what+"running y", decode(typ, y), want, bound(want))
	checkNormFollowed(t, g, k, what, y, dy)

	for _, running := range []bool{false, true} {
		wantDX, wantDW, wantDB := make([]float64, len(x)), make([]float64, channels), make([]float64, channels)
		ref.BatchNormBack(wantDX, wantDW, wantDB, wide(x), wide(weight), wide(means), wide(vars), wide(dy), eps, running)
		dx, dw, db := empty(typ, len(x)), garbage[float32](channels), garbage[float32](channels)
		back := cuda.BatchNormBack{BatchNorm: k, DX: g.out(dx), DWeight: g.out(dw), DBias: g.out(db), DY: g.in(encode(typ, dy))}
		back.Running = running
		g.run(back.Launches(g.room))
		near(t, what+"dx", decode(typ, dx), wantDX, bound(wantDX))
		near(t, what+"dweight", dw, wantDW, func(c int) float64 { return 2 * sums * float64(rows) * rate(c) })
		near(t, what+"dbias", db, wantDB, func(c int) float64 { return sums * float64(rows) })
		back.DX, back.DBias = 0, 0
		again := garbage[float32](channels)
		back.DWeight = g.out(again)
		g.run(back.Launches(g.room))
		equal(t, what+"dweight alone", again, dw)
	}
	checkNormBackFollowed(t, g, cuda.BatchNormBack{BatchNorm: k}, what, dy)
}

// checkNormFollowed holds what a batch norm does besides to kernels of their own, bit for
// bit: y is what it gives alone.
func checkNormFollowed(t *testing.T, g *gpu, k cuda.BatchNorm, what string, y any, plus []float32) {
	n := k.M * k.C
	plus = slices.Clone(plus)
	strew(random(n), plus, nan, inf, 100, -100)
	other := g.in(encode(k.Type, plus))
	for _, added := range []bool{false, true} {
		for _, act := range []*graph.Act{nil, {Kind: graph.ReLU}, {Kind: graph.ReLU6}} {
			want, got := y, empty(k.Type, n)
			if added {
				sum := empty(k.Type, n)
				g.run(cuda.Add{Type: k.Type, N: n, Y: g.out(sum), A: g.in(want), B: other}.Launches())
				want = sum
			}
			if act != nil {
				acted := empty(k.Type, n)
				g.run(cuda.Act{Kind: act.Kind, Type: k.Type, N: n, Y: g.out(acted), X: g.in(want)}.Launches())
				want = acted
			}
			if k.Plus = 0; added {
				k.Plus = other
			}
			k.Y, k.Act = g.out(got), act
			g.run(k.Launches(g.room))
			same(t, fmt.Sprintf("%sadded %v, then %v", what, added, act), decode(k.Type, got), wide(decode(k.Type, want)))
		}
	}
}

// checkNormBackFollowed holds a gradient that passes an activation first to kernels of
// their own, bit for bit.
func checkNormBackFollowed(t *testing.T, g *gpu, k cuda.BatchNormBack, what string, dy []float32) {
	k.Running = false
	n := k.M * k.C
	from := rounded(k.Type, noise(random(n+1), n))
	strew(random(n), from, 0, 6, 7, 5.5)
	gradients := func() (dx any, dw, db []float32) {
		dx, dw, db = empty(k.Type, n), garbage[float32](k.C), garbage[float32](k.C)
		k.DX, k.DWeight, k.DBias = g.out(dx), g.out(dw), g.out(db)
		g.run(k.Launches(g.room))
		return dx, dw, db
	}
	for _, kind := range []graph.ActKind{graph.ReLU, graph.ReLU6} {
		passed, mask := empty(k.Type, n), g.in(encode(k.Type, from))
		g.run(cuda.ActBack{Kind: kind, Type: k.Type, N: n, DX: g.out(passed), From: mask, DY: g.in(encode(k.Type, dy))}.Launches())
		k.Act, k.From, k.DY = nil, 0, g.in(passed)
		wantDX, wantDW, wantDB := gradients()
		k.Act, k.From, k.DY = &graph.Act{Kind: kind}, mask, g.in(encode(k.Type, dy))
		dx, dw, db := gradients()
		what := fmt.Sprintf("%sthrough %s: ", what, kind)
		same(t, what+"dx", decode(k.Type, dx), wide(decode(k.Type, wantDX)))
		equal(t, what+"dweight", dw, wantDW)
		equal(t, what+"dbias", db, wantDB)
	}
}

func checkTrack(t *testing.T, s *standin) {
	for _, gate := range []int32{0, 1} {
		r := random(int(gate))
		arena := noise(r, 1000)
		want := wide(arena)
		before := slices.Clone(want)
		g := newGPU(t, s)
		k := cuda.Track{Arena: g.out(arena), Gate: g.in([]int32{gate})}
		for _, x := range []struct {
			running, batch, n int
			momentum, factor  float64
		}{{3, 10, 1, 0.1, 1}, {20, 400, 300, 0.4, 36.0 / 35}} {
			k.Statistics = append(k.Statistics, cuda.Tracked{Running: k.Arena + cuda.Addr(4*x.running), Batch: k.Arena + cuda.Addr(4*x.batch),
				N: x.n, Momentum: x.momentum, Factor: x.factor})
			ref.Track(want[x.running:x.running+x.n], before[x.batch:x.batch+x.n], x.momentum, x.factor)
		}
		if gate == 0 {
			want = before
		}
		g.run(k.Launches(g.table))
		near(t, fmt.Sprint("gate ", gate), arena, want, func(i int) float64 { return grain(graph.F32, want[i]) })
	}
}

func float32s(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
