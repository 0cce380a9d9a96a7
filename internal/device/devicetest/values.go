package devicetest

import (
	"math"
	"math/rand/v2"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/half"
	"imgcls/internal/rng"
)

// encode returns values as elements of type t in the host's memory.
func encode(t graph.DType, values []float64) []byte {
	switch t {
	case graph.U8:
		return encodeAs[uint8](values)
	case graph.I32:
		return encodeAs[int32](values)
	case graph.I64:
		return encodeAs[int64](values)
	case graph.BF16:
		return encodeHalf(half.ToBF16, values)
	case graph.F16:
		return encodeHalf(half.ToF16, values)
	}
	return encodeAs[float32](values)
}

func encodeAs[T device.Number](values []float64) []byte {
	s := make([]T, len(values))
	for i, v := range values {
		s[i] = T(v)
	}
	return device.Bytes(s)
}

// decode is the inverse of encode.
func decode(t graph.DType, b []byte) []float64 {
	switch t {
	case graph.U8:
		return decodeAs[uint8](b)
	case graph.I32:
		return decodeAs[int32](b)
	case graph.I64:
		return decodeAs[int64](b)
	case graph.BF16:
		return decodeHalf(half.FromBF16, b)
	case graph.F16:
		return decodeHalf(half.FromF16, b)
	}
	return decodeAs[float32](b)
}

func decodeAs[T device.Number](b []byte) []float64 {
	s := device.View[T](b)
	values := make([]float64, len(s))
	for i, v := range s {
		values[i] = float64(v)
	}
	return values
}

func encodeHalf(to func(float32) uint16, values []float64) []byte {
	bits := make([]uint16, len(values))
	for i, v := range values {
		bits[i] = to(float32(v))
	}
	return device.Bytes(bits)
}

func decodeHalf(from func(uint16) float32, b []byte) []float64 {
	values := make([]float64, len(b)/2)
	for i, bits := range device.View[uint16](b) {
		values[i] = float64(from(bits))
	}
	return values
}

// A drawing gives the i-th element of an input.
type drawing func(r *rand.Rand, i int) float64

// generator returns the random numbers for what has this name.
func generator(name string) *rand.Rand { return rand.New(rand.NewPCG(seed, rng.Stream(name))) }

// signed draws numbers of either sign with sizes between ¼ and 2.
func signed(r *rand.Rand, _ int) float64 {
	return math.Copysign(0.25+1.75*r.Float64(), r.Float64()-0.5)
}

// signedTo draws numbers of either sign with sizes up to most.
func signedTo(most float64) drawing {
	return func(r *rand.Rand, i int) float64 { return most / 2 * signed(r, i) }
}

// below draws whole numbers from 0 to n−1.
func below(n int) drawing {
	return func(r *rand.Rand, _ int) float64 { return float64(r.IntN(n)) }
}

// given repeats values.
func given(values ...float64) drawing {
	return func(_ *rand.Rand, i int) float64 { return values[i%len(values)] }
}

// oneOf draws from values.
func oneOf(values ...float64) drawing {
	return func(r *rand.Rand, _ int) float64 { return values[r.IntN(len(values))] }
}
