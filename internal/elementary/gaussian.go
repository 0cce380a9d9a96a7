package elementary

import "math"

// tail holds the coefficients, from the constant on, of a polynomial in s = (x − 5)/(x + 5)
// that is (1 + x)·exp(x²/2)·Φ(−x) for x ≥ 0 to within 1e-16: the series of Chebyshev
// polynomials of that function up to degree 24, by their nodes, in powers of s. The
// transformation is that of Shepherd and Laframboise (Mathematics of Computation 36, 1981).
var tail = [...]float64{
	0.46151582985003775,
	-0.09155228183400904,
	0.031030368425962847,
	0.010002352385229382,
	-0.026401042966267253,
	0.024536963243678652,
	-0.015170415403281224,
	0.006522000667783896,
	-0.0016760723371645697,
	7.791597409338999e-06,
	0.00018233410307611755,
	-5.36075811148722e-05,
	-9.895946159334735e-06,
	9.05982468125664e-06,
	-7.070628846317715e-08,
	-1.3074486019237587e-06,
	1.284479710649634e-07,
	1.9627809920091187e-07,
	-2.688202129280215e-08,
	-3.095201755804207e-08,
	4.022493382168717e-09,
	4.4011596227599254e-09,
	-4.327297110082094e-10,
	-3.815816262632953e-10,
	2.5086998016985133e-11,
}

// Gaussian returns Φ(x), the share of the standard normal distribution below x, and
// φ(x), its density. Relative errors are below 1e-13 for |x| < 20; beyond, the lesser
// of Φ(x) and Φ(−x) is 0, and so is φ(x). Both are NaN for NaN.
func Gaussian(x float64) (share, density float64) {
	if x != x {
		return x, x
	}
	a := math.Abs(x)
	below := 0.0 // Φ(−a)
	if a < 20 {
		e := Exp(float64(-0.5 * float64(a*a)))
		s := (a - 5) / (a + 5)
		p := 0.0
		for i := len(tail) - 1; i >= 0; i-- {
			p = float64(p*s) + tail[i]
		}
		below, density = e*p/(1+a), float64(e*(1/(math.Sqrt2*math.SqrtPi)))
	}
	if x < 0 {
		return below, density
	}
	return 1 - below, density
}

// Logistic returns 1/(1 + e⁻ˣ) and 1/(1 + eˣ), each to within some ulps.
func Logistic(x float64) (share, rest float64) {
	e := Exp(-math.Abs(x))
	less, more := e/(1+e), 1/(1+e)
	if x < 0 {
		return less, more
	}
	return more, less
}
