package optim

import (
	"math"
	"testing"
)

// The rates of PyTorch 2.15's schedulers at certain steps of 30, by testdata/rates.py.
func TestRates(t *testing.T) {
	steps := [...]int{0, 1, 4, 7, 13, 20, 29}
	for _, c := range []struct {
		name string
		s    Schedule
		want [len(steps)]float64
	}{
		{"constant", Schedule{}, [...]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
		{"warm-up", Schedule{Warmup: 0.5},
			[...]float64{0.016666666666666666, 0.033333333333333333, 0.083333333333333343, 0.1, 0.1, 0.1, 0.1}},
		{"cosine", Schedule{Kind: "cosine", Min: 0.001},
			[...]float64{0.1, 0.099728833820729529, 0.095720500153308727, 0.087285668861131011, 0.060791628695479084, 0.025750000000000012, 0.0012711661792704665}},
		{"linear", Schedule{Kind: "linear", Min: 0.001},
			[...]float64{0.1, 0.0967, 0.0868, 0.0769, 0.0571, 0.034, 0.0043}},
		{"step", Schedule{Kind: "step", Size: 1, Gamma: 0.1},
			[...]float64{0.1, 0.1, 0.1, 0.1, 0.01, 0.001, 0.001}},
		{"one cycle", Schedule{Kind: "onecycle"},
			[...]float64{0.004, 0.0076537824394582454, 0.052, 0.096346217560541764, 0.086652646981116951, 0.038874197806371073, 4e-07}},
		{"warm-up and cosine", Schedule{Kind: "cosine", Min: 0.001, Warmup: 0.5},
			[...]float64{0.016666666666666666, 0.033333333333333333, 0.083333333333333343, 0.098444866475867254, 0.077023426351460339, 0.035203658778440124, 0.0013903222849333506}},
	} {
		for i, step := range steps {
			if got := c.s.rate(0.1, step, 10, 30); math.Abs(got-c.want[i]) > 1e-12*c.want[i] {
				t.Errorf("%s: rate %v at step %d, PyTorch's %v", c.name, got, step, c.want[i])
			}
		}
	}
}

// The rates of PyTorch 2.15's ReduceLROnPlateau after each epoch, by testdata/rates.py.
func TestPlateau(t *testing.T) {
	losses := []float64{2, 1.5, 1.49999, 1.6, 1.4, 1.4, 1.4, 1.4, 1.4, math.NaN(), 1.3, 1.31, 1.32, 1.33, 1.34}
	want := []float64{0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02}
	s, p := Schedule{Kind: "plateau", Gamma: 0.5, Patience: 1, Min: 0.02}, Plateau{}
	for i, loss := range losses {
		p.See(loss, s.Patience)
		if got := s.cut(0.1, p.Cuts); math.Abs(got-want[i]) > 1e-15 {
			t.Errorf("rate %v after epoch %d, PyTorch's %v", got, i+1, want[i])
		}
	}
}
