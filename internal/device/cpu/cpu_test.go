package cpu

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"imgcls/internal/device"
	"imgcls/internal/device/devicetest"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/plan"
)

func TestConformance(t *testing.T) {
	for _, set := range tile.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			one, two, eight := With(1, set), With(2, set), With(8, set)
			for _, dev := range []device.Device{one, two, eight} {
				defer dev.Close()
			}
			devicetest.Run(t, two, one, eight)
			devicetest.Allocs(t, one)
			devicetest.Allocs(t, two)
		})
	}
}

// results runs an entry and returns the bytes of the values.
func results(t *testing.T, prog device.Program, g *graph.Graph, entry, n int, values ...graph.Value) [][]byte {
	t.Helper()
	if err := prog.Run(entry, n); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, v := range values {
		b := make([]byte, g.Tensor(v).Bytes())
		if err := prog.Read(v, b); err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// TestSameBits trains some steps at sizes where phases have many chunks: neither
// the number of threads nor that of processors shows.
func TestSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, batch := range []int{1, 4, 30} {
		g, loss, logits := tutorial(batch)
		watched := append(g.Params(), loss, logits)
		var want [][]byte
		for _, c := range []struct{ procs, threads int }{{1, 1}, {1, 8}, {2, 2}, {8, 1}, {8, 2}, {8, 8}} {
			runtime.GOMAXPROCS(c.procs)
			dev := New(c.threads)
			got := results(t, compile(t, dev, g), g, 0, 3, watched...)
			dev.Close()
			if want == nil {
				want = got
			}
			for i, v := range watched {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("batch %d: %s differs with %d threads on %d processors", batch, g.Tensor(v).Name, c.threads, c.procs)
				}
			}
		}
	}
}

// TestSameBitsByOp does so for operations with shapes at which they are cut.
func TestSameBitsByOp(t *testing.T) {
	one, three := New(1), New(3)
	defer one.Close()
	defer three.Close()
	for _, c := range []struct {
		op graph.Op
		in [][]int
	}{
		{graph.Conv{Stride: 1, Pad: 1}, [][]int{{3, 17, 19, 5}, {65, 3, 3, 5}, {65}}},
		{graph.Conv{Stride: 3, Pad: 2}, [][]int{{1, 90, 91, 3}, {7, 5, 4, 3}}},
		{graph.ConvBackData{Conv: graph.Conv{Stride: 2, Pad: 1}, H: 33, W: 31}, [][]int{{9, 3, 3, 7}, {6, 17, 16, 9}}},
		{graph.ConvBackFilter{Conv: graph.Conv{Stride: 2, Pad: 1}, R: 3, S: 3}, [][]int{{37, 33, 31, 7}, {37, 17, 16, 9}}},
		{graph.Conv{Stride: 1, Pad: 1}, [][]int{{3, 17, 19, 136}, {72, 3, 3, 136}, {72}}},
		{graph.ConvBackData{Conv: graph.Conv{Stride: 1, Pad: 1}, H: 17, W: 19}, [][]int{{72, 3, 3, 136}, {3, 17, 19, 72}}},
		{graph.ConvBackFilter{Conv: graph.Conv{Stride: 1, Pad: 1}, R: 3, S: 3}, [][]int{{3, 17, 19, 136}, {3, 17, 19, 72}}},
		{graph.MatMul{TransB: true}, [][]int{{330, 333}, {401, 333}, {401}}},
		{graph.MatMul{TransA: true}, [][]int{{330, 333}, {330, 401}}},
		{graph.MatMul{}, [][]int{{330, 333}, {333, 401}}},
		{graph.MatMul{TransA: true, TransB: true}, [][]int{{161, 270}, {199, 161}}},
		{graph.MaxPool{Kernel: 3, Stride: 2, Pad: 1}, [][]int{{5, 41, 43, 11}}},
		{graph.MaxPool{Kernel: 2, Stride: 2}, [][]int{{5, 83, 87, 5}}},
		{graph.ChannelSum{}, [][]int{{5003, 77}}},
		{graph.ChannelSum{}, [][]int{{100001, 3}}},
		{graph.Add{}, [][]int{{300001}, {300001}}},
	} {
		g := graph.New()
		var in []graph.Value
		for i, shape := range c.in {
			in = append(in, g.Input(fmt.Sprint("in", i), graph.F32, shape...))
		}
		out := g.Add("op", c.op, in...)
		g.Return(out...)
		want := results(t, compile(t, one, g), g, 0, 1, out...)
		prog := together(compile(t, three, g))
		if chunks := prog.(*program).entries[0].slots[0]; len(chunks) == 1 && chunks[0].chunks == 1 {
			t.Errorf("%T is not cut: try a larger shape", c.op)
		}
		for range 5 {
			if got := results(t, prog, g, 0, 1, out...); !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
				t.Errorf("%T on %v: bits differ", c.op, c.in)
			}
		}
	}
}

