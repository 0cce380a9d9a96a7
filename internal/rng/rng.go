// Package rng gives random numbers as a pure function of where they are used:
// value = f(seed, stream, index). There is no generator state to save, so a
// resumed run, another number of workers or another device draws the same
// numbers.
//
// The function is Philox4x32 with ten rounds (Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The seed is the
// key; stream and index are the counter. Integers and uniforms are the same
// bits on every device.
package rng

import (
	"hash/fnv"
	"math/bits"
)

// Philox's multipliers and the Weyl increments of its key.
const (
	mul0, mul1   = 0xD2511F53, 0xCD9E8D57
	weyl0, weyl1 = 0x9E3779B9, 0xBB67AE85
	rounds       = 10
)

// Block returns the four 32-bit words of counter (stream, index) under seed.
func Block(seed, stream, index uint64) [4]uint32 {
	k0, k1 := uint32(seed), uint32(seed>>32)
	c := [4]uint32{uint32(index), uint32(index >> 32), uint32(stream), uint32(stream >> 32)}
	for range rounds {
		hi0, lo0 := bits.Mul32(mul0, c[0])
		hi1, lo1 := bits.Mul32(mul1, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k0, lo1, hi0 ^ c[3] ^ k1, lo0}
		k0 += weyl0
		k1 += weyl1
	}
	return c
}

// Stream turns a name into a stream number (FNV-1a, 64 bits), so that adding a
// layer or a use does not move the numbers of the others.
func Stream(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Uniform returns a float32 in [0, 1), a multiple of 2⁻²⁴: every such value is
// exact, so the bits do not depend on the processor.
func Uniform(seed, stream, index uint64) float32 {
	return float32(Block(seed, stream, index)[0]>>8) * (1.0 / (1 << 24))
}

// Below returns an integer in [0, n) for 0 < n ≤ 2³². It scales 64 random bits
// (Lemire's multiplication without the rejection step), so its bias is less
// than n/2⁶⁴.
func Below(seed, stream, index uint64, n uint64) uint64 {
	b := Block(seed, stream, index)
	hi, _ := bits.Mul64(uint64(b[0])<<32|uint64(b[1]), n)
	return hi
}

// Permute fills order with a permutation of 0 … len(order)−1, by Fisher and
// Yates' shuffle from the end.
func Permute(order []int32, seed, stream uint64) {
	for i := range order {
		order[i] = int32(i)
	}
	for i := len(order) - 1; i > 0; i-- {
		j := Below(seed, stream, uint64(i), uint64(i)+1)
		order[i], order[j] = order[j], order[i]
	}
}
