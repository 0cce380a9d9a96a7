package cuda_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

var cases = []struct {
	name  string
	check func(t *testing.T, s *standin)
}{
	{"ReLU", checkReLU},
	{"Add", checkAdd},
	{"ChannelSum", checkChannelSum},
	{"Gather", checkGather},
	{"Augment", checkAugment},
	{"Mix", checkMix},
	{"Dropout", checkDropout},
	{"Normalize", checkNormalize},
	{"MaxPool", checkMaxPool},
	{"Gate", checkGate},
	{"Record", checkRecord},
	{"Tick", checkTick},
	{"Rescale", checkRescale},
	{"SGD", checkSGD},
	{"AdamW", checkAdamW},
	{"Clip", checkClip},
	{"Direction", checkDirection},
	{"Quintic", checkQuintic},
	{"Moved", checkMoved},
	{"Assign", checkAssign},
	{"elements", checkElements},
	{"Cast", checkCast},
	{"sums of halves", checkHalfSums},
	{"pictures of halves", checkHalfPictures},
	{"AvgPool", checkAvgPool},
	{"BatchNorm", checkBatchNorm},
	{"Track", checkTrack},
	{"SoftmaxXent", checkSoftmaxXent},
	{"MatMul", checkMatMul},
	{"Conv", checkConv},
	{"SoftXent", checkSoftXent},
}

// small has fewer threads than most tensors have elements, and more than the
// smallest have, so that loops go round and threads stay idle.
var small = grid{x: 3, y: 1, threads: 64}

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

func checkReLU(t *testing.T, s *standin) {
	for _, n := range []int{1, 191, 1000} {
		r := random(n)
		x, dy := noise(r, n), noise(r, n)
		strew(r, x, nan, inf, -inf, 0, float32(math.Copysign(0, -1)))
		strew(r, dy, nan, inf)

		y, want := garbage[float32](n), make([]float64, n)
		s.launch(t, "act_relu_f32", small, result{y}, x, n)
		ref.ReLU(want, wide(x))
		same(t, fmt.Sprint("y ", n), y, want)

		dx := garbage[float32](n)
		s.launch(t, "act_relu_back_f32", small, result{dx}, x, dy, n)
		ref.ReLUBack(want, wide(x), wide(dy))
		same(t, fmt.Sprint("dx ", n), dx, want)
	}
}

func checkAdd(t *testing.T, s *standin) {
	for _, n := range []int{1, 193, 1000} {
		r := random(n)
		a, b := noise(r, n), noise(r, n)
		strew(r, a, nan, inf, 1e30)
		strew(r, b, nan, -inf, 1e-30)
		y, want := garbage[float32](n), make([]float64, n)
		s.launch(t, "add_f32", small, result{y}, a, b, n)
		ref.Add(want, wide(a), wide(b))
		same(t, fmt.Sprint("y ", n), y, want)
	}
}

func checkChannelSum(t *testing.T, s *standin) {
	for _, k := range []struct{ rows, channels int }{{1, 1}, {7, 3}, {100, 10}, {1000, 33}, {37, 64}} {
		x := noise(random(k.rows), k.rows*k.channels)
		x[len(x)-1] = nan // the last channel only
		span := int(math.Ceil(math.Sqrt(float64(k.rows))))
		groups := (k.rows + span - 1) / span
		tiles := int64(k.channels+31) / 32

		partial, y := garbage[float32](groups*k.channels), garbage[float32](k.channels)
		s.launch(t, "channel_sum_f32", grid{int64(groups), tiles, 256}, result{partial}, x, k.rows, k.channels, span)
		s.launch(t, "channel_sum_f32", grid{1, tiles, 256}, result{y}, partial, groups, k.channels, groups)

		want, sizes := make([]float64, k.channels), make([]float64, k.channels)
		ref.ChannelSum(want, wide(x))
		ref.ChannelSum(sizes, magnitudes(x))
		near(t, fmt.Sprint(k), y, want, func(c int) float64 {
			return 4 * math.Sqrt(float64(k.rows)) * ulp * sizes[c]
		})
	}
}