// together lets all threads take part in every step, whatever is quickest.
func together(prog device.Program) device.Program {
	p := prog.(*program)
	for i := range p.entries {
		p.entries[i].pace = &pace{best: p.entries[i].pace.best}
	}
	return prog
}

// TestPanelsFused holds what is fused to the bits of the operations one by one where a
// chunk takes some of the columns, as the filters fill a cache.
func TestPanelsFused(t *testing.T) {
	dev := New(2)
	defer dev.Close()
	same, gelu, silu := graph.Conv{Stride: 1, Pad: 1}, graph.Act{Kind: graph.GELU}, graph.Act{Kind: graph.SiLU}
	for _, c := range []struct {
		fused string
		build func(g *graph.Graph, x, w, channel, y graph.Value) graph.Value
	}{
		{"Conv+Act", func(g *graph.Graph, x, w, _, _ graph.Value) graph.Value {
			return g.Add("act", gelu, g.Add("conv", same, x, w)[0])[0]
		}},
		{"Conv+BatchNorm+Add+Act", func(g *graph.Graph, x, w, channel, y graph.Value) graph.Value {
			sums := g.Add("conv", same, x, w)[0]
			norm := g.Add("norm", graph.BatchNorm{Eps: 0.5, Running: true}, sums, channel, channel, channel, g.Add("square", graph.Act{Kind: graph.ReLU}, channel)[0])[0]
			return g.Add("act", silu, g.Add("add", graph.Add{}, norm, y)[0])[0]
		}},
		{"ConvBackData+Add", func(g *graph.Graph, x, w, _, y graph.Value) graph.Value {
			return g.Add("add", graph.Add{}, g.Add("conv", graph.ConvBackData{Conv: same, H: 7, W: 8}, w, y)[0], x)[0]
		}},
	} {
		for _, channels := range [][2]int{{129, 131}, {136, 136}} { // the latter in patches
			in, out := channels[0], channels[1]
			g := graph.New()
			x, w := g.Input("x", graph.F32, 2, 7, 8, in), g.Input("w", graph.F32, out, 3, 3, in)
			y := c.build(g, x, w, g.Input("channel", graph.F32, out), g.Input("y", graph.F32, 2, 7, 8, out))
			g.Return(y)
			var got [2][]byte
			for i, planner := range []func(*graph.Graph, func(graph.Node, []graph.Tensor) bool) (*plan.Module, error){plan.Compile, plan.CompileUnfused} {
				m, err := planner(g, dev.Supports)
				if err != nil {
					t.Fatal(err)
				}
				if last := m.Entries[0].Nodes[len(m.Entries[0].Nodes)-1]; i == 0 && plan.OpName(last.Op) != c.fused {
					t.Errorf("%s ends the plan of %s", plan.OpName(last.Op), c.fused)
				}
				got[i] = results(t, load(t, dev, m), g, 0, 1, y)[0]
			}
			if !bytes.Equal(got[0], got[1]) {
				t.Errorf("%s of %d channels: not the bits of its parts", c.fused, in)
			}
		}
	}
}

// Moments are sums of the parts that a convolution is computed in, so these are the same
// for every set.
func TestPartsAreOfNoSet(t *testing.T) {
	for _, c := range []kernel.Conv{
		{N: 32, H: 16, W: 16, I: 128, P: 8, Q: 8, O: 256, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 32, H: 8, W: 8, I: 88, P: 8, Q: 8, O: 88, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 32, H: 8, W: 8, I: 320, P: 8, Q: 8, O: 328, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 8, H: 8, W: 8, I: 400, P: 8, Q: 8, O: 400, R: 3, S: 3, Stride: 1, Pad: 1, Groups: 2},
	} {
		var want []int
		for _, set := range tile.Sets() {
			b := &builder{scratch: &scratch{}, set: set}
			f := form(c.Forward(set))
			if c.InPatches() {
				f = c.ForwardWinograd(set)
			}
			counts := b.bands(f, kernel.Layer{}, &packed{}, c, c.O, afterwards{each: perSquared})
			if want == nil {
				want = counts
			}
			if !slices.Equal(counts, want) {
				t.Errorf("%+v: parts of %v rows with %s, of %v with the first set", c, counts, set.Name, want)
			}
		}
	}
}

