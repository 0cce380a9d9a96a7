package vec

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"imgcls/internal/kernels/cpu/fence"
)

// room is how many bytes lie before each slice of a memory, with a pattern in
// them. None lie behind it.
const room = 256

// A memory is the slices that one run of a function works on. Memories of one
// seed hold the same numbers.
type memory struct {
	random *rand.Rand
	free   [][]byte // regions not yet handed out
	used   [][]byte // regions in use, the pattern and the slice
	floats [][]float32
	wides  [][]float64
	octets [][]uint8
	says   bool // what the function returned
}

// newMemory returns one that has eight slices of up to size bytes to give.
func newMemory(t testing.TB, size int) *memory {
	m := &memory{}
	for range 8 {
		m.free = append(m.free, fence.Bytes(t, size+room))
	}
	return m
}

// reset takes all slices back.
func (m *memory) reset(seed uint64) {
	m.random = rand.New(rand.NewPCG(seed, 1))
	m.free = append(m.free, m.used...)
	m.used, m.floats, m.wides, m.octets, m.says = nil, nil, nil, nil, false
}

// take returns the last n bytes of a region.
func (m *memory) take(n int) []byte {
	region := m.free[0]
	m.free, m.used = m.free[1:], append(m.used, region)
	at := len(region) - n
	for i := at - room; i < at; i++ {
		region[i] = 0xa5
	}
	return region[at:]
}

var special = []float32{
	float32(math.NaN()), float32(math.Copysign(math.NaN(), -1)), float32(math.Inf(1)), float32(math.Inf(-1)),
	0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -0x1p-140, math.MaxFloat32, -math.MaxFloat32,
}

// f32 returns n numbers, of which about one in odd is special; 0 is none.
func (m *memory) f32(n, odd int) []float32 {
	b := m.take(4 * n)
	x := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
	for i := range x {
		x[i] = float32(m.random.IntN(16)-8) + float32(m.random.IntN(3))*m.random.Float32()
		if odd > 0 && m.random.IntN(odd) == 0 {
			x[i] = special[m.random.IntN(len(special))]
		}
	}
	m.floats = append(m.floats, x)
	return x
}

// f64 returns n numbers, one in odd of which is special; 0 is none.
func (m *memory) f64(n, odd int) []float64 {
	b := m.take(8 * n)
	x := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(b))), n)
	for i := range x {
		x[i] = m.random.NormFloat64()
		if odd > 0 && m.random.IntN(odd) == 0 {
			x[i] = float64(special[m.random.IntN(len(special))])
		}
	}
	m.wides = append(m.wides, x)
	return x
}

// oneLarge returns three slices of n numbers, one element of which, in all three, is so
// large that it depends on every sum and product whether an update leaves it finite.
func (m *memory) oneLarge(n int) (p, dp, v []float32) {
	p, dp, v = m.f32(n, 0), m.f32(n, 0), m.f32(n, 0)
	if n > 0 {
		k := n - 1 // the last as often as all, for lanes that are left
		if m.random.IntN(2) == 0 {
			k = m.random.IntN(n)
		}
		p[k], dp[k], v[k] = p[k]*0x1p124, dp[k]*0x1p124, v[k]*0x1p124
	}
	return p, dp, v
}

func (m *memory) u8(n, below int) []uint8 {
	x := m.take(n)
	for i := range x {
		x[i] = uint8(m.random.IntN(below))
	}
	m.octets = append(m.octets, x)
	return x
}

