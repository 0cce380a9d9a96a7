package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTopK(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		row  []float32
		k    int
		want []int
	}{
		{[]float32{1, 3, 2}, 2, []int{1, 2}},
		{[]float32{2, 3, 3, 2}, 3, []int{1, 2, 0}},
		{[]float32{5, 5, 5}, 9, []int{0, 1, 2}},
		{[]float32{nan, -inf, nan, 1}, 4, []int{3, 1, 0, 2}},
		{[]float32{0, float32(math.Copysign(0, -1))}, 1, []int{0}},
		{[]float32{float32(math.Copysign(0, -1)), 0}, 1, []int{0}},
		{[]float32{nan, nan}, 1, []int{0}},
		{[]float32{1}, 0, []int{}},
		{[]float32{1}, -1, []int{}},
		{nil, 3, []int{}},
	} {
		got := TopK(c.row, c.k)
		if !slices.Equal(got, c.want) {
			t.Errorf("TopK(%v, %d) = %v, want %v", c.row, c.k, got, c.want)
		}
		if len(c.want) > 0 && ArgMax(c.row) != c.want[0] {
			t.Errorf("ArgMax(%v) = %d, want %d", c.row, ArgMax(c.row), c.want[0])
		}
	}
	if ArgMax([]float64{}) != -1 {
		t.Errorf("ArgMax of nothing is %d, want -1", ArgMax([]float64{}))
	}
}

func TestRankIsPlaceInTopK(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		row := make([]float64, 1+r.IntN(12))
		for i := range row {
			row[i] = float64(r.IntN(5))
		}
		for place, class := range TopK(row, len(row)) {
			if got := rank(row, class); got != place {
				t.Fatalf("rank of %d in %v is %d, want %d", class, row, got, place)
			}
		}
	}
}

func TestSoftmax(t *testing.T) {
	third := 1. / 3
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct{ row, want []float64 }{
		{[]float64{7}, []float64{1}},
		{[]float64{4, 4, 4}, []float64{third, third, third}},
		{[]float64{0, math.Log(3)}, []float64{0.25, 0.75}},
		{[]float64{1e300, 0}, []float64{1, 0}},
		{[]float64{-1e300, -1e300}, []float64{0.5, 0.5}},
		{[]float64{0, -inf}, []float64{1, 0}},
		{[]float64{0, inf}, []float64{nan, nan}},
		{[]float64{0, nan}, []float64{nan, nan}},
		{[]float64{-inf, -inf}, []float64{nan, nan}},
	} {
		got := make([]float64, len(c.row))
		Softmax(got, c.row)
		for i, w := range c.want {
			if math.Abs(got[i]-w) > 1e-15 || (got[i] != got[i]) != (w != w) {
				t.Errorf("Softmax(%v) = %v, want %v", c.row, got, c.want)
				break
			}
		}
	}
}

func TestFigureJSON(t *testing.T) {
	for _, c := range []struct {
		f    Figure
		text string
		back Figure
	}{
		{0.1, "0.1", 0.1},
		{1, "1", 1},
		{1e-9, "1e-9", 1e-9},
		{1. / 3, "0.3333333333333333", 1. / 3},
		{undefined, "null", undefined},
		{Figure(math.Inf(1)), "null", undefined},
		{Figure(math.Inf(-1)), "null", undefined},
	} {
		text, err := json.Marshal(c.f)
		if err != nil || string(text) != c.text {
			t.Errorf("%v is %s in JSON (%v), want %s", c.f, text, err, c.text)
		}
		var back Figure
		if err := json.Unmarshal(text, &back); err != nil || back != c.back && (back == back || c.back == c.back) {
			t.Errorf("%s is read as %v (%v), want %v", text, back, err, c.back)
		}
	}
	var f Figure
	if err := json.Unmarshal([]byte(`"x"`), &f); err == nil {
		t.Error("a string is read as a figure")
	}
}