// TestSetsAgree holds all sets in assembly to the same bits, in shapes that the
// device sums up in groups.
func TestSetsAgree(t *testing.T) {
	same := graph.Conv{Stride: 1, Pad: 1}
	for _, c := range []struct {
		op graph.Op
		in [][]int
	}{
		{graph.ConvBackFilter{Conv: same, R: 3, S: 3}, [][]int{{32, 32, 32, 16}, {32, 32, 32, 16}}},
		{graph.ConvBackFilter{Conv: same, R: 3, S: 3}, [][]int{{32, 16, 16, 32}, {32, 16, 16, 32}}},
		{graph.ConvBackFilter{Conv: same, R: 3, S: 3}, [][]int{{32, 32, 32, 3}, {32, 32, 32, 16}}},
		{graph.ConvBackData{Conv: graph.Conv{Stride: 1}, H: 20, W: 20}, [][]int{{4, 2, 14, 7}, {2, 19, 7, 4}}},
		{same, [][]int{{8, 16, 16, 32}, {32, 3, 3, 32}}},
		{graph.ConvBackData{Conv: same, H: 16, W: 16}, [][]int{{32, 3, 3, 32}, {8, 16, 16, 32}}},
		{graph.MatMul{TransB: true}, [][]int{{128, 400}, {120, 400}, {120}}},
		{graph.MatMul{TransA: true}, [][]int{{128, 120}, {128, 400}}},
		{graph.ChannelSum{}, [][]int{{100001, 3}}},
	} {
		var want []byte
		for _, set := range tile.Sets() {
			if !set.Native() {
				continue
			}
			dev := With(2, set)
			g := graph.New()
			var in []graph.Value
			for i, shape := range c.in {
				in = append(in, g.Lasting(graph.Tensor{Name: fmt.Sprint("in", i), Shape: shape, Role: graph.Param}))
			}
			out := g.Add("op", c.op, in...)
			g.Return(out...)
			got := results(t, together(compile(t, dev, g)), g, 0, 1, out...)[0]
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%T on %v: %s has other bits than the first set", c.op, c.in, set.Name)
			}
			dev.Close()
		}
	}
}

// Filters are packed anew when they change: written, fed, set by a step, or seen
// through another shape.
func TestPackedFiltersFollow(t *testing.T) {
	dev := New(1)
	defer dev.Close()
	value := func(prog device.Program, g *graph.Graph, y graph.Value) float32 {
		return device.View[float32](results(t, prog, g, 0, 1, y)[0])[0]
	}
	for name, w := range map[string]graph.Tensor{
		"written": {Name: "w", Shape: []int{1, 1, 1, 1}, Role: graph.Input, Slots: 1},
		"fed":     {Name: "w", Shape: []int{1, 1, 1, 1}, Role: graph.Input, Slots: 2},
	} {
		g := graph.New()
		x, w := g.Input("x", graph.F32, 1, 1, 1, 1), g.Lasting(w)
		y := g.Add("c", graph.Conv{Stride: 1}, x, w)[0]
		g.Return(y)
		m, err := plan.Compile(g, dev.Supports)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := dev.Compile(m)
		if err != nil {
			t.Fatal(err)
		}
		prog.Write(x, device.Bytes([]float32{1}))
		for _, v := range []float32{2, 5, 5, 7} {
			if name == "written" {
				prog.Write(w, device.Bytes([]float32{v}))
			} else if room, err := prog.Feed(w); err != nil {
				t.Fatal(err)
			} else {
				device.View[float32](room)[0] = v
			}
			if got := value(prog, g, y); got != v {
				t.Errorf("%s: 1·%v is %v", name, v, got)
			}
		}
		prog.Close()
	}

	g := graph.New()
	w, x := g.Input("w", graph.F32, 4, 1, 1, 1), g.Input("x", graph.F32, 1, 2, 2, 1)
	view := g.Add("view", graph.Reshape{Shape: []int{1, 2, 2, 1}}, w)[0]
	a, b := g.Add("a", graph.Conv{Stride: 1}, x, view)[0], g.Add("b", graph.Conv{Stride: 1}, x, w)[0]
	g.Return(a, b)
	prog := compile(t, dev, g)
	prog.Write(w, device.Bytes([]float32{1, 2, 3, 4}))
	prog.Write(x, device.Bytes([]float32{1, 1, 1, 1}))
	for range 2 {
		got := results(t, prog, g, 0, 1, a, b)
		if sum := device.View[float32](got[0])[0]; sum != 10 {
			t.Errorf("a filter of 2×2 gives %v, want 10", sum)
		}
		if each := device.View[float32](got[1])[:4]; each[0] != 1 || each[3] != 4 {
			t.Errorf("the same numbers as four filters give %v", each)
		}
	}
}

