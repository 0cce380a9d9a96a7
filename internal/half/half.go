// Package half converts between float32 and the two 16-bit formats that tensors
// are stored in: bfloat16, the upper half of a float32, and IEEE 754 binary16.
//
// Narrowing rounds to nearest, of two as near to the even one. Numbers too large
// become infinities, small ones subnormal or zero of their sign. A NaN stays one
// of its sign and leading bits and becomes quiet. Widening is exact.
package half

import "math"

// ToBF16 returns the bfloat16 nearest to x.
func ToBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | 1<<6
	}
	return uint16((bits + 0x7FFF + bits>>16&1) >> 16)
}

// FromBF16 returns the number whose bfloat16 form is bits.
func FromBF16(bits uint16) float32 { return math.Float32frombits(uint32(bits) << 16) }

// ToF16 returns the binary16 nearest to x.
func ToF16(x float32) uint16 {
	const infinity, quiet = 31 << 10, 1 << 9
	bits := math.Float32bits(x)
	sign, size := uint16(bits>>16&0x8000), bits&^(1<<31)
	switch {
	case x != x:
		return sign | infinity | quiet | uint16(size>>13&0x3FF)
	case size >= 0x477FF000: // 65520, half-way to the first number beyond
		return sign | infinity
	case size < 0x38800000: // 2⁻¹⁴: a multiple of 2⁻²⁴, which adding 1/2 rounds to
		return sign | uint16(math.Float32bits(math.Float32frombits(size)+0.5)-0x3F000000)
	}
	size -= 112 << 23 // the bias becomes 15
	return sign | uint16((size+0xFFF+size>>13&1)>>13)
}

// FromF16 returns the number whose binary16 form is bits.
func FromF16(bits uint16) float32 {
	sign, size := uint32(bits&0x8000)<<16, uint32(bits&0x7FFF)
	switch {
	case size >= 31<<10: // infinity; a NaN becomes quiet
		size = size<<13 | 0xFF<<23
		if size > 0xFF<<23 {
			size |= 1 << 22
		}
	case size < 1<<10: // n·2⁻²⁴
		size = math.Float32bits(float32(size) * 0x1p-24)
	default:
		size = size<<13 + 112<<23
	}
	return math.Float32frombits(sign | size)
}
