package cpu

import (
	"math"
	"slices"
	"testing"
)

var (
	nan      = float32(math.NaN())
	inf      = float32(math.Inf(1))
	negative = float32(math.Copysign(math.NaN(), -1))
)

// bits makes NaN comparable; all NaN count as one.
func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
		if v != v {
			b[i] = math.Float32bits(nan)
		}
	}
	return b
}

func TestReLU(t *testing.T) {
	x := []float32{-1, 0, float32(math.Copysign(0, -1)), 2, inf, -inf, nan, negative}
	y, dx := make([]float32, len(x)), make([]float32, 6)
	ReLU(y, x)
	if want := []float32{0, 0, 0, 2, inf, 0, nan, nan}; !slices.Equal(bits(y), bits(want)) {
		t.Errorf("relu(%v) = %v, want %v", x, y, want)
	}
	ReLUBack(dx, []float32{0, 1, 2, 0, nan, 3}, []float32{5, -6, nan, nan, 7, inf})
	if want := []float32{0, -6, nan, 0, 0, inf}; !slices.Equal(bits(dx), bits(want)) {
		t.Errorf("dx = %v, want %v", dx, want)
	}
}

func TestPool(t *testing.T) {
	s := Pool{N: 1, H: 2, W: 4, C: 1, P: 1, Q: 2, Kernel: 2, Stride: 2}
	for _, c := range []struct {
		x, y []float32
		arg  []uint8
	}{
		{[]float32{1, 2, 5, 5, 3, 4, 5, 5}, []float32{4, 5}, []uint8{3, 0}},
		{[]float32{1, nan, -3, -2, nan, inf, -1, -1}, []float32{nan, -1}, []uint8{1, 2}},
		{[]float32{-inf, -inf, 0, 1, -inf, -inf, inf, negative}, []float32{-inf, nan}, []uint8{0, 3}},
	} {
		y, arg := make([]float32, 2), make([]uint8, 2)
		s.Forward(y, arg, c.x, 0, 1)
		if !slices.Equal(bits(y), bits(c.y)) || !slices.Equal(arg, c.arg) {
			t.Errorf("pool(%v) = %v at %v, want %v at %v", c.x, y, arg, c.y, c.arg)
		}
		clear(y)
		s.Forward(y, nil, c.x, 0, 1)
		if !slices.Equal(bits(y), bits(c.y)) {
			t.Errorf("pool(%v) = %v without arg, want %v", c.x, y, c.y)
		}
		dx, want := random(1, 8), make([]float32, 8)
		s.Back(dx, arg, []float32{10, 20}, s.Offsets(), 0, 1)
		want[int(arg[0])/2*4+int(arg[0])%2] = 10
		want[int(arg[1])/2*4+int(arg[1])%2+2] = 20
		if !slices.Equal(dx, want) {
			t.Errorf("dx = %v for arg %v, want %v", dx, arg, want)
		}
	}
}

func TestChannelSum(t *testing.T) {
	for _, c := range []struct{ rows, channels int }{{1, 1}, {1, 300}, {50, 6}, {51, 6}, {127, 2}, {128, 2}, {129, 2}, {7, 10}, {20, 16}, {9, 63}, {9, 84}, {3, 256}} {
		x := random(1, c.rows*c.channels)
		want := make([]float64, c.channels)
		for i, v := range x {
			want[i%c.channels] += float64(v)
		}
		wide, y := random(2, ChannelWidth(c.channels)), make([]float32, c.channels)
		ChannelSum(wide, x)
		SumPartials(y, wide, 1, c.channels, c.channels, 0, 1)
		expectNear(t, "sum", y, want, c.rows)
	}
}

// Bytes become the values of the tables, whether those are linear or not, and
// all common means and deviations are taken for linear.
func TestNormalize(t *testing.T) {
	means, deviations := []float64{0.4914, 0.4822, 0.4465, 0.5}, []float64{0.2470, 0.2435, 0.2616, 0.5}
	for channels := 1; channels <= 5; channels++ {
		for _, bent := range []bool{false, true} {
			tables := make([][256]float64, channels)
			for c := range tables {
				for v := range tables[c] {
					tables[c][v] = (float64(v)/255 - means[c%4]) / deviations[c%4]
				}
			}
			if bent { // by the last bit that counts
				at := &tables[channels-1][77]
				*at = float64(math.Nextafter32(float32(*at), inf))
			}
			n := NewNormalize(tables)
			if want := !bent && channels != 5; n.linear != want {
				t.Errorf("%d channels, bent %t: linear %t, want %t", channels, bent, n.linear, want)
			}
			x := make([]byte, 256*channels+7*channels)
			y := make([]float32, len(x))
			for i := range x {
				x[i] = byte(i / channels)
			}
			n.Rows(y, x)
			for i, got := range y {
				if want := float32(tables[i%channels][x[i]]); got != want {
					t.Errorf("%d channels, bent %t: element %d is %v, want %v", channels, bent, i, got, want)
				}
			}
		}
	}
}

