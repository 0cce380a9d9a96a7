package elementary

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"testing"
)

const precision = 256 // bits of the reference values

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }

// bigExp is eˣ by the Taylor series of x/2³², squared 32 times.
func bigExp(x *big.Float) *big.Float {
	const halvings = 32
	r := new(big.Float).SetPrec(precision).SetMantExp(x, -halvings)
	sum, term := bigFloat(1), bigFloat(1)
	for n := 1; n <= 12; n++ {
		term.Mul(term, r)
		term.Quo(term, bigFloat(float64(n)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLog is ln x by four steps of Halley's method, each of which triples the
// number of right bits, from the logarithm of the nearest power of two.
func bigLog(x float64) *big.Float {
	_, exponent := math.Frexp(x)
	y := bigFloat(float64(exponent) * math.Ln2)
	for range 4 {
		e := bigExp(y)
		num := new(big.Float).Sub(bigFloat(x), e)
		num.Mul(num, bigFloat(2))
		y.Add(y, num.Quo(num, e.Add(e, bigFloat(x))))
	}
	return y
}

// ulps is |got − want| in units of the last place of want, where lastBit is
// the exponent of the smallest subnormal and bits the precision.
func ulps(got float64, want *big.Float, bits, lastBit int) float64 {
	if want.Sign() == 0 {
		return math.Abs(got)
	}
	unit := max(want.MantExp(nil)-bits, lastBit)
	d := new(big.Float).Sub(bigFloat(got), want)
	d.SetMantExp(d, -unit)
	f, _ := d.Float64()
	return math.Abs(f)
}

// sequence yields uniform numbers in [0, 1) (Knuth's MMIX generator).
type sequence uint64

func (s *sequence) next() float64 {
	*s = *s*6364136223846793005 + 1442695040888963407
	return float64(*s>>11) * 0x1p-53
}

func TestExpWithinOneUlp(t *testing.T) {
	s, worst := sequence(1), 0.0
	for i := range 6000 {
		u := s.next()
		var x float64
		switch i % 4 {
		case 0:
			x = -745.14 + u*(745.14+709.78)
		case 1:
			x = 4*u - 2
		case 2:
			x = -745.14 + 40*u // subnormal results
		case 3:
			x = math.Ldexp(u-0.5, -int(s.next()*60))
		}
		if e := ulps(Exp(x), bigExp(bigFloat(x)), 53, -1074); e > worst {
			worst = e
			if e >= 1 {
				t.Errorf("Exp(%v) = %v is off by %.3f ulp", x, Exp(x), e)
			}
		}
	}
	t.Logf("worst error %.3f ulp", worst)
}

func TestExp32WithinOneUlp(t *testing.T) {
	s, worst := sequence(2), 0.0
	for i := range 4000 {
		x := float32(-103.97 + s.next()*(103.97+88.72))
		if i%2 == 0 {
			x = float32(math.Ldexp(s.next()-0.5, 2-int(s.next()*30)))
		}
		if e := ulps(float64(Exp32(x)), bigExp(bigFloat(float64(x))), 24, -149); e > worst {
			worst = e
			if e >= 1 {
				t.Errorf("Exp32(%v) = %v is off by %.3f ulp", x, Exp32(x), e)
			}
		}
	}
	t.Logf("worst error %.3f ulp", worst)
}

func TestLogWithinOneUlp(t *testing.T) {
	s, worst := sequence(3), 0.0
	for i := range 6000 {
		var x float64
		switch i % 4 {
		case 0:
			x = math.Float64frombits(uint64(s.next() * 0x7ff0000000000000))
		case 1:
			x = 0.5 + s.next()
		case 2:
			x = 1 + math.Ldexp(s.next()-0.5, -int(s.next()*50))
		case 3:
			x = math.Ldexp(s.next(), -1022-int(s.next()*40)) // subnormal
		}
		if x == 0 || x == 1 { // exact: see TestSpecialValues
			continue
		}
		if e := ulps(Log(x), bigLog(x), 53, -1074); e > worst {
			worst = e
			if e >= 1 {
				t.Errorf("Log(%v) = %v is off by %.3f ulp", x, Log(x), e)
			}
		}
	}
	t.Logf("worst error %.3f ulp", worst)
}

func TestSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	exp32 := func(x float64) float64 { return float64(Exp32(float32(x))) }
	const (
		top, bottom     = 0x1.62e42fefa39efp+9, -0x1.74910d52d3051p+9
		top32, bottom32 = 0x1.62e42ep+6, -0x1.9fe368p+6
	)
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"Exp", Exp, 0, 1},
		{"Exp", Exp, math.Copysign(0, -1), 1},
		{"Exp", Exp, inf, inf},
		{"Exp", Exp, -inf, 0},
		{"Exp", Exp, nan, nan},
		{"Exp", Exp, math.Nextafter(top, inf), inf},
		{"Exp", Exp, bottom, math.SmallestNonzeroFloat64},
		{"Exp", Exp, math.Nextafter(bottom, -inf), 0},
		{"Exp", Exp, math.MaxFloat64, inf},
		{"Exp", Exp, -math.MaxFloat64, 0},
		{"Exp", Exp, math.SmallestNonzeroFloat64, 1},
		{"Exp32", exp32, 0, 1},
		{"Exp32", exp32, inf, inf},
		{"Exp32", exp32, -inf, 0},
		{"Exp32", exp32, nan, nan},
		{"Exp32", exp32, float64(math.Nextafter32(top32, float32(inf))), inf},
		{"Exp32", exp32, bottom32, math.SmallestNonzeroFloat32},
		{"Exp32", exp32, float64(math.Nextafter32(bottom32, float32(-inf))), 0},
		{"Log", Log, 1, 0},
		{"Log", Log, 0, -inf},
		{"Log", Log, math.Copysign(0, -1), -inf},
		{"Log", Log, -1, nan},
		{"Log", Log, -inf, nan},
		{"Log", Log, inf, inf},
		{"Log", Log, nan, nan},
		{"Log", Log, 2, math.Ln2},
		{"Log", Log, 0.5, -math.Ln2},
	} {
		if got := c.f(c.x); math.Float64bits(got) != math.Float64bits(c.want) && !(got != got && c.want != c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.want)
		}
	}
	for _, c := range []struct {
		name       string
		got, x     float64
		bits, last int
	}{
		{"Exp at its largest argument", Exp(top), top, 53, -1074},
		{"Exp32 at its largest argument", exp32(top32), top32, 24, -149},
	} {
		if e := ulps(c.got, bigExp(bigFloat(c.x)), c.bits, c.last); !(e < 1) {
			t.Errorf("%s is %v, off by %v ulp", c.name, c.got, e)
		}
	}
}

