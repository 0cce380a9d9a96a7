package elementary

import (
	"math"
	"testing"
)

func TestGaussian(t *testing.T) {
	near := func(what string, x, got, want float64) {
		if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-13*math.Abs(want) {
			t.Errorf("%s(%v) = %v, want %v", what, x, got, want)
		}
	}
	for i := -19990; i < 19990; i += 7 {
		x := float64(i) / 1000
		share, density := Gaussian(x)
		near("Φ", x, share, math.Erfc(-x/math.Sqrt2)/2)
		near("φ", x, density, math.Exp(-x*x/2)/math.Sqrt(2*math.Pi))
		yes, no := Logistic(x)
		near("σ", x, yes, 1/(1+math.Exp(-x)))
		near("1−σ", x, no, 1/(1+math.Exp(x)))
	}
	for _, c := range [][3]float64{{math.Inf(1), 1, 0}, {math.Inf(-1), 0, 0}, {21, 1, 0}, {-21, 0, 0}} {
		if share, density := Gaussian(c[0]); share != c[1] || density != c[2] {
			t.Errorf("Gaussian(%v) = %v, %v", c[0], share, density)
		}
	}
	share, density := Gaussian(math.NaN())
	near("Φ", math.NaN(), share, math.NaN())
	near("φ", math.NaN(), density, math.NaN())
}
