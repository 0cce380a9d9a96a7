// Package elementary evaluates the exponential and the natural logarithm with
// the same bits on every processor.
//
// The functions of package math may not be used where a result has to be
// repeatable: they are assembly on some processors and Go on others, and the
// compiler may fuse a product and a sum into one rounding where the processor
// has such an instruction. Here every product is converted explicitly to
// float64 before it is added to, which the language defines as a rounding, and
// the operations are the correctly rounded ones of IEEE 754. The same argument
// therefore gives the same result everywhere; only the payload of a NaN is
// outside this promise.
//
// Both functions reduce their argument with ln 2 split in two parts (Cody and
// Waite, Software Manual for the Elementary Functions, 1980) and add up in the
// order of fdlibm's e_exp.c and e_log.c; the polynomials are plain Taylor
// series, long enough that what they leave out is lost below the last bit.
// Errors are below 1 ulp.
package elementary

import "math"

const (
	// ln2Hi has 32 significant bits, so that its product with any exponent
	// of a float64 is exact.
	ln2Hi = 0x1.62e42feep-1
	ln2Lo = math.Ln2 - ln2Hi

	// Adding toInteger to a number below 2⁵¹ rounds it to the nearest
	// integer, which then stands in the low bits of the sum.
	toInteger = 0x1.8p52
)

// Exp returns eˣ to within 1 ulp: +Inf above the logarithm of the largest
// float64, 0 below that of half the smallest one, NaN for NaN.
func Exp(x float64) float64 {
	const (
		overflow  = 0x1.62e42fefa39efp+9  // the largest x with a finite eˣ
		underflow = -0x1.74910d52d3051p+9 // the least x with eˣ that is not 0
	)
	switch {
	case x != x:
		return x
	case x > overflow:
		return math.Inf(1)
	case x < underflow:
		return 0
	}

	// x = k ln 2 + r with |r| ≤ ½ ln 2, where r is hi − lo.
	shifted := float64(x*math.Log2E) + toInteger
	k := int64(math.Float64bits(shifted)<<13) >> 13
	kf := shifted - toInteger
	hi := x - float64(kf*ln2Hi)
	lo := float64(kf * ln2Lo)
	r := hi - lo

	// eʳ = 1 + r + r² q(r), the terms in pairs so that they overlap.
	r2 := float64(r * r)
	r4 := float64(r2 * r2)
	q0 := 1./2 + float64(r*(1./6)) + float64(r2*(1./24+float64(r*(1./120))))
	q1 := 1./720 + float64(r*(1./5040)) + float64(r2*(1./40320+float64(r*(1./362880))))
	q2 := 1./3628800 + float64(r*(1./39916800)) + float64(r2*(1./479001600+float64(r*(1./6227020800))))
	q := q0 + float64(r4*(q1+float64(r4*q2)))
	y := 1 + (hi - (lo - float64(r2*q)))

	// A power of two beyond the normal exponents is applied in two steps, of
	// which only the last can round.
	switch {
	case k > 1023:
		return y * 2 * power2(k-1)
	case k < -1022:
		return y * power2(k+64) * 0x1p-64
	}
	return y * power2(k)
}

// power2 returns 2ᵏ for −1022 ≤ k ≤ 1023.
func power2(k int64) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// Exp32 returns eˣ to within 1 ulp of float32, with the limits of Exp. It
// evaluates in float64 with a shorter series than Exp.
func Exp32(x float32) float32 {
	const (
		overflow  = 0x1.62e42ep+6  // the largest x with a finite eˣ
		underflow = -0x1.9fe368p+6 // the least x with eˣ that is not 0
	)
	switch {
	case x != x:
		return x
	case x > overflow:
		return float32(math.Inf(1))
	case x < underflow:
		return 0
	}
	v := float64(x)
	shifted := float64(v*math.Log2E) + toInteger
	k := int64(math.Float64bits(shifted)<<13) >> 13
	r := v - float64((shifted-toInteger)*math.Ln2)
	r2 := float64(r * r)
	low := 1 + r + float64(r2*(1./2+float64(r*(1./6))))
	high := 1./24 + float64(r*(1./120)) + float64(r2*(1./720+float64(r*(1./5040))))
	return float32((low + float64(float64(r2*r2)*high)) * power2(k))
}

// Log returns the natural logarithm of x to within 1 ulp: −Inf for 0, NaN
// below 0 and for NaN, +Inf for +Inf.
func Log(x float64) float64 {
	const (
		sqrtHalf = 0x3fe6a09e00000000 // the bits of √½, cut
		one      = 0x3ff0000000000000 // the bits of 1
	)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}

	// x = 2ᵏ (1 + f) with √½ ≤ 1 + f < √2.
	k := int64(0)
	if x < 0x1p-1022 {
		x *= 0x1p54
		k = -54
	}
	bits := math.Float64bits(x)
	e := int64(bits+(one-sqrtHalf))>>52 - 1023
	f := math.Float64frombits(bits-uint64(e)<<52) - 1
	kf := float64(k + e)

	// With s = f / (2 + f), ln(1 + f) = 2 artanh s
	//   = 2s + s p(s²) = f − ½f² + s (½f² + p(s²)).
	s := f / (2 + f)
	z := float64(s * s)
	z2 := float64(z * z)
	z4 := float64(z2 * z2)
	p0 := 2./3 + float64(z*(2./5)) + float64(z2*(2./7+float64(z*(2./9))))
	p1 := 2./11 + float64(z*(2./13)) + float64(z2*(2./15+float64(z*(2./17))))
	p2 := 2./19 + float64(z*(2./21)) + float64(z2*(2./23))
	p := float64(z * (p0 + float64(z4*(p1+float64(z4*p2)))))
	half := float64(0.5 * float64(f*f))
	tail := float64(s*(half+p)) + float64(kf*ln2Lo)
	return float64(kf*ln2Hi) - ((half - tail) - f)
}
