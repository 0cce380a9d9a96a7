package cuda_test

import (
	"fmt"
	"math"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/half"
	"imgcls/internal/kernels/cuda"
)

// A gpu runs launches on the stand-in. Its addresses are far from any number that a
// kernel takes, and each buffer is an allocation of its own there.
type gpu struct {
	t       testing.TB
	s       *standin
	next    cuda.Addr
	buffers map[uint64]any
}

func newGPU(t testing.TB, s *standin) *gpu {
	return &gpu{t: t, s: s, next: 1 << 60, buffers: map[uint64]any{}}
}

// in returns the address of what kernels may only read, and out of what they set.
func (g *gpu) in(slice any) cuda.Addr  { return g.put(slice) }
func (g *gpu) out(slice any) cuda.Addr { return g.put(result{slice}) }

func (g *gpu) put(buffer any) cuda.Addr {
	g.next += 1 << 40
	g.buffers[uint64(g.next)] = buffer
	return g.next
}

func (g *gpu) room(bytes int) cuda.Addr      { return g.out(garbage[uint8](bytes)) }
func (g *gpu) table(words []int64) cuda.Addr { return g.in(words) }

// run runs launches in their order. The kernels get real addresses, so tables must
// hold offsets only.
func (g *gpu) run(launches []cuda.Launch) {
	g.t.Helper()
	for _, l := range launches {
		if l.Block%32 != 0 || l.Block < 32 || l.Grid[0] < 1 || l.Grid[1] < 1 || l.Grid[2] < 1 || max(l.Grid[1], l.Grid[2]) > 65535 {
			g.t.Fatalf("%s: %v blocks of %d", l.Kernel, l.Grid, l.Block)
		}
		args := make([]any, len(l.Args))
		for i, word := range l.Args {
			args[i] = int(word)
			if buffer, ok := g.buffers[word]; ok {
				args[i] = buffer
			}
		}
		g.s.launch3(g.t, l.Kernel, [3]int64{int64(l.Grid[0]), int64(l.Grid[1]), int64(l.Grid[2])}, int64(l.Block), args...)
	}
}

// floats are the types that most kernels come in.
var floats = []graph.DType{graph.F32, graph.BF16, graph.F16}

// encode returns numbers as a tensor of the type holds them.
func encode(typ graph.DType, x []float32) any {
	if typ == graph.F32 {
		return x
	}
	y := make([]uint16, len(x))
	for i, v := range x {
		if y[i] = half.ToF16(v); typ == graph.BF16 {
			y[i] = half.ToBF16(v)
		}
	}
	return y
}

func decode(typ graph.DType, slice any) []float32 {
	x, ok := slice.([]uint16)
	if !ok {
		return slice.([]float32)
	}
	y := make([]float32, len(x))
	for i, v := range x {
		if y[i] = half.FromF16(v); typ == graph.BF16 {
			y[i] = half.FromBF16(v)
		}
	}
	return y
}

// rounded returns numbers of which the type holds each.
func rounded(typ graph.DType, x []float32) []float32 { return decode(typ, encode(typ, x)) }

// empty returns n elements of garbage.
func empty(typ graph.DType, n int) any {
	if typ == graph.F32 {
		return garbage[float32](n)
	}
	return garbage[uint16](n)
}

// narrow rounds to f32 and then to the type.
func narrow(typ graph.DType, x []float64) []float64 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return wide(rounded(typ, y))
}

// grain is the distance from v to the next number of the type.
func grain(typ graph.DType, v float64) float64 {
	bits, least := 24, -149
	switch typ {
	case graph.BF16:
		bits, least = 8, -133
	case graph.F16:
		bits, least = 11, -24
	}
	_, exponent := math.Frexp(v)
	return math.Ldexp(1, max(exponent-bits, least))
}

// eachType runs a check on every type.
func eachType(t *testing.T, check func(t *testing.T, typ graph.DType)) {
	for _, typ := range floats {
		t.Run(fmt.Sprint(typ), func(t *testing.T) { check(t, typ) })
	}
}
