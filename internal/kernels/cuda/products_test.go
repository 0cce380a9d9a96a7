package cuda_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	driver "imgcls/internal/device/cuda/standin"
	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// The products come in blocks of two sizes, of which the large ones take many rows, and
// in variants for lines that fill 16 bytes and lines that do not.

// productBound is what a sum of k products may err by, whose sizes add up to size.
func productBound(typ graph.DType, k int, size, want []float64) func(i int) float64 {
	return func(i int) float64 { return 4*math.Sqrt(float64(k))*ulp*size[i] + grain(typ, want[i]) }
}

func checkMatMul(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, k := range []struct {
			m, n, k        int
			transA, transB bool
		}{
			{1, 1, 1, false, false},
			{65, 33, 19, false, true}, {64, 40, 24, false, true}, // nt
			{65, 33, 19, false, false}, {64, 40, 24, false, false}, // nn
			{65, 33, 19, true, false}, {64, 40, 24, true, false}, // tn
			{65, 33, 19, true, true},
			{8, 24, 2000, true, false}, {7, 5, 2001, true, false}, // split sums
			{8072, 40, 24, false, true}, {8072, 40, 24, false, false}, {8072, 40, 24, true, false}, {8065, 33, 5, true, true}, // large
		} {
			out := typ
			if k.transA { // a gradient of weights, whose sum may be split
				out = graph.F32
			}
			checkProduct(t, s, cuda.MatMul{M: k.m, N: k.n, K: k.k, TransA: k.transA, TransB: k.transB, Type: typ, Out: out})
		}
	})
}

// checkProduct runs it plainly, and with bias and activation into f32.
func checkProduct(t *testing.T, s *standin, k cuda.MatMul) {
	r := random(k.M)
	a, b, bias := rounded(k.Type, noise(r, k.M*k.K)), rounded(k.Type, noise(r, k.K*k.N)), noise(r, k.N)
	left, right := [2]int{k.K, k.M}, [2]int{k.N, k.K} // columns in memory, plain and transposed
	stored := func(x []float64, columns [2]int, transposed bool) ref.Matrix {
		if transposed {
			return ref.Stored(x, columns[1], true)
		}
		return ref.Stored(x, columns[0], false)
	}
	want, size := make([]float64, k.M*k.N), make([]float64, k.M*k.N)
	for _, finished := range []bool{false, true} {
		if finished && k.TransA { // a gradient has neither
			continue
		}
		var biased, biasSize []float64
		g := newGPU(t, s)
		k.A, k.B = g.in(encode(k.Type, a)), g.in(encode(k.Type, b))
		if finished {
			k.Bias, k.Act, k.Out = g.in(bias), &graph.Act{Kind: graph.ReLU}, graph.F32
			biased, biasSize = wide(bias), magnitudes(bias)
		}
		ref.MatMul(want, stored(wide(a), left, k.TransA), stored(wide(b), right, k.TransB), biased, k.M, k.N, k.K)
		ref.MatMul(size, stored(magnitudes(a), left, k.TransA), stored(magnitudes(b), right, k.TransB), biasSize, k.M, k.N, k.K)
		if finished {
			ref.ReLU(want, want)
		}
		y := empty(k.Out, k.M*k.N)
		k.Y = g.out(y)
		g.run(k.Launches(g.room))
		near(t, fmt.Sprintf("%d×%d×%d, %v %v: y", k.M, k.N, k.K, k.TransA, k.TransB), decode(k.Out, y), want, productBound(k.Out, k.K, size, want))
	}
}

func checkConv(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		for _, k := range []cuda.Conv{
			{N: 1, H: 1, W: 1, I: 1, O: 1, R: 1, S: 1, Stride: 1},
			{N: 2, H: 7, W: 9, I: 3, O: 5, R: 3, S: 2, Stride: 2, Pad: 1},
			{N: 1, H: 6, W: 7, I: 8, O: 40, R: 3, S: 3, Stride: 1, Pad: 1},
			{N: 1, H: 9, W: 8, I: 16, O: 72, R: 3, S: 3, Stride: 3},                     // large filters
			{N: 1, H: 9, W: 8, I: 15, O: 71, R: 3, S: 3, Stride: 1},                     // and of any channels
			{N: 2, H: 64, W: 64, I: 40, O: 40, R: 1, S: 1, Stride: 1},                   // many pixels
			{N: 2, H: 66, W: 64, I: 37, O: 33, R: 1, S: 2, Stride: 1, Pad: 1},           // and of any channels
			{N: 1, H: 40, W: 41, I: 3, O: 4, R: 2, S: 3, Stride: 1, Pad: 2},             // a filter's sum that is split
			{N: 3, H: 9, W: 8, I: 37, O: 37, R: 3, S: 3, Stride: 1, Pad: 1, Groups: 37}, // a filter for each channel
			{N: 2, H: 21, W: 19, I: 64, O: 64, R: 3, S: 3, Stride: 2, Pad: 1, Groups: 64},
			{N: 1, H: 12, W: 30, I: 8, O: 8, R: 5, S: 4, Stride: 3, Pad: 4, Groups: 8},
			{N: 1, H: 9, W: 12, I: 3, O: 3, R: 8, S: 7, Stride: 1, Pad: 3, Groups: 3}, // one too large to be held
		} {
			k.P, k.Q = (k.H+2*k.Pad-k.R)/k.Stride+1, (k.W+2*k.Pad-k.S)/k.Stride+1
			k.Type = typ
			t.Run(fmt.Sprintf("%+v", k), func(t *testing.T) { checkConvShape(t, s, k) })
		}
	})
}

