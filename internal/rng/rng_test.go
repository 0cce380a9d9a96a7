package rng

import (
	"math"
	"slices"
	"testing"
)

// The vectors are those of Random123's kat_vectors file for philox4x32-10:
// all zeros, all ones, and the digits of pi.
func TestBlockKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		seed, stream, index uint64
		want                [4]uint32
	}{
		{0, 0, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{math.MaxUint64, math.MaxUint64, math.MaxUint64, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Block(c.seed, c.stream, c.index); got != c.want {
			t.Errorf("Block(%#x, %#x, %#x) = %#x, want %#x", c.seed, c.stream, c.index, got, c.want)
		}
	}
}

func TestPermuteIsAPermutation(t *testing.T) {
	a, b := make([]int32, 1000), make([]int32, 1000)
	Permute(a, 1, Stream("a"))
	Permute(b, 1, Stream("b"))
	if slices.Equal(a, b) {
		t.Error("two streams give the same order")
	}
	slices.Sort(a)
	for i, v := range a {
		if int(v) != i {
			t.Fatalf("place %d holds %d", i, v)
		}
	}
}

// Over every order of four the shuffle is uniform: chi-squared with 23 degrees
// of freedom stays under its 99.9 % point.
func TestPermuteIsUniform(t *testing.T) {
	const trials = 24_000
	seen := map[[4]int32]int{}
	for i := range uint64(trials) {
		var p [4]int32
		Permute(p[:], i, 0)
		seen[p]++
	}
	var chi float64
	for _, n := range seen {
		d := float64(n) - trials/24
		chi += d * d / (trials / 24)
	}
	if len(seen) != 24 || chi > 49.73 {
		t.Errorf("%d of 24 orders, chi-squared %.1f > 49.73", len(seen), chi)
	}
}

func TestUniformRange(t *testing.T) {
	var sum float64
	const n = 10_000
	for i := range uint64(n) {
		u := Uniform(7, 9, i)
		if u < 0 || u >= 1 {
			t.Fatalf("Uniform = %v", u)
		}
		sum += float64(u)
	}
	// The mean of n uniforms has deviation 1/√(12n); five of them.
	if mean := sum / n; math.Abs(mean-0.5) > 5/math.Sqrt(12*n) {
		t.Errorf("mean %v", mean)
	}
}
