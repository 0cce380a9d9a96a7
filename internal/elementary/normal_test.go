package elementary

import (
	"math"
	"testing"
)

func TestNormal(t *testing.T) {
	for _, p := range []float64{0x1p-60, 1e-12, 0x1p-25, 1e-4, 0.02, 0.0750001, 0.0749999, 0.3, 0.5, 0.7, 0.925, 0.98, 1 - 0x1p-25} {
		want := math.Sqrt2 * math.Erfinv(2*p-1)
		if p < 0.1 {
			want = -math.Sqrt2 * math.Erfcinv(2*p)
			want = -math.Abs(want)
		}
		if got := Normal(p); math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("Normal(%g) = %v, want %v", p, got, want)
		}
	}
	if Normal(0.5) != 0 {
		t.Error("the median is not 0")
	}
}
