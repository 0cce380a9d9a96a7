package cpu

import (
	"fmt"
	"math"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/plan"
	"imgcls/internal/rng"
)

// tutorial adds the training step of PyTorch's tutorial net on that many of 64
// pictures, and returns the graph with what a test looks at.
func tutorial(batch int) (g *graph.Graph, loss, logits graph.Value) {
	const samples = 64
	g = graph.New()
	g.Begin("train")
	order, cursor := g.Input("order", graph.I32, samples), g.State("cursor", graph.I64, 1)
	taken := g.Add("gather", graph.Gather{Batch: batch}, order, cursor,
		g.Input("pictures", graph.U8, samples, 32, 32, 3), g.Input("labels", graph.I32, samples))
	half := []float64{0.5, 0.5, 0.5}
	x := g.Add("normalize", graph.Normalize{Mean: half, Std: half}, taken[0])[0]
	param := func(name string, shape ...int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: shape, Role: graph.Param})
	}
	for i, c := range []struct{ in, out int }{{3, 6}, {6, 16}} {
		name := fmt.Sprintf("conv%d", i+1)
		x = g.Add(name, graph.Conv{Stride: 1}, x, param(name+".weight", c.out, 5, 5, c.in), param(name+".bias", c.out))[0]
		x = g.Add(name+".relu", graph.Act{}, x)[0]
		x = g.Add(name+".pool", graph.MaxPool{Kernel: 2, Stride: 2}, x)[0]
	}
	x = g.Add("flatten", graph.Reshape{Shape: []int{batch, 400}}, x)[0]
	widths := []int{400, 120, 84, 10}
	for i, out := range widths[1:] {
		name := fmt.Sprintf("fc%d", i+1)
		if i > 0 {
			x = g.Add(name+".relu", graph.Act{}, x)[0]
		}
		x = g.Add(name, graph.MatMul{TransB: true}, x, param(name+".weight", out, widths[i]), param(name+".bias", out))[0]
	}
	xent := g.Add("loss", graph.SoftmaxXent{}, x, taken[1])
	grads := g.Backward([]graph.Value{x}, []graph.Value{xent[1]})

	watched := []graph.Value{xent[0]}
	scalars, table := g.State("scalars", graph.F32, 3), g.Input("schedule", graph.F32, 1, 3)
	update := []graph.Value{0, scalars}
	var cells []graph.Value
	for _, p := range g.Params() {
		t := g.Tensor(p)
		v := g.State("momentum."+t.Name, graph.F32, t.Shape...)
		watched = append(watched, grads[p])
		update = append(update, p, grads[p], v)
		cells = append(cells, p, v)
	}
	update[0] = g.Add("gate", graph.Gate{}, watched...)[0]
	applied := g.AddSet("sgd", graph.SGD{LR: 0, Momentum: 1, Decay: 2}, cells, update...)[0]
	step, losses := g.State("step", graph.I64, 1), g.State("losses", graph.F32, 64)
	g.AddSet("record", graph.Record{}, []graph.Value{losses}, applied, step, xent[0], losses)
	// Steps stay on the same batch: the cursor's place is not what is looked at.
	g.AddSet("tick", graph.Tick{Batch: 0}, []graph.Value{step, cursor, scalars}, applied, step, cursor, scalars, table)
	g.Return(xent[0], x)
	return g, xent[0], x
}

// compile plans g for dev and loads it.
func compile(t testing.TB, dev device.Device, g *graph.Graph) device.Program {
	t.Helper()
	m, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, dev, m)
}

// load puts a module on the device and fills what lasts with numbers from a seed.
func load(t testing.TB, dev device.Device, m *plan.Module) device.Program {
	t.Helper()
	prog, err := dev.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	for v, tensor := range m.Tensors {
		if v == 0 || tensor.Role == graph.Temp {
			continue
		}
		if err := prog.Write(graph.Value(v), content(tensor)); err != nil {
			t.Fatal(err)
		}
	}
	return prog
}

