package ref_test

import (
	"math"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
)

// Dropout drops a share of the elements in training, keeps their mean, and lets the
// same pass back; elsewhere it does nothing.
func TestDropout(t *testing.T) {
	const samples, size, rate = 40, 1000, 0.3
	g := graph.New()
	x, dy := g.Input("x", graph.F32, samples, size), g.Input("dy", graph.F32, samples, size)
	s := layers.NewScope(g, 2)
	if (layers.Dropout{Rate: rate}).Apply(s, x) != x {
		t.Error("it drops outside training")
	}
	s.Train(layers.Samples{Seed: 5, Order: g.Input("order", graph.I32, samples), Cursor: g.State("cursor", graph.I64, 1)})
	y := layers.Dropout{Rate: rate}.Apply(s.Sub("a"), x)
	other := layers.Dropout{Rate: rate}.Apply(s.Sub("b"), x)
	dx := g.Backward([]graph.Value{y}, []graph.Value{dy})[x]
	g.Return(y, other, dx)
	prog := program(t, g)
	order := make([]int32, samples)
	for i := range order {
		order[i] = int32(i)
	}
	if err := prog.Write(g.Named("order"), device.Bytes(order)); err != nil {
		t.Fatal(err)
	}
	for i := range samples * size {
		prog.Float64(x)[i], prog.Float64(dy)[i] = 1, 3
	}
	if err := prog.Run(0, 1); err != nil {
		t.Fatal(err)
	}
	dropped, same := 0.0, 0.0
	for i, v := range prog.Float64(y) {
		if v == 0 {
			dropped++
		} else if math.Abs(v-1/(1-rate)) > 1e-6 {
			t.Fatalf("element %d is %v", i, v)
		}
		if d := prog.Float64(dx)[i]; d != 3*v {
			t.Fatalf("element %d: gradient %v of %v", i, d, v)
		}
		if (v == 0) == (prog.Float64(other)[i] == 0) {
			same++
		}
	}
	// Shares of independent draws, within 5 deviations.
	for what, c := range map[string]struct{ got, want float64 }{"dropped": {dropped, rate}, "same in two layers": {same, rate*rate + (1-rate)*(1-rate)}} {
		n := float64(samples * size)
		if math.Abs(c.got/n-c.want) > 5*math.Sqrt(c.want*(1-c.want)/n) {
			t.Errorf("%s: %v of %v, want %v of them", what, c.got, n, c.want)
		}
	}
}