// TestBatchInvariance classifies the same pictures one by one and together.
func TestBatchInvariance(t *testing.T) {
	dev := New(2)
	defer dev.Close()
	scores := func(batch int, from int64) []byte {
		g, _, logits := tutorial(batch)
		prog := compile(t, dev, g)
		if err := prog.Write(g.Named("cursor"), device.Bytes([]int64{from})); err != nil {
			t.Fatal(err)
		}
		return results(t, prog, g, 0, 1, logits)[0]
	}
	all := scores(48, 0)
	row := len(all) / 48
	for _, c := range []struct{ batch, from int }{{1, 0}, {1, 47}, {3, 20}, {7, 41}, {31, 5}} {
		if got := scores(c.batch, int64(c.from)); !bytes.Equal(got, all[c.from*row:][:c.batch*row]) {
			t.Errorf("%d pictures from %d on score otherwise than in a batch of 48", c.batch, c.from)
		}
	}
}

// TestLearns checks that a step is one of training: the loss of one batch goes
// down.
func TestLearns(t *testing.T) {
	dev := New(2)
	defer dev.Close()
	g, loss, _ := tutorial(4)
	prog := compile(t, dev, g)
	before := device.View[float32](results(t, prog, g, 0, 1, loss)[0])[0]
	after := device.View[float32](results(t, prog, g, 0, 200, loss)[0])[0]
	if !(after < before/2) {
		t.Errorf("loss is %v after 200 steps on one batch, was %v", after, before)
	}
}

func TestName(t *testing.T) {
	for threads, want := range map[int]string{
		1: "cpu: 1 thread, " + tile.Best().Name, 3: "cpu: 3 threads, " + tile.Best().Name,
	} {
		dev, err := Kind(threads).Open(0)
		if err != nil || dev.String() != want {
			t.Errorf("Kind(%d) opens %q (%v), want %q", threads, dev, err, want)
		}
		dev.Close()
	}
	dev := New(0)
	defer dev.Close()
	if n := dev.(*processor).threads; n != runtime.GOMAXPROCS(0) {
		t.Errorf("New(0) has %d threads, want %d", n, runtime.GOMAXPROCS(0))
	}
}

func TestUnsupported(t *testing.T) {
	dev := New(1)
	defer dev.Close()
	g := graph.New()
	half := g.Lasting(graph.Tensor{Name: "x", Type: graph.BF16, Shape: []int{2}, Role: graph.Input, Slots: 1})
	g.Return(g.Add("relu", graph.Act{}, half)...)
	if _, err := plan.Compile(g, dev.Supports); err == nil {
		t.Error("supports bf16")
	}
	if dev.Supports(graph.Node{Op: graph.Reshape{}}, nil) {
		t.Error("supports an operation that it has no kernel for")
	}
}

func TestNoRoom(t *testing.T) {
	dev := New(1)
	defer dev.Close()
	g := graph.New()
	g.Begin("huge")
	g.Return(g.Add("y", graph.Act{}, g.Input("x", graph.F32, 1<<39))...)
	m, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dev.Compile(m)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Room {
		t.Errorf("4 TiB: %v, want a fault of kind Room", err)
	}
	if reserve(1<<62) != nil {
		t.Error("reserved more than there can be")
	}
}

