package half_test

import (
	"math"
	"math/big"
	"testing"

	"imgcls/internal/half"
)

// A format is one of the two, by its definition: digits of significand, the
// exponent of the least subnormal, and bits of fraction.
type format struct {
	name     string
	to       func(float32) uint16
	from     func(uint16) float32
	digits   uint
	least    int
	fraction uint
}

var formats = []format{
	{"bf16", half.ToBF16, half.FromBF16, 8, -133, 7},
	{"f16", half.ToF16, half.FromF16, 11, -24, 10},
}

// infinity is the pattern of the format's positive infinity.
func (f format) infinity() uint16 { return 0x7FFF >> f.fraction << f.fraction }

// value returns the finite number of a pattern by the definition, without sign.
func (f format) value(bits uint16) float64 {
	exponent, fraction := int(bits>>f.fraction), float64(bits&(1<<f.fraction-1))
	if exponent == 0 {
		return math.Ldexp(fraction, f.least)
	}
	return math.Ldexp(fraction+float64(int(1)<<f.fraction), f.least+exponent-1)
}

// Every pattern widens to its number, and back to itself.
func TestPatterns(t *testing.T) {
	for _, f := range formats {
		for i := range 1 << 16 {
			bits := uint16(i)
			size, x := bits&0x7FFF, f.from(bits)
			switch {
			case size > f.infinity():
				if x == x || f.to(x) != bits|1<<(f.fraction-1) {
					t.Fatalf("%s %#04x is %v, back %#04x: want a quiet NaN", f.name, bits, x, f.to(x))
				}
				continue
			case size == f.infinity():
				if !math.IsInf(float64(x), 1-2*int(bits>>15)) {
					t.Fatalf("%s %#04x is %v, want an infinity", f.name, bits, x)
				}
			case math.Abs(float64(x)) != f.value(size) || math.Signbit(float64(x)) != (bits>>15 != 0):
				t.Fatalf("%s %#04x is %v, want ±%v", f.name, bits, x, f.value(size))
			}
			if f.to(x) != bits {
				t.Fatalf("%s %#04x is %v and becomes %#04x", f.name, bits, x, f.to(x))
			}
		}
	}
}

// round returns the nearest number of the format by big.Float, whose precision
// is cut to the digits that a number of x's size has.
func (f format) round(x float32) float64 {
	if x == 0 {
		return 0
	}
	_, exponent := math.Frexp(float64(x))
	digits := min(int(f.digits), exponent-f.least)
	if digits < 1 { // below the least subnormal: more than half of it rounds up
		if math.Abs(float64(x)) > math.Ldexp(0.5, f.least) {
			return math.Ldexp(1, f.least)
		}
		return 0
	}
	y, _ := new(big.Float).SetMode(big.ToNearestEven).SetPrec(uint(digits)).SetFloat64(math.Abs(float64(x))).Float64()
	return y
}

// Around every number of a format, and half-way to the next, float32s round as
// big.Float does.
func TestRounding(t *testing.T) {
	for _, f := range formats {
		for i := range f.infinity() {
			low := f.value(i)
			middle := float32((low + f.value(i+1)) / 2)
			for _, x := range []float32{
				float32(low), math.Nextafter32(float32(low), 0), math.Nextafter32(float32(low), math.MaxFloat32),
				middle, math.Nextafter32(middle, 0), math.Nextafter32(middle, math.MaxFloat32),
			} {
				want := f.round(x)
				got := f.value(f.to(x))
				if got != want {
					t.Fatalf("%s: %v becomes %v, want %v", f.name, x, got, want)
				}
				if f.to(-x) != f.to(x)|0x8000 {
					t.Fatalf("%s: %v and its negative differ by more than the sign", f.name, x)
				}
			}
		}
		for _, x := range []float32{math.MaxFloat32, float32(math.Inf(1))} {
			if f.to(x) != f.infinity() || f.to(-x) != f.infinity()|0x8000 {
				t.Errorf("%s: %v becomes %#04x", f.name, x, f.to(x))
			}
		}
	}
}
