package vec

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"imgcls/internal/elementary"
)

// A curved is a function y = x·S(x), by its derivative x·S'(x) + S(x): the terms of that
// at x, of which the first is S.
type curved struct {
	name    string
	forward func(y, x []float32)
	back    func(dx, x, dy []float32)
	terms   func(x float64) (share, slope float64)
}

var curves = []curved{
	{"GELU", GELU, GELUBack, func(x float64) (share, slope float64) {
		share, density := elementary.Gaussian(x)
		return share, x * density
	}},
	{"SiLU", SiLU, SiLUBack, func(x float64) (share, slope float64) {
		share, rest := elementary.Logistic(x)
		return share, x * share * rest
	}},
}

func init() {
	for _, c := range curves {
		calls = append(calls,
			call{c.name, func(m *memory, n int) { c.forward(m.f32(n, 9), m.f32(n, 3)) }},
			call{c.name + "Wide", func(m *memory, n int) { c.forward(m.f32(n, 9), m.anyF32(n)) }},
			call{c.name + "To", func(m *memory, n int) { x := m.f32(n, 3); c.forward(x, x) }},
			call{c.name + "Back", func(m *memory, n int) { c.back(m.f32(n, 9), m.f32(n, 3), m.f32(n, 9)) }},
			call{c.name + "BackWide", func(m *memory, n int) { c.back(m.f32(n, 9), m.anyF32(n), m.f32(n, 9)) }},
			call{c.name + "BackTo", func(m *memory, n int) { dy := m.f32(n, 9); c.back(dy, m.f32(n, 3), dy) }})
	}
	calls = append(calls,
		call{"ReLU6", func(m *memory, n int) { ReLU6(m.f32(n, 9), m.f32(n, 3)) }},
		call{"ReLU6Back", func(m *memory, n int) {
			y := m.f32(n, 3)
			if n > 0 {
				y[m.random.IntN(n)] = 6
			}
			ReLU6Back(m.f32(n, 9), y, m.f32(n, 9))
		}})
}

// anyF32 returns n numbers of any bits.
func (m *memory) anyF32(n int) []float32 {
	x := m.f32(n, 0)
	for i := range x {
		x[i] = math.Float32frombits(m.random.Uint32())
	}
	return x
}

// sample returns numbers of all magnitudes and both signs, in every binade as many, and the
// special ones.
func sample() []float32 {
	x := slices.Clone(special)
	for bits := uint32(0); bits < 0x7f800000; bits += 4999 {
		v := math.Float32frombits(bits)
		x = append(x, v, -v)
	}
	for i := range 40_000 { // where the formulas bend, evenly
		v := float32(i) * (110. / 40_000)
		x = append(x, v, -v)
	}
	return x
}

// A worst is the largest error that was met, in units of the last place.
type worst float64

// expect compares got, the result for x, to within 0.51 units of the last place of size.
func (w *worst) expect(t *testing.T, of string, x, got float32, want, size float64) {
	t.Helper()
	if math.IsNaN(want) || math.IsInf(want, 0) {
		if float64(got) != want && !(got != got && want != want) {
			t.Errorf("%s of %v is %v, want %v", of, x, got, want)
		}
		return
	}
	_, exponent := math.Frexp(size)
	e := math.Abs(float64(got)-want) / math.Ldexp(1, max(exponent-24, -149))
	if e <= float64(*w) {
		return
	}
	*w = worst(e)
	if !(e <= 0.51) {
		t.Errorf("%s of %v is %v, want %v: off by %.3f units of the last place", of, x, got, want, e)
	}
}

// TestCurves holds every result to the formula in float64: y to 0.51 units of its last
// place, and dx to as many of the last place of the larger of its terms and itself.
func TestCurves(t *testing.T) {
	x := sample()
	y, dx, dy := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i := range dy {
		dy[i] = 1 + float32(i%1000)/1000
	}
	for _, c := range curves {
		c.forward(y, x)
		c.back(dx, x, dy)
		var forward, back worst
		for i, v := range x {
			share, slope := c.terms(float64(v))
			want := float64(v) * share
			forward.expect(t, c.name, v, y[i], want, want)
			if want == want && math.Signbit(float64(y[i])) != math.Signbit(float64(v)) {
				t.Errorf("%s of %v is %v: its sign is another", c.name, v, y[i])
			}
			g, sum := float64(dy[i]), share+slope
			back.expect(t, c.name+"Back", v, dx[i], g*sum, g*max(share, math.Abs(slope), math.Abs(sum)))
		}
		t.Logf("%s: worst %.4f, back %.4f", c.name, forward, back)
	}
}

// TestCurveBits pins every bit of the same results: they are those of every processor.
func TestCurveBits(t *testing.T) {
	x := sample()
	y, hash := make([]float32, len(x)), sha256.New()
	write := func() {
		for _, v := range y {
			if v != v {
				v = float32(math.NaN())
			}
			hash.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
	}
	for _, c := range curves {
		c.forward(y, x)
		write()
		c.back(y, x, x)
		write()
	}
	const want = "7cee90b73ae24480f1ad152f29d5c1518f72f651ae6be7e1001b70f77fda97a7"
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the bits hash to %s, want %s", got, want)
	}
}