// TestRingsApart runs an entry whose rings another entry has moved apart.
func TestRingsApart(t *testing.T) {
	dev := New(1)
	defer dev.Close()
	g := graph.New()
	ring := func(name string) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: []int{1}, Role: graph.Input, Slots: 2})
	}
	a, b := ring("a"), ring("b")
	g.Begin("both")
	g.Return(g.Add("sum", graph.Add{}, a, b)...)
	g.Begin("one")
	g.Return(g.Add("relu", graph.Act{}, a)...)
	m, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := dev.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []graph.Value{a, a, b} {
		if _, err := prog.Feed(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := prog.Run(1, 1); err != nil {
		t.Error(err)
	}
	if err := prog.Run(0, 1); err == nil {
		t.Error("an entry runs on slots that were not fed together")
	}
}

func TestClosed(t *testing.T) {
	dev := New(2)
	g, loss, _ := tutorial(1)
	prog := compile(t, dev, g)
	prog.Close()
	for name, err := range map[string]error{
		"Run":   prog.Run(0, 1),
		"Read":  prog.Read(loss, make([]byte, 4)),
		"Write": prog.Write(g.Named("cursor"), make([]byte, 8)),
	} {
		if err == nil {
			t.Errorf("%s of a closed program: no error", name)
		}
	}
	before := runtime.NumGoroutine()
	dev.Close()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() >= before { // one that is done may not be gone yet
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after Close, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestHelpersSleep checks that a device without work takes no time: soon after a
// run its helpers wait at a channel.
func TestHelpersSleep(t *testing.T) {
	dev := New(4)
	defer dev.Close()
	g, _, _ := tutorial(4)
	prog := compile(t, dev, g)
	asleep := regexp.MustCompile(`\[chan receive.*\]:\n.*\(\*crew\)\.help`)
	stacks := make([]byte, 1<<20)
	for range 3 {
		if err := prog.Run(0, 2); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for len(asleep.FindAll(stacks[:runtime.Stack(stacks, true)], -1)) < 3 {
			if time.Now().After(deadline) {
				t.Fatal("helpers do not sleep")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestCrew gives many short phases to more goroutines than there are processors:
// every chunk runs once, and phases do not overlap.
func TestCrew(t *testing.T) {
	c := newCrew(5)
	defer c.end()
	const chunks = 7
	var done [chunks]int
	phases := make([]phase, 0, 2000)
	for range cap(phases) {
		phases = append(phases, phase{chunks: chunks, run: func(chunk int, _ []float32) { done[chunk]++ }})
	}
	for _, members := range []int{5, 1, 2, 4} {
		c.do(phases[:len(phases)/4], make([][]float32, 5), members)
	}
	for chunk, n := range done {
		if n != len(phases) {
			t.Errorf("chunk %d ran %d times, want %d", chunk, n, len(phases))
		}
	}
}

// A convolution whose image is beyond what its kernels count is refused, before
// any memory is asked for.
func TestImageTooLarge(t *testing.T) {
	dev := New(1)
	defer dev.Close()
	for _, op := range []graph.Op{graph.Conv{Stride: 1}, graph.ConvBackData{Conv: graph.Conv{Stride: 1}, H: 1 << 15, W: 1 << 15}} {
		g := graph.New()
		x, w := g.Input("x", graph.F32, 1, 1<<15, 1<<15, 1), g.Input("w", graph.F32, 1, 1, 1, 1)
		in := []graph.Value{x, w}
		if _, back := op.(graph.ConvBackData); back {
			in = []graph.Value{w, x}
		}
		g.Return(g.Add("op", op, in...)...)
		m, err := plan.Compile(g, dev.Supports)
		if err != nil {
			t.Fatal(err)
		}
		b := &builder{module: m, scratch: &scratch{}, set: tile.Best(), packs: newPacks(m)}
		if err := b.build(m.Entries[0]); fault.KindOf(err) != fault.Room {
			t.Errorf("%T: %v", op, err)
		}
	}
}

func TestStretches(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		size    int
		want    string
	}{
		{[]int{3, 5}, 100, "[[{0 0 3} {1 0 5}]]"},
		{[]int{3, 5}, 4, "[[{0 0 3} {1 0 1}] [{1 1 5}]]"},
		{[]int{9}, 4, "[[{0 0 4}] [{0 4 8}] [{0 8 9}]]"},
		{nil, 4, "[]"},
	} {
		if got := fmt.Sprint(stretches(c.lengths, c.size)); got != c.want {
			t.Errorf("stretches(%v, %d) = %s, want %s", c.lengths, c.size, got, c.want)
		}
	}
}

// A panic in a helper reaches the caller, who can recover from it, and the crew
// works on.
func TestPanicReachesTheCaller(t *testing.T) {
	c := newCrew(2)
	defer c.end()
	scratch := make([][]float32, 2)
	func() {
		defer func() {
			if p := recover(); p != "chunk 3" {
				t.Errorf("recovered %v", p)
			}
		}()
		c.do([]phase{{chunks: 8, run: func(i int, _ []float32) {
			if i == 3 {
				panic("chunk 3")
			}
		}}}, scratch, 2)
	}()
	ran := [8]bool{}
	c.do([]phase{{chunks: 8, run: func(i int, _ []float32) { ran[i] = true }}}, scratch, 2)
	if ran != [8]bool{true, true, true, true, true, true, true, true} {
		t.Errorf("chunks that ran: %v", ran)
	}
}