// differs says where a memory is not another's, or has been written outside.
func (m *memory) differs(want *memory) string {
	if m.says != want.says {
		return fmt.Sprintf("it says %t, want %t", m.says, want.says)
	}
	for k, x := range m.floats {
		for i, v := range x {
			w := want.floats[k][i]
			if math.Float32bits(v) != math.Float32bits(w) && !(v != v && w != w) {
				return fmt.Sprintf("slice %d, element %d of %d is %v, want %v", k, i, len(x), v, w)
			}
		}
	}
	for k, x := range m.wides {
		for i, v := range x {
			w := want.wides[k][i]
			if math.Float64bits(v) != math.Float64bits(w) && !(v != v && w != w) {
				return fmt.Sprintf("slice %d of doubles, element %d of %d is %v, want %v", k, i, len(x), v, w)
			}
		}
	}
	for k, x := range m.octets {
		if !slices.Equal(x, want.octets[k]) {
			return fmt.Sprintf("bytes %v, want %v", x, want.octets[k])
		}
	}
	for k, region := range m.used {
		used := 0
		for _, x := range m.floats {
			if len(x) > 0 && unsafe.Pointer(&x[len(x)-1]) == unsafe.Pointer(&region[len(region)-4]) {
				used = 4 * len(x)
			}
		}
		for _, x := range m.wides {
			if len(x) > 0 && unsafe.Pointer(&x[len(x)-1]) == unsafe.Pointer(&region[len(region)-8]) {
				used = 8 * len(x)
			}
		}
		for _, x := range m.octets {
			if len(x) > 0 && &x[len(x)-1] == &region[len(region)-1] {
				used = len(x)
			}
		}
		before := region[len(region)-used-room : len(region)-used]
		if !bytes.Equal(before, bytes.Repeat([]byte{0xa5}, room)) {
			return fmt.Sprintf("something was written before slice %d", k)
		}
	}
	return ""
}

// A call runs one function on slices of a memory, for a size.
type call struct {
	name string
	run  func(m *memory, n int)
}

var calls = []call{
	{"Finite", func(m *memory, n int) { m.says = Finite(m.f32(n, 0)) }},
	{"FiniteNot", func(m *memory, n int) { m.says = Finite(m.f32(n, 2*n)) }},
	{"Add", func(m *memory, n int) { Add(m.f32(n, 9), m.f32(n, 9), m.f32(n, 9)) }},
	{"AddTo", func(m *memory, n int) { y := m.f32(n, 9); Add(y, y, m.f32(n, 9)) }},
	{"Lines", func(m *memory, n int) {
		step := LineElements + n%5
		Lines(m.f32(n*LineElements, 9), m.f32(max(0, n-1)*step+LineElements, 9), step)
	}},
	{"ReLU", func(m *memory, n int) { ReLU(m.f32(n, 9), m.f32(n, 3)) }},
	{"ReLUBack", func(m *memory, n int) { ReLUBack(m.f32(n, 9), m.f32(n, 3), m.f32(n, 9)) }},
	{"Greater", func(m *memory, n int) { Greater(m.f32(n, 2), m.f32(n, 2)) }},
	{"GreaterOf", func(m *memory, n int) { GreaterOf(m.f32(n, 2), m.u8(n, 256), m.f32(n, 2), uint8(n)) }},
	{"SumRows", func(m *memory, n int) {
		rows, stride := 1+n%7, n+n%3
		SumRows(m.f32(n, 9), m.f32((rows-1)*stride+n, 99), rows, stride)
	}},
	{"Affine", func(m *memory, n int) {
		var scale, shift [Period]float64
		for i := range Period {
			scale[i], shift[i] = m.random.NormFloat64(), m.random.NormFloat64()
		}
		m.says = Affine(m.f32(n, 9), m.u8(n, 256), &scale, &shift) == n/Period*Period
	}},
}

var steps = []SGD{
	{LR: 0.1, Momentum: 0.9, Decay: 0.01},
	{LR: 0.1, Momentum: 0.9, Decay: 0.01, Nesterov: true},
	{LR: float32(math.Inf(1)), Momentum: 2},
	{LR: 1, Momentum: 0.5, Decay: float32(math.NaN()), Nesterov: true},
	{LR: 1.25, Momentum: 0.75, Decay: 0.5},
	{LR: 1.25, Momentum: 0.75, Decay: 0.5, Nesterov: true},
}