func checkGather(t *testing.T, s *standin) {
	const samples, batch, cursor = 9, 7, 6
	r := random(samples)
	order := make([]int32, 20)
	for i := range order {
		order[i] = r.Int32N(samples)
	}
	for _, size := range []int{1, 4, 15, 48, 300} {
		x := pixels(r, samples*size)
		y, want := garbage[uint8](batch*size), make([]uint8, batch*size)
		g := newGPU(t, s)
		arena := append(slices.Clone(x), garbage[uint8](batch*size+3)...) // y behind x, where bytes are on no boundary
		k := cuda.Gather{Batch: batch, Arena: g.out(arena), Order: g.in(order), Cursor: g.in([]int64{cursor})}
		if size%16 == 0 {
			k.Tensors = []cuda.Gathered{{Y: k.Arena + cuda.Addr(len(x)), X: k.Arena, Size: size}}
		} else { // the same sample in two parts, as tensors of their own
			k.Tensors = []cuda.Gathered{{Y: k.Arena + cuda.Addr(len(x)), X: k.Arena, Size: size}, {Y: k.Arena + cuda.Addr(len(arena)-2), X: k.Arena, Size: 0}}
		}
		g.run(k.Launches(g.table))
		copy(y, arena[len(x):])
		ref.Gather(want, x, order, cursor, size)
		if !bytes.Equal(y, want) {
			t.Errorf("samples of %d bytes: got %v, want %v", size, y, want)
		}
	}
}

func checkNormalize(t *testing.T, s *standin) {
	for _, n := range []graph.Normalize{
		{Mean: []float64{0.1307}, Std: []float64{0.3081}},
		{Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.2470, 0.2435, 0.2616}},
	} {
		const pictures, places = 3, 7 * 11
		channels := len(n.Mean)
		var table []float32
		for c := range channels {
			for _, v := range n.Table(c) {
				table = append(table, float32(v))
			}
		}
		size := places * channels
		x := pixels(random(channels), pictures*size)
		y, want := garbage[float32](len(x)), make([]float64, len(x))
		s.launch(t, "normalize_f32", grid{pictures, 1, 64}, result{y}, x, table, size, channels)
		ref.Normalize(want, x, n.Mean, n.Std)
		same(t, fmt.Sprint(channels, " channels"), y, want)
	}
}

func checkMaxPool(t *testing.T, s *standin) {
	for _, k := range []ref.PoolShape{
		{N: 1, H: 1, W: 1, C: 1, Kernel: 1, Stride: 1},
		{N: 2, H: 5, W: 7, C: 3, Kernel: 2, Stride: 2},
		{N: 1, H: 8, W: 9, C: 2, Kernel: 3, Stride: 2, Pad: 1},
		{N: 2, H: 6, W: 5, C: 3, Kernel: 3, Stride: 1, Pad: 1},
		{N: 1, H: 7, W: 8, C: 1, Kernel: 2, Stride: 3},
		{N: 1, H: 1, W: 4, C: 5, Kernel: 4, Stride: 4, Pad: 2},
		{N: 1, H: 16, W: 15, C: 1, Kernel: 15, Stride: 1, Pad: 7},
	} {
		k.P = (k.H+2*k.Pad-k.Kernel)/k.Stride + 1
		k.Q = (k.W+2*k.Pad-k.Kernel)/k.Stride + 1
		t.Run(fmt.Sprintf("%+v", k), func(t *testing.T) { checkPoolShape(t, s, k) })
	}
}

func checkPoolShape(t *testing.T, s *standin, k ref.PoolShape) {
	extents := []any{k.H, k.W, k.C, k.P, k.Q, k.Kernel, k.Stride, k.Pad}
	r := random(k.H)
	x := eighths(r, k.N*k.H*k.W*k.C) // few values, so that windows have equals
	strew(r, x, nan, nan, -inf, inf)
	n := k.N * k.P * k.Q * k.C
	wantY, wantArg := make([]float64, n), make([]uint8, n)
	ref.MaxPool(wantY, wantArg, wide(x), k)

	rows := grid{int64(k.N * k.P), 1, 32}
	y, arg := garbage[float32](n), garbage[uint8](n)
	s.launch(t, "pool_max_f32", rows, append([]any{result{y}, result{arg}, x}, extents...)...)
	same(t, "y", y, wantY)
	equal(t, "arg", arg, wantArg)

	y, arg = garbage[float32](n), garbage[uint8](n)
	s.launch(t, "pool_max_f32", rows, append([]any{result{y}, nil, x}, extents...)...)
	same(t, "y alone", y, wantY)
	s.launch(t, "pool_max_f32", rows, append([]any{nil, result{arg}, x}, extents...)...)
	equal(t, "arg alone", arg, wantArg)

	dy := eighths(r, n) // sums of eighths are exact in f32
	strew(r, dy, nan, inf)
	dx, wantDX := garbage[float32](len(x)), make([]float64, len(x))
	s.launch(t, "pool_max_back_f32", grid{int64(k.N * k.H), 1, 32}, append([]any{result{dx}, wantArg, dy}, extents...)...)
	ref.MaxPoolBack(wantDX, wantArg, wide(dy), k)
	same(t, "dx", dx, wantDX)
}

