package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// floats tells how to read the element types that hold real numbers.
var floats = map[string]struct {
	size int // bytes
	read func([]byte) float64
}{
	"F16":  {2, func(b []byte) float64 { return half(binary.LittleEndian.Uint16(b)) }},
	"BF16": {2, func(b []byte) float64 { return single(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"F32":  {4, func(b []byte) float64 { return single(binary.LittleEndian.Uint32(b)) }},
	"F64":  {8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }},
}

func single(bits uint32) float64 { return float64(math.Float32frombits(bits)) }

// half returns the number whose IEEE 754 half-precision form is bits: 1 bit of
// sign, 5 of exponent with a bias of 15, 10 of fraction.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var v float64
	switch {
	case exponent == 0:
		v = math.Ldexp(fraction, -24)
	case exponent < 31:
		v = math.Ldexp(1024+fraction, exponent-25)
	case fraction == 0:
		v = math.Inf(1)
	default:
		v = math.NaN()
	}
	if bits>>15 != 0 {
		v = -v
	}
	return v
}

// FromFloat32s makes an F32 tensor.
func FromFloat32s(name string, shape []int, values []float32) Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Tensor{Name: name, DType: "F32", Shape: slices.Clone(shape), Data: data}
}

// Float32s returns the elements of an F32 tensor, bit for bit.
func (t Tensor) Float32s() ([]float32, error) {
	if t.DType != "F32" {
		return nil, fmt.Errorf("tensor %q is %s, want F32", t.Name, t.DType)
	}
	values := make([]float32, len(t.Data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return values, nil
}

// ToF32 converts a tensor of F16, BF16 or F64, rounding to nearest, ties to
// even. It refuses other types, and finite numbers too large for F32.
func ToF32(t Tensor) (Tensor, error) {
	f, ok := floats[t.DType]
	if !ok {
		return Tensor{}, fmt.Errorf("tensor %q is %s: only F16, BF16 and F64 can become F32", t.Name, t.DType)
	}
	values := make([]float32, len(t.Data)/f.size)
	beyond := 0
	for i := range values {
		v := f.read(t.Data[i*f.size:])
		values[i] = float32(v)
		if finite(v) && !finite(float64(values[i])) {
			beyond++
		}
	}
	if beyond > 0 {
		return Tensor{}, fmt.Errorf("tensor %q, %s, holds %d numbers beyond the range of F32", t.Name, t.DType, beyond)
	}
	return FromFloat32s(t.Name, t.Shape, values), nil
}

// NonFinite counts the elements that are NaN or infinite. Of types other than
// F16, BF16, F32 and F64 it knows none.
func NonFinite(t Tensor) (count int) {
	f, ok := floats[t.DType]
	if !ok {
		return 0
	}
	for at := 0; at < len(t.Data); at += f.size {
		if !finite(f.read(t.Data[at:])) {
			count++
		}
	}
	return count
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
