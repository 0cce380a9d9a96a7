package layers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/graph"
)

func apply(l Layer, classes int, shape ...int) (*graph.Graph, *Scope, graph.Value) {
	g := graph.New()
	s := NewScope(g, classes)
	x := g.Input("x", graph.F32, shape...)
	return g, s, l.Apply(s, x)
}

func TestShapesAndNames(t *testing.T) {
	net := Seq{
		{"stem", Seq{{"conv", Conv{Out: 8, Kernel: 3, Stride: 2, Pad: 1}}, {"", ReLU{}}}},
		{"pool", MaxPool{Kernel: 3, Stride: 2, Pad: 1}},
		{"", Flatten{}},
		{"fc", Linear{Out: Classes, NoBias: true}},
	}
	g, _, y := apply(net, 7, 2, 9, 11, 3)
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	if got := g.Tensor(y).Dims(); got != "2×7" {
		t.Errorf("output %s, want 2×7", got)
	}
	var names []string
	for _, p := range g.Params() {
		names = append(names, g.Tensor(p).Name+" "+g.Tensor(p).Dims())
	}
	want := []string{"stem.conv.weight 8×3×3×3", "stem.conv.bias 8", "fc.weight 7×72"}
	if !slices.Equal(names, want) {
		t.Errorf("parameters %v, want %v", names, want)
	}
}

func TestSameNameSameParameter(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 1, 5)
	Linear{Out: 3}.Apply(NewScope(g, 3).Sub("fc"), x)
	g.Begin("second")
	Linear{Out: 3}.Apply(NewScope(g, 3).Sub("fc"), x)
	if n := len(g.Params()); n != 2 || g.Err() != nil {
		t.Errorf("%d parameters (%v), want 2", n, g.Err())
	}
	Linear{Out: 4}.Apply(NewScope(g, 3).Sub("fc"), x)
	if g.Err() == nil || !strings.Contains(g.Err().Error(), "fc.weight") {
		t.Errorf("two shapes under one name: %v", g.Err())
	}
}

func TestErrorNamesTheLayer(t *testing.T) {
	for _, c := range []struct {
		net  Layer
		want string
	}{
		{Seq{{"a", Conv{Out: 1, Kernel: 3}}, {"b", Seq{{"c", Conv{Out: 1, Kernel: 9}}}}}, "b.c: input 6×6 is smaller than the 9×9 filter"},
		{Seq{{"fc", Linear{Out: 2}}}, "fc: input 0 is f32 1×8×8×3"},
		{Seq{{"a", Conv{Out: 0, Kernel: 3}}}, "a.weight: shape 0×3×3×3"},
		{Seq{{"f", Flatten{}}, {"a", Linear{Out: 9}}, {"a", Linear{Out: 9}}}, "a.weight: is param"},
		{Seq{{"f", Flatten{}}, {"a", Linear{Out: 192}}, {"a", Linear{Out: 192}}}, "two layers of the network have this name"},
		{Seq{{"p", MaxPool{Kernel: 2, Stride: 1, Pad: 5}}}, "p: window"},
	} {
		g, _, _ := apply(c.net, 2, 1, 8, 8, 3)
		if g.Err() == nil || !strings.Contains(g.Err().Error(), c.want) {
			t.Errorf("error %v, want %q", g.Err(), c.want)
		}
	}
}

// PyTorch draws weights and biases from U(−1/√fan, 1/√fan); a uniform of that
// width has deviation bound/√3.
func TestInitialValues(t *testing.T) {
	g, s, _ := apply(Seq{{"fc", Linear{Out: 400}}}, 2, 1, 100)
	weight := g.Named("fc.weight")
	a, b := make([]float32, 40000), make([]float32, 40000)
	s.Initialize(weight, 1, a)
	s.Initialize(weight, 1, b)
	if !slices.Equal(a, b) {
		t.Error("the same seed gives other values")
	}
	s.Initialize(weight, 2, b)
	if slices.Equal(a, b) {
		t.Error("another seed gives the same values")
	}
	var sum, squares float64
	for _, v := range a {
		if v < -0.1 || v >= 0.1 {
			t.Fatalf("value %v outside [−0.1, 0.1)", v)
		}
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(a))
	deviation := math.Sqrt(squares / n)
	if want := 0.1 / math.Sqrt(3); math.Abs(sum/n) > 5*want/math.Sqrt(n) || math.Abs(deviation-want) > 0.01*want {
		t.Errorf("mean %v, deviation %v, want 0 and %v", sum/n, deviation, want)
	}
}

// Kaiming's normal by fan-out: mean 0, variance 2/(O·K²), and the kurtosis of a normal.
func TestNormalInitialValues(t *testing.T) {
	g, s, _ := apply(Seq{{"conv", Conv{Out: 64, Kernel: 3, Init: HeNormal}}}, 2, 1, 8, 8, 70)
	values := make([]float32, 64*9*70)
	s.Initialize(g.Named("conv.weight"), 1, values)
	var moments [5]float64
	deviation := math.Sqrt(2.0 / (64 * 9))
	for _, v := range values {
		for k := range moments {
			moments[k] += math.Pow(float64(v)/deviation, float64(k)) / float64(len(values))
		}
	}
	// The deviation of the mean of zᵏ is √(E z²ᵏ − (E zᵏ)²)/√n, five of which are allowed.
	root := 5 / math.Sqrt(float64(len(values)))
	for k, c := range [5]struct{ want, spread float64 }{{1, 0}, {0, 1}, {1, 1.4}, {0, 3.9}, {3, 9.8}} {
		if math.Abs(moments[k]-c.want) > c.spread*root+1e-9 {
			t.Errorf("moment %d is %v, want %v", k, moments[k], c.want)
		}
	}
}

// In training a BatchNorm reads no running statistics and has them tracked; else it
// reads them. Both have the same cells, under PyTorch's names.
func TestBatchNormModes(t *testing.T) {
	net := Seq{{"bn", BatchNorm{NoScale: true}}}
	g := graph.New()
	x := g.Input("x", graph.F32, 2, 3, 3, 5)
	training := NewScope(g, 2)
	training.Train(Samples{})
	net.Apply(training, x)
	Track(g.Add("gate", graph.Gate{})[0], training)
	g.Begin("eval")
	s := NewScope(g, 2)
	net.Apply(s, x)
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	starts := map[string]float32{"bn.weight": 1, "bn.bias": 0, "bn.running_mean": 0, "bn.running_var": 1}
	for _, v := range g.Weights() {
		at, values := g.Tensor(v), []float32{7}
		s.Initialize(v, 1, values)
		if want, ok := starts[at.Name]; !ok || values[0] != want || (at.Role == graph.Param) != (at.Name == "bn.bias") {
			t.Errorf("%s is %s and starts as %v", at.Name, at.Role, values[0])
		}
		delete(starts, at.Name)
	}
	if len(starts) > 0 {
		t.Errorf("there is no %v", starts)
	}
	track := g.Entries[0].Nodes[2]
	if op, ok := track.Op.(graph.Track); !ok || len(track.Set) != 2 || op.M[0][0] != 18 || op.Momentum[0] != 0.1 {
		t.Errorf("the step ends with %T %+v, which sets %v", track.Op, track.Op, track.Set)
	}
	if op := g.Entries[1].Nodes[0].Op; op != (graph.BatchNorm{Eps: 1e-5, Running: true}) {
		t.Errorf("evaluation runs %T %+v", op, op)
	}
}