func checkGate(t *testing.T, s *standin) {
	// Tensors lie apart. The gaps are NaN, which no kernel may mind.
	spans := []span{{3, 1}, {8, 5}, {20, 9000}} // the last in three pieces
	end := spans[2].at + spans[2].n
	for _, c := range []struct {
		name  string
		at    int // place in the arena
		value float32
	}{
		{"all finite", 3, math.MaxFloat32},
		{"single", 3, nan},
		{"first of a tensor", 8, inf},
		{"last of a tensor", 12, -inf},
		{"last of all", end - 1, nan},
		{"gap", end, nan},
	} {
		arena := repeat(nan, end+4)
		var tensors [][]float64
		for _, p := range spans {
			copy(arena[p.at:], noise(random(p.n), p.n))
		}
		arena[c.at] = c.value
		for _, p := range spans {
			tensors = append(tensors, wide(arena[p.at:p.at+p.n]))
		}
		g, gate := newGPU(t, s), garbage[int32](1)
		k := cuda.Gate{Arena: g.in(arena), Open: g.out(gate)}
		for _, p := range spans {
			k.Tensors = append(k.Tensors, cuda.Tensor{At: k.Arena + cuda.Addr(p.offset()), N: p.n})
		}
		g.run(k.Launches(g.room, g.table))
		if want := ref.Gate(tensors...); gate[0] != want {
			t.Errorf("%s: gate is %d, want %d", c.name, gate[0], want)
		}
	}
	// More parts than threads, one of them shut.
	part, gate := make([]int32, 200), garbage[int32](1)
	for i := range part {
		part[i] = 1
	}
	part[150] = 0
	s.launch(t, "gate_all_i32", grid{1, 1, 64}, result{gate}, part, len(part))
	if gate[0] != 0 {
		t.Errorf("gate is %d with part 150 shut", gate[0])
	}
}

func checkRecord(t *testing.T, s *standin) {
	for _, step := range []int64{0, 4, 5, 1<<40 + 3} {
		for _, gate := range []int32{0, 1} {
			ring := []float32{1, 2, 3, 4, 5}
			want := wide(ring)
			s.launch(t, "record_f32", grid{1, 1, 32}, result{ring}, []int32{gate}, []int64{step}, []float32{nan}, len(ring))
			if gate == 1 {
				ref.Record(want, step, math.NaN())
			}
			same(t, fmt.Sprintf("step %d, gate %d", step, gate), ring, want)
		}
	}
}

func checkTick(t *testing.T, s *standin) {
	const rows, batch = 4, 128
	for _, columns := range []int{1, 3, 40} {
		table := noise(random(columns), rows*columns)
		for _, before := range []int64{0, 2, 3, 1 << 40} {
			for _, gate := range []int32{0, 1} {
				step, cursor, scalars := []int64{before}, []int64{1 << 33}, noise(random(1), columns)
				wantStep, wantCursor, want := slices.Clone(step), slices.Clone(cursor), wide(scalars)
				if gate == 1 {
					ref.Tick(wantStep, wantCursor, want, wide(table), batch)
				}
				s.launch(t, "tick_f32", grid{1, 1, 32}, result{step}, result{cursor}, result{scalars}, []int32{gate}, table, rows, columns, batch)
				what := fmt.Sprintf("%d columns, step %d, gate %d: ", columns, before, gate)
				equal(t, what+"step", step, wantStep)
				equal(t, what+"cursor", cursor, wantCursor)
				same(t, what+"scalars", scalars, want)
			}
		}
	}
}

func checkSoftmaxXent(t *testing.T, s *standin) {
	for _, k := range []struct{ rows, classes int }{{1, 1}, {3, 10}, {13, 10}, {5, 33}, {6, 100}, {64, 10}, {65, 10}, {300, 7}} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			r := random(k.rows)
			x := noise(r, k.rows*k.classes)
			classes := make([]int32, k.rows)
			for n := range classes {
				classes[n] = r.Int32N(int32(k.classes))
			}
			for i := range x {
				x[i] *= 10
			}
			checkXent(t, s, x, classes, k.rows)
			// A part of a larger batch.
			checkXent(t, s, x, classes, 3*k.rows+1)
			// Rows far apart from one another, and within themselves.
			for i := range x {
				x[i] = x[i]*100 + float32(i/k.classes)*1e6
			}
			checkXent(t, s, x, classes, k.rows)
			// What is not finite spoils its row and the mean, but no other row.
			strew(r, x, nan, inf, -inf)
			checkXent(t, s, x, classes, k.rows)
		})
	}
}

