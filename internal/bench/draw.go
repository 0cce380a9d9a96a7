package bench

import (
	"hash/fnv"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/half"
)

// A drawing fills an input by a formula that any other program can compute as well:
// of element i of the input of a name,
//
//	h = i·0x9E3779B1 + FNV-1a(name)           in 32 bits, and then
//	h ^= h>>16; h *= 0x85EBCA6B; h ^= h>>13; h *= 0xC2B2AE35; h ^= h>>16
//
// signed is (2·(h>>24) − 255)/256, a number between −1 and 1 that every floating-point
// type holds; positive is 1 + signed/2; below n is (h>>8) mod n.
type drawing struct {
	kind  kind
	n     int
	given []float64 // repeated
}

type kind int

const (
	byTable kind = iota // a number for each value of h>>24
	belowN
	asGiven
)

var (
	signed   = drawing{kind: byTable, given: table(func(x float64) float64 { return x })}
	positive = drawing{kind: byTable, given: table(func(x float64) float64 { return 1 + x/2 })}
)

func below(n int) drawing             { return drawing{kind: belowN, n: n} }
func given(values ...float64) drawing { return drawing{kind: asGiven, given: values} }

// table holds f of the 256 numbers of signed.
func table(f func(float64) float64) []float64 {
	values := make([]float64, 256)
	for i := range values {
		values[i] = f(float64(2*i-255) / 256)
	}
	return values
}

func seedOf(name string) uint32 {
	f := fnv.New32a()
	f.Write([]byte(name))
	return f.Sum32()
}

// hash is the mixing of MurmurHash3 (fmix32).
func hash(i int, seed uint32) uint32 {
	h := uint32(i)*0x9E3779B1 + seed
	h ^= h >> 16
	h *= 0x85EBCA6B
	h ^= h >> 13
	h *= 0xC2B2AE35
	return h ^ h>>16
}

// draw returns the elements of t in the host's memory.
func (d drawing) draw(t graph.Tensor) []byte {
	switch t.Type {
	case graph.U8:
		return drawAs(d, t, func(x float64) uint8 { return uint8(x) })
	case graph.I32:
		return drawAs(d, t, func(x float64) int32 { return int32(x) })
	case graph.I64:
		return drawAs(d, t, func(x float64) int64 { return int64(x) })
	case graph.BF16:
		return drawAs(d, t, func(x float64) uint16 { return half.ToBF16(float32(x)) })
	case graph.F16:
		return drawAs(d, t, func(x float64) uint16 { return half.ToF16(float32(x)) })
	}
	return drawAs(d, t, func(x float64) float32 { return float32(x) })
}

func drawAs[T device.Number](d drawing, t graph.Tensor, as func(float64) T) []byte {
	values, seed := make([]T, t.Len()), seedOf(t.Name)
	known := make([]T, len(d.given))
	for i, x := range d.given {
		known[i] = as(x)
	}
	for i := range values {
		switch h := hash(i, seed); d.kind {
		case byTable:
			values[i] = known[h>>24]
		case belowN:
			values[i] = as(float64(int(h>>8) % d.n))
		case asGiven:
			values[i] = known[i%len(known)]
		}
	}
	return device.Bytes(values)
}