func checkConvShape(t *testing.T, s *standin, k cuda.Conv) {
	if err := k.Check(); err != nil {
		t.Fatal(err)
	}
	shape := ref.ConvShape{N: k.N, H: k.H, W: k.W, I: k.I, O: k.O, R: k.R, S: k.S, P: k.P, Q: k.Q, Stride: k.Stride, Pad: k.Pad, G: max(1, k.Groups)}
	r := random(k.H)
	x, w := rounded(k.Type, noise(r, k.N*k.H*k.W*k.I)), rounded(k.Type, noise(r, k.O*k.R*k.S*k.I/max(1, k.Groups)))
	dy, bias := rounded(k.Type, noise(r, k.N*k.P*k.Q*k.O)), noise(r, k.O)
	floats := func(n int) (want, size []float64) { return make([]float64, n), make([]float64, n) }

	want, size := floats(len(dy))
	ref.Conv(want, wide(x), wide(w), wide(bias), shape)
	ref.Conv(size, magnitudes(x), magnitudes(w), magnitudes(bias), shape)
	ref.ReLU(want, want)
	g, y := newGPU(t, s), empty(k.Type, len(dy))
	inX, inW, inDY, inBias := g.in(encode(k.Type, x)), g.in(encode(k.Type, w)), g.in(encode(k.Type, dy)), g.in(bias)
	relu := &graph.Act{Kind: graph.ReLU}
	g.run(k.Forward(g.out(y), 0, inX, inW, inBias, cuda.Post{Act: relu}, g.room))
	bound := productBound(k.Type, k.R*k.S*k.I, size, want)
	near(t, "y", decode(k.Type, y), want, bound)
	checkPooled(t, g, k, want, size, func(y, arg cuda.Addr, post cuda.Post) []cuda.Launch {
		return k.Forward(y, arg, inX, inW, inBias, post, g.room)
	})
	checkConvNormed(t, g, k, inX, inW, inBias)

	wantDX, sizeDX := floats(len(x))
	ref.ConvBackData(wantDX, wide(w), wide(dy), shape)
	ref.ConvBackData(sizeDX, magnitudes(w), magnitudes(dy), shape)
	dx := empty(k.Type, len(x))
	g.run(k.BackData(g.out(dx), inW, inDY, 0))
	near(t, "dx", decode(k.Type, dx), wantDX, productBound(k.Type, k.R*k.S*k.O, sizeDX, wantDX))
	added, sum := empty(k.Type, len(x)), empty(k.Type, len(x))
	g.run(k.BackData(g.out(added), inW, inDY, inX))
	g.run(cuda.Add{Type: k.Type, N: len(x), Y: g.out(sum), A: inX, B: g.in(dx)}.Launches())
	same(t, "dx, added to", decode(k.Type, added), wide(decode(k.Type, sum)))

	wantDW, sizeDW := floats(len(w))
	ref.ConvBackFilter(wantDW, wide(x), wide(dy), shape)
	ref.ConvBackFilter(sizeDW, magnitudes(x), magnitudes(dy), shape)
	dw := garbage[float32](len(w))
	g.run(k.BackFilter(g.out(dw), inX, inDY, g.room))
	near(t, "dw", dw, wantDW, productBound(graph.F32, k.N*k.P*k.Q, sizeDW, wantDW))
}

