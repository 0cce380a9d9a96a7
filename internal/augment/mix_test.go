package augment

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mathext"
)

// Shares and squares of halves are quantiles of the distribution asked for, for every
// parameter that may be.
func TestQuantiles(t *testing.T) {
	for _, a := range []float64{0.01, 0.05, 0.1, 0.2, 0.4, 0.5, 1, 2, 5, 10} {
		before := -1.0
		for i := range quantiles {
			q := quantile(a, i)
			if !(q >= before && q >= 0 && q <= 1) {
				t.Fatalf("alpha %g: quantile %d is %v after %v", a, i, q, before)
			}
			before = q
			// Near 0 and 1 a small parameter has shares that no float64 tells apart.
			if q < 1e-300 || q > 1-1e-9 {
				continue
			}
			if got, want := mathext.RegIncBeta(a, a, q), (float64(i)+0.5)/quantiles; math.Abs(got-want) > 1e-6 {
				t.Errorf("alpha %g: quantile %d is %v, below which %v are, want %v", a, i, q, got, want)
			}
		}
	}
}

// The weight is the part of the picture that is its own, partners are all as likely, and
// mean and deviation of shares are those of Beta(a,a): 1/2 and 1/(4(2a+1)).
func TestMixtures(t *testing.T) {
	const samples, batch, h, w = 40_000, 7, 24, 32
	both := NewMixer(Policy{Mixup: 0.5, Cutmix: 1}, h, w)
	partners, cut := make([]int, batch), 0
	var sum, squares float64
	for sample := range int64(samples) {
		m := both.Draw(9, 3, sample, batch)
		partners[m.Partner]++
		area := (m.Bottom - m.Top) * (m.Right - m.Left)
		if m.Top < 0 || m.Left < 0 || m.Bottom > h || m.Right > w || area < 0 {
			t.Fatalf("rectangle of %+v", m)
		}
		if m.Bottom > 0 { // a rectangle, maybe of no area
			cut++
			if m.Share != One || math.Abs(float64(m.Weight)-1+float64(area)/(h*w)) > 1e-7 {
				t.Fatalf("%+v cuts out %d of %d", m, area, h*w)
			}
			continue
		}
		if area != 0 || m.Weight != float32(m.Share)/One {
			t.Fatalf("%+v", m)
		}
		sum, squares = sum+float64(m.Weight), squares+float64(m.Weight)*float64(m.Weight)
	}
	n := float64(samples - cut)
	if mean, variance := sum/n, squares/n-sum*sum/n/n; math.Abs(mean-0.5) > 0.01 || math.Abs(variance-0.125) > 0.004 {
		t.Errorf("shares have mean %v and variance %v, want 0.5 and 0.125", mean, variance)
	}
	if d := math.Abs(float64(cut) - samples/2); d > 4*math.Sqrt(samples)/2 {
		t.Errorf("%d of %d are cut", cut, samples)
	}
	for i, n := range partners {
		if d := math.Abs(float64(n) - samples/batch); d > 4*math.Sqrt(samples/batch) {
			t.Errorf("%d of %d have partner %d", n, samples, i)
		}
	}
}

// A mixture depends on sample, epoch and seed, and on nothing that was drawn before.
func TestMixtureIsAFunction(t *testing.T) {
	m := NewMixer(Policy{Cutmix: 1}, 32, 32)
	want := m.Draw(1, 2, 3, 64)
	m.Draw(4, 5, 6, 64)
	if got := m.Draw(1, 2, 3, 64); got != want {
		t.Errorf("%+v and then %+v", want, got)
	}
	for _, other := range []Mixture{m.Draw(2, 2, 3, 64), m.Draw(1, 3, 3, 64), m.Draw(1, 2, 4, 64)} {
		if other == want {
			t.Errorf("another draw is %+v too", want)
		}
	}
}
