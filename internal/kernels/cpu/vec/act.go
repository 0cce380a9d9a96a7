package vec

import "math"

// GELU and SiLU are y = x·S(x) with an S that rises from 0 to 1 and has
// S(x) = 1 − S(−x); so has the derivative of y. Both are evaluated at −|x|, in
// float64, by one division, a power of 2 that is at most 1, and series as long as
// float32 needs. These err by less than 3e-10 of S and of each term of the
// derivative, so that y is within 0.51 units of its last place.

// GELU is y = x·Φ(x), Φ being the normal distribution.
func GELU(y, x []float32) { active.gelu(y, x[:len(y)]) }

// GELUBack is dx = dy·(Φ(x) + x·φ(x)), φ being the density of Φ.
func GELUBack(dx, x, dy []float32) { active.geluBack(dx, x[:len(dx)], dy[:len(dx)]) }

// SiLU is y = x·σ(x), σ(x) = 1/(1 + e⁻ˣ).
func SiLU(y, x []float32) { active.silu(y, x[:len(y)]) }

// SiLUBack is dx = dy·σ(x)·(1 + x·(1 − σ(x))).
func SiLUBack(dx, x, dy []float32) { active.siluBack(dx, x[:len(dx)], dy[:len(dx)]) }

func gelu(y, x []float32) {
	for i, v := range x {
		x := float64(v)
		e, ratio := gaussian(math.Abs(x))
		y[i] = float32(x * either(x, float64(e*ratio)))
	}
}

func geluBack(dx, x, dy []float32) {
	for i, v := range x {
		x := float64(v)
		a := math.Abs(x)
		e, ratio := gaussian(a)
		dx[i] = float32(float64(dy[i]) * either(x, float64(e*(ratio-float64(a*density)))))
	}
}

func silu(y, x []float32) {
	for i, v := range x {
		x := float64(v)
		e, rest := logistic(math.Abs(x))
		y[i] = float32(x * either(x, float64(e*rest)))
	}
}

func siluBack(dx, x, dy []float32) {
	for i, v := range x {
		x := float64(v)
		a := math.Abs(x)
		e, rest := logistic(a)
		dx[i] = float32(float64(dy[i]) * either(x, float64(float64(e*rest)*(1-float64(a*rest)))))
	}
}

// either is what a function with S(x) = 1 − S(−x) is at x, when it is below at −|x|.
func either(x, below float64) float64 {
	if math.Signbit(x) {
		return below
	}
	return 1 - below
}

const (
	density   = 1 / (math.Sqrt2 * math.SqrtPi) // φ(0)
	gaussBase = -math.Log2E / 2                // exp(−a²/2) is 2 to the power of a² times this
	expBase   = -math.Log2E
	tailShift = 5

	// Adding toInteger to a number below 2⁵¹ rounds it to the nearest integer, which
	// then stands in the low bits of the sum.
	toInteger = 0x1.8p52

	// At this exponent the bits of 1 become those of 0.
	leastPower = -1023
)

// gaussian returns exp(−a²/2) for a ≥ 0, which is 0 from 38 on, and Φ(−a) divided by it.
func gaussian(a float64) (e, ratio float64) {
	u := 1 / (a + tailShift)
	return power2(float64(a*a) * gaussBase), float64(u * series(u, tail[:]))
}

// logistic returns e⁻ᵃ for a ≥ 0, which is 0 from 710 on, and 1/(1 + e⁻ᵃ).
func logistic(a float64) (e, rest float64) {
	e = power2(a * expBase)
	return e, 1 / (1 + e)
}

// power2 returns 2ᶻ for z ≤ 0, and 0 for z ≤ −1023.
func power2(z float64) float64 {
	z = max(z, leastPower)
	shifted := z + toInteger
	y := series(z-(shifted-toInteger), power[:])
	return math.Float64frombits(math.Float64bits(y) + math.Float64bits(shifted)<<52)
}

// series is Σ c[k]·xᵏ, the even powers and the odd ones each by Horner's rule.
func series(x float64, c []float64) float64 {
	x2 := float64(x * x)
	even, odd := c[len(c)-2], c[len(c)-1]
	for k := len(c) - 4; k >= 0; k -= 2 {
		even, odd = float64(even*x2)+c[k], float64(odd*x2)+c[k+1]
	}
	return even + float64(odd*x)
}

// power is a series in f that is 2ᶠ for |f| ≤ ½ to within 1.2e-10, and 1 at 0: that of
// (2ᶠ − 1)/f through the seven zeros of Chebyshev's polynomial, times f, plus 1.
var power = [8]float64{
	1,
	0.6931471805599453,
	0.24022650922288757,
	0.055504108839096185,
	0.009618056678524637,
	0.001333350238616277,
	0.0001546144469856913,
	1.5297323760701075e-05,
}

// tail is a series in u = 1/(a + 5) that is (a + 5)·exp(a²/2)·Φ(−a) for 0 ≤ a ≤ 15 to
// within 1e-10: that through the twelve zeros of Chebyshev's polynomial. Beyond, where
// float32 has no number but 0 for Φ, it falls to the first coefficient.
var tail = [12]float64{
	0.3989352500879587,
	1.9957472637170068,
	9.506875607689876,
	46.48655498447792,
	125.20780259429452,
	1913.8543865431752,
	-10964.764893222611,
	130342.98027123061,
	-693575.4607144906,
	2932716.771752469,
	-6534767.180360842,
	5541948.367239735,
}