// checkPooled pools what the convolution gives. Its winners may be others than the
// reference's, which adds up in another order, but no smaller than by what sums err.
func checkPooled(t *testing.T, g *gpu, k cuda.Conv, conv, size []float64, forward func(y, arg cuda.Addr, post cuda.Post) []cuda.Launch) {
	if k.P < 2 || k.Q < 2 {
		return
	}
	const side = 2
	p, q := k.P/side, k.Q/side
	n := k.N * p * q * k.O
	y, arg := empty(k.Type, n), garbage[uint8](n)
	g.run(forward(g.out(y), g.out(arg), cuda.Post{Act: &graph.Act{Kind: graph.ReLU}, Pool: &graph.MaxPool{Kernel: side, Stride: side}}))
	bound := productBound(k.Type, k.R*k.S*k.I, size, conv)
	got := decode(k.Type, y)
	for i := range n {
		o, column, row, picture := i%k.O, i/k.O%q, i/k.O/q%p, i/k.O/q/p
		at := func(within int) int {
			return ((picture*k.P+row*side+within/side)*k.Q+column*side+within%side)*k.O + o
		}
		if arg[i] >= side*side {
			t.Fatalf("arg %d of %d is %d", i, n, arg[i])
		}
		greatest, err := 0.0, 0.0
		for within := range side * side {
			greatest, err = max(greatest, conv[at(within)]), max(err, bound(at(within)))
		}
		if won := conv[at(int(arg[i]))]; math.Abs(float64(got[i])-greatest) > err || greatest-won > 2*err {
			t.Fatalf("pooled: element %d of %d is %v from %v, want %v within %.3g", i, n, got[i], won, greatest, err)
		}
	}
}

// checkConvNormed finds the moments of what the convolution gives, and applies a batch
// norm and what follows to it on the way, which has the bits that kernels of their own give.
func checkConvNormed(t *testing.T, g *gpu, k cuda.Conv, inX, inW, inBias cuda.Addr) {
	t.Helper()
	rows := k.N * k.P * k.Q
	n := rows * k.O
	plain, y := empty(k.Type, n), empty(k.Type, n)
	g.run(k.Forward(g.out(plain), 0, inX, inW, inBias, cuda.Post{}, g.room))
	mean, variance := garbage[float32](k.O), garbage[float32](k.O)
	g.run(k.Forward(g.out(y), 0, inX, inW, inBias, cuda.Post{Mean: g.out(mean), Var: g.out(variance)}, g.room))
	values := wide(decode(k.Type, plain))
	same(t, "y beside its moments", decode(k.Type, y), values)
	wantMean, wantVar := make([]float64, k.O), make([]float64, k.O)
	ref.Statistics(wantMean, wantVar, values)
	greatest := slices.Max(magnitudes(decode(k.Type, plain)))
	near(t, "mean", mean, wantMean, func(int) float64 { return momentsBound(k.Type, rows) * greatest })
	near(t, "variance", variance, wantVar, func(int) float64 { return 4 * momentsBound(k.Type, rows) * greatest * greatest })

	r := random(n)
	norm := cuda.BatchNorm{
		Type: k.Type, M: rows, C: k.O, Eps: 1e-3, Running: true, X: g.in(plain),
		Weight: g.in(noise(r, k.O)), Bias: g.in(noise(r, k.O)), Mean: g.in(mean), Var: g.in(variance),
	}
	for _, followed := range []bool{false, true} {
		want, got := empty(k.Type, n), empty(k.Type, n)
		if followed {
			norm.Act, norm.Plus = &graph.Act{Kind: graph.ReLU6}, g.in(encode(k.Type, noise(r, n)))
		}
		apart, fused := norm, norm
		apart.Y = g.out(want)
		g.run(apart.Launches(g.room))
		g.run(k.Forward(g.out(got), 0, inX, inW, inBias, cuda.Post{Norm: &fused}, g.room))
		same(t, fmt.Sprintf("normed, followed %v", followed), decode(k.Type, got), wide(decode(k.Type, want)))
	}
}

// BenchmarkStandin measures how fast the stand-in convolves, copies through pipes
// included, by its processor time: what tests cost, and nothing about a GPU.
func BenchmarkStandin(b *testing.B) {
	build := driver.New(b, filepath.Join(root, "kernels.cu"), "")
	s := start(b, build.Program(b, "testdata/launch.cpp"), "")
	for _, typ := range []graph.DType{graph.F32, graph.BF16} {
		b.Run(fmt.Sprint(typ), func(b *testing.B) {
			k := cuda.Conv{N: 8, H: 32, W: 32, I: 64, O: 64, R: 3, S: 3, P: 32, Q: 32, Stride: 1, Pad: 1, Type: typ}
			x, w := noise(random(1), k.N*k.H*k.W*k.I), noise(random(2), k.O*k.R*k.S*k.I)
			g := newGPU(b, s)
			launches := k.Forward(g.out(empty(typ, k.N*k.P*k.Q*k.O)), 0, g.in(encode(typ, x)), g.in(encode(typ, w)), 0, cuda.Post{}, g.room)
			g.run(launches)
			begun := processorTime(b, s.runs[0])
			for b.Loop() {
				g.run(launches)
			}
			flop := 2 * float64(k.N*k.P*k.Q*k.O) * float64(k.R*k.S*k.I)
			b.ReportMetric(1e-9*flop*float64(b.N)/(processorTime(b, s.runs[0])-begun), "GFLOP/processor-s")
		})
	}
}

// processorTime returns the seconds that a process has used, from /proc/PID/stat.
func processorTime(b *testing.B, p process) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.id))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return (user + system) / 100
}