// checkXent allows an error of 4 roundings for each of a row's C exponentials,
// which are at most 1 and add up to at least 1. Loss and gradient are divided by of.
func checkXent(t *testing.T, s *standin, x []float32, classes []int32, of int) {
	t.Helper()
	n, c := len(classes), len(x)/len(classes)
	const scale = 1024
	wantDX, wantLoss := make([]float64, len(x)), make([]float64, 1)
	ref.SoftmaxXent(wantLoss, wantDX, wide(x), classes)
	share := float64(n) / float64(of)
	ref.Scale(wantLoss, share)
	ref.Scale(wantDX, scale*share)
	perRow := float64(4*c+8) * ulp
	for _, part := range []struct{ loss, dx, scaled bool }{{true, true, true}, {true, false, true}, {false, true, false}} {
		g := newGPU(t, s)
		dx, loss := garbage[float32](len(x)), garbage[float32](1)
		k := cuda.SoftmaxXent{N: n, C: c, Of: of, X: g.in(x), T: g.in(classes)}
		if part.loss {
			k.Loss = g.out(loss)
		}
		if part.dx {
			k.DX = g.out(dx)
		}
		if part.scaled {
			k.Scale = g.in([]float32{scale})
		}
		g.run(k.Launches(g.room))
		if part.loss {
			near(t, "loss", loss, wantLoss, func(int) float64 {
				return perRow + 4*(1+math.Sqrt(float64(n)))*ulp*wantLoss[0]
			})
		}
		if part.dx {
			for i := range dx {
				if !part.scaled {
					dx[i] *= scale
				}
			}
			near(t, "dx", dx, wantDX, func(int) float64 { return scale * perRow / float64(of) })
		}
	}
}

// A span is the place of a tensor in an arena, in elements.
type span struct{ at, n int }

func (s span) offset() int64 { return 4 * int64(s.at) }

// ulp is the distance from 1 to the next f32.
const ulp = 1.0 / (1 << 23)

func random(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0)) }

// noise returns n numbers between -1 and 1.
func noise(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

// eighths returns n numbers from -1 to 7/8.
func eighths(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(16)-8) / 8
	}
	return x
}

func pixels(r *rand.Rand, n int) []uint8 {
	x := make([]uint8, n)
	for i := range x {
		x[i] = uint8(r.Uint32())
	}
	return x
}

// strew writes values to random places of x, where it has room for others too.
func strew(r *rand.Rand, x []float32, values ...float32) {
	if len(x) <= len(values) {
		return
	}
	for _, v := range values {
		x[r.IntN(len(x))] = v
	}
}

// garbage returns n elements as memory may hold before anything is written.
func garbage[T any](n int) []T {
	x := make([]T, n)
	if _, err := binary.Decode(bytes.Repeat([]byte{0xa5}, binary.Size(x)), binary.NativeEndian, x); err != nil {
		panic(err)
	}
	return x
}

func repeat(v float32, n int) []float32 { return slices.Repeat([]float32{v}, n) }

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func magnitudes(x []float32) []float64 {
	y := wide(x)
	for i, v := range y {
		y[i] = math.Abs(v)
	}
	return y
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// same wants the bits of want rounded to f32; one NaN is as good as another.
func same(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i, w := range want {
		rounded := float32(w)
		if math.Float32bits(got[i]) != math.Float32bits(rounded) && !(got[i] != got[i] && w != w) {
			t.Errorf("%s: element %d of %d is %v, want %v", what, i, len(want), got[i], rounded)
			return
		}
	}
}

// near wants numbers within bound of want, and infinities and NaNs as they are.
func near(t *testing.T, what string, got []float32, want []float64, bound func(i int) float64) {
	t.Helper()
	for i, w := range want {
		g := float64(got[i])
		if g == w || g != g && w != w {
			continue
		}
		if !(math.Abs(g-w) <= bound(i)) {
			t.Errorf("%s: element %d of %d is %v, want %v within %.3g", what, i, len(want), g, w, bound(i))
			return
		}
	}
}
