package bench

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"imgcls/internal/device/cpu"
)

// TestMain lets the test binary be a contender, so that both sides of the talk
// are real processes.
func TestMain(m *testing.M) {
	if os.Getenv("BE_A_CONTENDER") == "" {
		os.Exit(m.Run())
	}
	if err := Serve(cpu.New(1), Hello{Name: "test", Threads: 1}, os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

func contender(t *testing.T) *Contender {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(t.Context(), append(os.Environ(), "BE_A_CONTENDER=1"), self)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// One process takes one work after another, and goes on after one that fails.
func TestContender(t *testing.T) {
	c := contender(t)
	if c.Name != "test" || c.Threads != 1 {
		t.Errorf("hello %+v", c.Hello)
	}
	if _, err := c.Run(0.01); err == nil || !strings.Contains(err.Error(), "no work is open") {
		t.Errorf("ran nothing: %v", err)
	}
	conv := Work{Batch: 2, Size: 8, In: 3, Out: 4, Kernel: 3, Stride: 2, Pad: 1}
	of := func(op string) Work { w := conv; w.Op = op; return w }
	for _, w := range []Work{
		{Model: "cifar-net", Mode: Train, Batch: 4, Samples: 13},
		{Model: "cifar-net", Mode: Infer, Batch: 3},
		{Model: "cifar-net", Mode: Train, Batch: 2, Samples: 4, Size: 33},
		{Model: "airbench94", Mode: Train, Batch: 2, Samples: 4},
		{Op: MatMul, M: 5, N: 6, K: 7},
		of(Conv), of(ConvBackData), of(ConvBackFilter),
	} {
		if _, err := c.Open(w); err != nil {
			t.Errorf("%+v: %v", w, err)
			continue
		}
		before := 0
		for range 2 {
			s, err := c.Run(0.02)
			if err != nil || s.Steps < 1 || s.Seconds < 0.02 || s.Images != s.Steps*w.Batch || (s.Latency != nil) != (w.Mode == Infer) {
				t.Errorf("%+v: %+v, %v", w, s, err)
			}
			before = s.Steps
		}
		if before == 0 {
			t.Errorf("%+v did nothing", w)
		}
	}
	for _, bad := range []struct {
		work Work
		want string
	}{
		{Work{Model: "nobody", Mode: Train, Batch: 1}, "there is no model"},
		{Work{Model: "cifar-net", Mode: "think", Batch: 1}, `the mode "think"`},
		{Work{Model: "cifar-net", Mode: Train}, "a batch of 0"},
		{Work{Model: "cifar-net", Mode: Train, Batch: 8, Samples: 4}, "a batch of 8 does not fit 4"},
		{Work{Op: "Add"}, "an extent or a stride is missing"},
		{Work{Op: Conv, Batch: 1, Size: 1, In: 1, Out: 1, Kernel: 3, Stride: 1}, "smaller than the 3×3 filter"},
		{Work{Model: "cifar-net", Mode: Infer, Batch: 1, Size: 9}, "smaller than the 5×5 filter"},
		{Work{Model: "cifar-net", Mode: Infer, Batch: 1, Size: -1}, "pictures of -1×-1"},
		{Work{Op: MatMul, M: 1, K: 1}, "an extent or a stride is missing"},
		{Work{Op: "Fly"}, "there is no operation \"Fly\"; there are Act, "},
		{Work{Op: "Act", Kind: "tanh", Batch: 1, Size: 1, In: 1}, "there is no activation \"tanh\"; there are relu, "},
		{Work{Op: "MaxPoolBack", Batch: 1, Size: 4, In: 1, Kernel: 3, Stride: 2, Pad: 1}, "winners of windows with padding"},
		{Work{Op: MatMul, M: 1, N: 1, K: 1, Settings: []string{"fast"}}, `no setting "fast"`},
	} {
		if _, err := c.Open(bad.work); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v, want %q", bad.work, err, bad.want)
		}
	}
	if _, err := c.Open(of(Conv)); err != nil {
		t.Errorf("after all those: %v", err)
	}
}

// A contender tells what a network costs at the work's size, and nothing of an operation.
func TestCost(t *testing.T) {
	c := contender(t)
	for _, k := range []struct {
		work Work
		want *Cost
	}{
		{Work{Model: "cifar-net", Mode: Infer, Batch: 3}, &Cost{62_006, 651_720}},
		{Work{Model: "cifar-net", Mode: Train, Batch: 1, Size: 33}, &Cost{62_006, 29*29*450 + 10*10*2400 + 48_000 + 10_080 + 840}},
		{Work{Op: MatMul, M: 1, N: 1, K: 1}, nil},
	} {
		got, err := c.Open(k.work)
		if err != nil || (got == nil) != (k.want == nil) || got != nil && *got != *k.want {
			t.Errorf("%+v: %+v, %v, want %+v", k.work, got, err, k.want)
		}
	}
}

// Inference starts from running statistics that normalise: scores stay near 1.
func TestInferenceHasStatistics(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	l, err := newInference(dev, Work{Model: "resnet20", Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	i := l.(*inference)
	scores, err := i.runner.Forward(t.Context(), i.pictures, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range scores {
		if !(math.Abs(float64(x)) < 1e3) {
			t.Fatalf("scores %v", scores)
		}
	}
}

func TestStartOfNothing(t *testing.T) {
	if _, err := Start(t.Context(), nil, "/no/such/program"); err == nil || !strings.Contains(err.Error(), "/no/such/program: no such file") {
		t.Errorf("error %v", err)
	}
}

// Requests that make no sense are answered, not obeyed.
func TestServe(t *testing.T) {
	requests := "dance\nopen\nopen {\"colour\":1}\nrun\nrun -1\nrun NaN\nrun 1e9\n"
	var out strings.Builder
	if err := Serve(cpu.New(1), Hello{Name: "x"}, strings.NewReader(requests), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1+strings.Count(requests, "\n") {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for _, line := range lines[1:] {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Error == "" || a.Exit != 2 || a.Ready || a.Sample != nil {
			t.Errorf("%s, %v", line, err)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		numbers []float64
		median  float64
		spread  [2]float64
	}{
		{[]float64{3}, 3, [2]float64{3, 3}},
		{[]float64{9, 1, 4}, 4, [2]float64{1, 9}},
		{[]float64{8, 1, 4, 2}, 3, [2]float64{1, 8}},
	} {
		if m, s := Median(c.numbers), Spread(c.numbers); m != c.median || s != c.spread {
			t.Errorf("%v: median %v, spread %v", c.numbers, m, s)
		}
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[99-i] = float64(i + 1)
	}
	if p := percentiles(hundred); *p != [2]float64{50.5, 99} {
		t.Errorf("percentiles of 1 … 100: %v", *p)
	}
	if Median(nil) != 0 || percentiles(nil) != nil {
		t.Error("nothing has figures")
	}
}