// TestBits pins every bit of 10,000 results of each function, so that a
// compiler or processor that rounds otherwise is found out.
func TestBits(t *testing.T) {
	s, hash := sequence(4), sha256.New()
	write := func(bits uint64) { hash.Write(binary.LittleEndian.AppendUint64(nil, bits)) }
	for range 5000 {
		wide, near := -745+float64(s.next()*1454), s.next()-0.5
		write(math.Float64bits(Exp(wide)))
		write(math.Float64bits(Exp(near)))
		write(uint64(math.Float32bits(Exp32(float32(-104 + float64(s.next()*192))))))
		write(uint64(math.Float32bits(Exp32(float32(near)))))
		write(math.Float64bits(Log(math.Float64frombits(uint64(s.next() * 0x7ff0000000000000)))))
		write(math.Float64bits(Log(1 + near)))
	}
	const want = "7c1104aa05d2a0d537c5a3576e004e7195a9800211c7d6d9e3533690fa6f1320"
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the bits of 30,000 results hash to %s, want %s", got, want)
	}
}

var sink float64

func BenchmarkExp(b *testing.B) {
	x := -10.0
	for b.Loop() {
		sink += Exp(x)
		x += 1e-6
	}
}

func BenchmarkExp32(b *testing.B) {
	x := float32(-10.0)
	for b.Loop() {
		sink += float64(Exp32(x))
		x += 1e-4
	}
}

func BenchmarkLog(b *testing.B) {
	x := 0.1
	for b.Loop() {
		sink += Log(x)
		x += 1e-6
	}
}