// content returns what a tensor of that name starts with.
func content(t graph.Tensor) []byte {
	n := t.Len()
	switch {
	case t.Name == "schedule" || t.Name == "scalars":
		return device.Bytes([]float32{0.01, 0.9, 0.0005})
	case t.Type == graph.F32 && t.Role == graph.State:
		return make([]byte, t.Bytes())
	case t.Type == graph.F32:
		values := make([]float32, n)
		scale := float32(math.Sqrt(float64(t.Shape[0]) / float64(n)))
		for i := range values {
			values[i] = scale * (2*rng.Uniform(7, rng.Stream(t.Name), uint64(i)) - 1)
		}
		return device.Bytes(values)
	case t.Type == graph.I32:
		values := make([]int32, n)
		for i := range values {
			values[i] = int32(i % 10)
		}
		return device.Bytes(values)
	}
	values := make([]byte, t.Bytes())
	if t.Role == graph.Input {
		for i := range values {
			values[i] = byte(i * i % 251)
		}
	}
	return values
}

func BenchmarkTutorialStep(b *testing.B) {
	for _, set := range tile.Sets() {
		for _, threads := range []int{1, 2} {
			for _, batch := range []int{4, 32} {
				b.Run(fmt.Sprintf("%s/threads=%d/batch=%d", set.Name, threads, batch), func(b *testing.B) {
					dev := With(threads, set)
					defer dev.Close()
					benchmarkTutorial(b, dev, batch)
				})
			}
		}
	}
}

func benchmarkTutorial(b *testing.B, dev device.Device, batch int) {
	g, _, _ := tutorial(batch)
	prog := compile(b, dev, g)
	b.ReportAllocs()
	for b.Loop() {
		if err := prog.Run(0, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkConv runs the three operations of convolutions of ResNet-20 and
// ResNet-18 for CIFAR-10 at batch 32, on one thread.
func BenchmarkConv(b *testing.B) {
	for _, c := range []struct{ in, out, size, kernel, stride int }{
		{3, 16, 32, 3, 1}, {16, 16, 32, 3, 1}, {16, 32, 32, 3, 2}, {32, 32, 16, 3, 1}, {64, 64, 8, 3, 1},
		{3, 64, 32, 3, 1}, {64, 64, 32, 3, 1}, {64, 128, 32, 3, 2}, {64, 128, 32, 1, 2}, {128, 128, 16, 3, 1}, {256, 256, 8, 3, 1}, {512, 512, 4, 3, 1},
	} {
		const batch = 32
		conv := graph.Conv{Stride: c.stride, Pad: c.kernel / 2}
		p := (c.size+2*conv.Pad-c.kernel)/c.stride + 1
		x, w, y := []int{batch, c.size, c.size, c.in}, []int{c.out, c.kernel, c.kernel, c.in}, []int{batch, p, p, c.out}
		for _, op := range []struct {
			op graph.Op
			in [][]int
		}{
			{conv, [][]int{x, w}},
			{graph.ConvBackData{Conv: conv, H: c.size, W: c.size}, [][]int{w, y}},
			{graph.ConvBackFilter{Conv: conv, R: c.kernel, S: c.kernel}, [][]int{x, y}},
		} {
			b.Run(fmt.Sprintf("%s/%d→%d@%d÷%d,%d×%d", plan.OpName(op.op), c.in, c.out, c.size, c.stride, c.kernel, c.kernel), func(b *testing.B) {
				dev := New(1)
				defer dev.Close()
				g := graph.New()
				var in []graph.Value
				for i, shape := range op.in {
					in = append(in, g.Lasting(graph.Tensor{Name: fmt.Sprint("in", i), Shape: shape, Role: graph.Param}))
				}
				g.Return(g.Add("op", op.op, in...)...)
				prog := compile(b, dev, g)
				for b.Loop() {
					if err := prog.Run(0, 1); err != nil {
						b.Fatal(err)
					}
				}
				flop := float64(2*batch*p*p*c.out*c.in) * float64(c.kernel*c.kernel)
				b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