func init() {
	for i, step := range steps {
		calls = append(calls,
			call{fmt.Sprint("SGD.Finite/", i), func(m *memory, n int) { m.says = step.Finite(m.f32(n, 3*n), m.f32(n, 3*n), m.f32(n, 0)) }},
			call{fmt.Sprint("SGD.FiniteLarge/", i), func(m *memory, n int) { m.says = step.Finite(m.oneLarge(n)) }},
			call{fmt.Sprint("SGD.Update/", i), func(m *memory, n int) { step.Update(m.f32(n, 9), m.f32(n, 9), m.f32(n, 9)) }})
	}
	for _, channels := range []int{1, 2, 3, 6, 7, 8, 9, 10, 15, 16, 17, 24, 29} {
		for _, gap := range []int{0, 1} {
			pool := func(run func(m *memory, lines, width, cols int)) func(m *memory, n int) {
				return func(m *memory, n int) {
					if lines, cols := n%4, n/4%6; n < 24 {
						run(m, lines, 2*cols+gap, cols)
					}
				}
			}
			shape := fmt.Sprintf("/%d+%d", channels, gap)
			calls = append(calls,
				call{"MaxPool2" + shape, pool(func(m *memory, lines, width, cols int) {
					MaxPool2(m.f32(lines*cols*channels, 9), nil, m.f32(2*lines*width*channels, 3), lines, width, cols, channels)
				})},
				call{"MaxPool2Arg" + shape, pool(func(m *memory, lines, width, cols int) {
					n := lines * cols * channels
					MaxPool2(m.f32(n, 9), m.u8(n, 256), m.f32(2*lines*width*channels, 3), lines, width, cols, channels)
				})},
				call{"MaxPool2Back" + shape, pool(func(m *memory, lines, width, cols int) {
					n := lines * cols * channels
					MaxPool2Back(m.f32(2*lines*width*channels, 9), m.u8(n, 4), m.f32(n, 9), lines, width, cols, channels)
				})})
		}
	}
}

// TestSameBits runs every function on every length up to some vectors, with
// slices that end where memory does, and expects what the Go body leaves.
func TestSameBits(t *testing.T) {
	if len(sets) == 1 {
		t.Skip("this build or this processor has the Go body alone")
	}
	if best := sets[len(sets)-1]; active != best || best == &portable {
		t.Errorf("in use is the body in %s, the best is in %s", active.name, best.name)
	}
	defer func(old *set) { active = old }(active)
	const size = 1 << 16
	want, got := newMemory(t, size), newMemory(t, size)
	for _, c := range calls {
		said := map[bool]int{}
		for n := range 150 {
			for seed := range uint64(3) {
				active = sets[0]
				want.reset(seed)
				c.run(want, n)
				for _, s := range sets[1:] {
					active = s
					got.reset(seed)
					c.run(got, n)
					if diff := got.differs(want); diff != "" {
						t.Fatalf("%s with %s, n = %d, seed %d: %s", c.name, s.name, n, seed, diff)
					}
				}
				said[want.says]++
			}
		}
		if c.name == "FiniteNot" && (said[false] < 100 || said[true] < 100) {
			t.Errorf("%s says %v", c.name, said)
		}
	}
}

// A slice that is too short, and cannot be longer, is refused.
func TestShortSlices(t *testing.T) {
	y, short := make([]float32, 24), make([]float32, 23)
	for name, run := range map[string]func(){
		"Add":          func() { Add(y, y, short[:23:23]) },
		"Lines":        func() { Lines(y[:16], short[:15:15], 16) },
		"ReLU":         func() { ReLU(y, short[:23:23]) },
		"SumRows":      func() { SumRows(y[:12], short[:23:23], 2, 12) },
		"GELU":         func() { GELU(y, short[:23:23]) },
		"SiLUBack":     func() { SiLUBack(y, y, short[:23:23]) },
		"SGD.Update":   func() { SGD{}.Update(y, short[:23:23], y) },
		"GreaterOf":    func() { GreaterOf(y, make([]uint8, 23), y, 0) },
		"MaxPool2":     func() { MaxPool2(y[:6], nil, short[:23:23], 1, 4, 2, 3) },
		"MaxPool2Back": func() { MaxPool2Back(short[:23:23], make([]uint8, 6), y, 1, 4, 2, 3) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes a slice that is too short", name)
				}
			}()
			run()
		}()
	}
}