func TestSoftmaxXent(t *testing.T) {
	for _, c := range []struct {
		x    []float32
		t    []int32
		loss float32
		dx   []float32
	}{
		{[]float32{7}, []int32{0}, 0, []float32{0}},
		{[]float32{1, 1, 200, 200}, []int32{0, 1}, math.Ln2, []float32{-0.25, 0.25, 0.25, -0.25}},
		{[]float32{0, 1000}, []int32{0}, 1000, []float32{-1, 1}},
		{[]float32{0, -inf}, []int32{0}, 0, []float32{0, 0}},
		{[]float32{0, -inf}, []int32{1}, inf, []float32{1, -1}},
		{[]float32{nan, 1}, []int32{1}, nan, []float32{nan, nan}},
		{[]float32{inf, 1}, []int32{1}, nan, []float32{nan, nan}},
	} {
		dx := make([]float32, len(c.x))
		exps := make([]float64, len(c.x)/len(c.t))
		loss := SoftmaxXent(dx, c.x, c.t, len(c.t), exps)
		if !slices.Equal(bits([]float32{loss}), bits([]float32{c.loss})) || !slices.Equal(bits(dx), bits(c.dx)) {
			t.Errorf("x %v, classes %v: loss %v, dx %v, want %v, %v", c.x, c.t, loss, dx, c.loss, c.dx)
		}
		if again := SoftmaxXent(nil, c.x, c.t, len(c.t), exps); again != loss && loss == loss {
			t.Errorf("x %v: loss %v without dx, %v with it", c.x, again, loss)
		}
	}
}

func TestFinite(t *testing.T) {
	for n := range 10 {
		x := random(1, n)
		for i := range x {
			x[i] *= math.MaxFloat32
		}
		if !Finite(x) {
			t.Errorf("%v is not finite", x)
		}
		for i := range x {
			for _, bad := range []float32{nan, negative, inf, -inf} {
				old := x[i]
				x[i] = bad
				if Finite(x) {
					t.Errorf("%v is finite", x)
				}
				x[i] = old
			}
		}
	}
}

func TestSGD(t *testing.T) {
	for _, c := range []struct {
		step SGD
		p, v float32
	}{
		{SGD{LR: 0.5, Momentum: 0.5, Decay: 0.25}, 8 - 0.5*4, 4},
		{SGD{LR: 0.5, Momentum: 0.5, Decay: 0.25, Nesterov: true}, 8 - 0.5*(3+2), 4},
		{SGD{LR: 1}, 7, 1},
	} {
		p, v := []float32{8}, []float32{2} // d = 1 + decay·8, v = momentum·2 + d
		c.step.Update(p, []float32{1}, v)
		if p[0] != c.p || v[0] != c.v {
			t.Errorf("%+v: p = %v, v = %v, want %v, %v", c.step, p[0], v[0], c.p, c.v)
		}
	}
}

// What SGD.Finite says of numbers at the edge of their range is what Update then
// leaves there.
func TestSGDFinite(t *testing.T) {
	edge := []float32{0, 1, -0x1p64, math.MaxFloat32, -math.MaxFloat32, inf, nan}
	for _, step := range []SGD{{}, {LR: 1}, {LR: 2, Momentum: 0.5}, {LR: 1, Momentum: 2}, {LR: 0x1p-100, Momentum: 4, Nesterov: true},
		{Momentum: 2}, {Momentum: 2, Nesterov: true}, {LR: inf}, {LR: 1, Decay: 0x1p100}} {
		seen := map[bool]int{}
		for i := range len(edge) * len(edge) * len(edge) {
			p, dp, v := []float32{1, 1, 1}, []float32{1, 1, 1}, []float32{0, 0, 0}
			at := i % len(p)
			p[at], dp[at], v[at] = edge[i%7], edge[i/7%7], edge[i/49]
			old := slices.Concat(p, v)
			got := step.Finite(p, dp, v)
			if after := slices.Concat(p, v); !slices.Equal(bits(after), bits(old)) {
				t.Fatalf("%+v: looking changed %v to %v", step, old, after)
			}
			step.Update(p, dp, v)
			if want := Finite(p) && Finite(v); got != want {
				t.Errorf("%+v of %v with gradient %v: finite is %t, left %v and %v", step, old, dp, got, p, v)
			}
			seen[got]++
		}
		if seen[false] == 0 || seen[true] == 0 && step.LR != inf {
			t.Errorf("%+v: %v", step, seen)
		}
	}
}

func TestTick(t *testing.T) {
	step, cursor := int64(0), int64(5)
	scalars, table := make([]float32, 2), []float32{1, 2, 3, 4}
	for range 3 {
		Tick(&step, &cursor, scalars, table, 4)
		if !slices.Equal(scalars, table[2:]) {
			t.Errorf("scalars of step %d are %v, want %v", step, scalars, table[2:])
		}
	}
	if step != 3 || cursor != 17 {
		t.Errorf("step %d, cursor %d, want 3, 17", step, cursor)
	}
	ring := make([]float32, 4)
	Record(ring, 6, 9)
	if want := []float32{0, 0, 9, 0}; !slices.Equal(ring, want) {
		t.Errorf("ring %v, want %v", ring, want)
	}
}

func TestGather(t *testing.T) {
	y := make([]byte, 6)
	Gather(y, []byte("aabbccdd"), []int32{3, 0, 3}, 2)
	if string(y) != "ddaadd" {
		t.Errorf("gathered %q", y)
	}
}
