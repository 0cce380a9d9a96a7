package bench

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
)

// works has one of each operation.
func works() []Work {
	conv := Work{Batch: 2, Size: 8, In: 3, Out: 4, Kernel: 3, Stride: 2, Pad: 1}
	images := Work{Batch: 3, Size: 6, In: 5, Kernel: 2, Stride: 2}
	of := func(w Work, op, kind string) Work { w.Op, w.Kind = op, kind; return w }
	resident := of(conv, Conv, "")
	resident.Resident = true
	grouped := func(op string) Work { w := of(conv, op, ""); w.In, w.Out, w.Groups = 6, 6, 6; return w }
	return []Work{
		{Op: MatMul, M: 5, N: 6, K: 7}, {Op: MatMul, M: 5, N: 6, K: 7, TransA: true}, {Op: MatMul, M: 5, N: 6, K: 7, TransB: true},
		of(conv, Conv, ""), of(conv, ConvBackData, ""), of(conv, ConvBackFilter, ""), resident,
		grouped(Conv), grouped(ConvBackData), grouped(ConvBackFilter),
		of(images, "MaxPool", ""), of(images, "MaxPoolBack", ""), of(images, "AvgPool", ""), of(images, "AvgPoolBack", ""),
		of(images, "BatchNorm", ""), of(images, "BatchNormBack", ""), of(images, "Add", ""), of(images, "ChannelSum", ""),
		of(images, "Act", "relu"), of(images, "ActBack", "relu6"), of(images, "Act", "gelu"), of(images, "ActBack", "silu"),
		{Op: "SoftmaxXent", Batch: 4, Out: 10},
		{Op: "SGD", Lengths: []int{7, 3}}, {Op: "AdamW", Lengths: []int{7, 3}},
		{Op: "Gather", Samples: 4, Batch: 6, Size: 3, In: 3},
	}
}

// dumped opens a work, and returns what a dump of it holds after so many seconds of
// runs.
func dumped(t *testing.T, dev device.Device, w Work, seconds float64) []byte {
	t.Helper()
	l, err := w.load(dev)
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	defer l.close()
	if seconds > 0 {
		if s, err := l.run(seconds); err != nil || s.Steps < 1 {
			t.Fatalf("%+v: %+v, %v", w, s, err)
		}
	}
	path := filepath.Join(t.TempDir(), "results")
	outputs, err := l.(*operation).dump(path)
	if err != nil {
		t.Fatalf("%+v: %v", w, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, o := range outputs {
		tensor := graph.Tensor{Shape: o.Shape}
		for typ := graph.F32; typ <= graph.I64; typ++ {
			if typ.String() == o.Type {
				tensor.Type = typ
			}
		}
		size += tensor.Bytes()
	}
	if size != len(b) || size == 0 {
		t.Errorf("%+v: %v in %d bytes", w, outputs, len(b))
	}
	return b
}

// Every operation is there, runs on a device and on the reference alike, and gives the
// same again after it has been repeated: a dump starts from what is drawn.
func TestDumps(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range works() {
		seen[w.Op] = true
		fresh := dumped(t, cpu.New(1), w, 0)
		if again := dumped(t, cpu.New(1), w, 0.01); string(again) != string(fresh) {
			t.Errorf("%+v: another result after some runs", w)
		}
		want, got := device.View[float32](dumped(t, ref.New(), w, 0)), device.View[float32](fresh)
		if w.Op == "MaxPool" { // the winners are bytes
			want, got = want[:len(want)*4/5], got[:len(got)*4/5]
		}
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5*(1+math.Abs(float64(want[i]))) {
				t.Errorf("%+v: element %d is %v, want %v", w, i, got[i], want[i])
				break
			}
		}
	}
	for op := range operations {
		if !seen[op] {
			t.Errorf("%s is not tried", op)
		}
	}
}

// The formula is a contract with other programs: these numbers were computed by
// bench/peers/ops.py.
func TestDraw(t *testing.T) {
	tensor := graph.Tensor{Name: "x", Shape: []int{4}}
	for _, c := range []struct {
		d    drawing
		want [4]float32
	}{
		{signed, [4]float32{-0.62890625, 0.76171875, -0.51171875, 0.98046875}},
		{positive, [4]float32{0.685546875, 1.380859375, 0.744140625, 1.490234375}},
		{below(10), [4]float32{0, 8, 5, 7}},
		{given(1, 2), [4]float32{1, 2, 1, 2}},
	} {
		if got := [4]float32(device.View[float32](c.d.draw(tensor))); got != c.want {
			t.Errorf("%+v: %v, want %v", c.d, got, c.want)
		}
	}
}

// A dump of what has no results, or of nothing, is refused.
func TestDumpRefused(t *testing.T) {
	var held load
	for _, line := range []string{"dump /tmp/x", "dump"} {
		if _, err := serve(cpu.New(1), &held, line); err == nil || !strings.Contains(err.Error(), "no operation is open") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
