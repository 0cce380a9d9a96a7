package tile

import "unsafe"

// Spread is window += Σ_o dy[o]·w[o] for Places gradients dy of a line and the
// window of an image that lies at each of them. The sum is one of its own, in
// ascending o by fused multiply-add. What is zero among the gradients is left out,
// and that is most of them where they come through a max-pool and a ReLU. The
// window is Vectors long, at Offsets from where it begins.
type Spread struct {
	DY, Window  *float32
	W           *float32 // [Filters, Vectors·lanes]
	Offsets     *int32   // bytes, of each vector of the window
	Masks       unsafe.Pointer
	FilterMasks unsafe.Pointer

	DYStep, WindowStep int // bytes from one place to the next
	FilterStep         int // bytes
	Places             int
	Filters            int
	Vectors            int // at most MostVectors of the set
	Lanes              int
}

// MostRun is the longest run of a window, in elements, that every set takes.
const MostRun = 96

// MostVectors returns the most vectors of a window that Spread takes. However the
// runs of a window are dealt out to calls of Spread, the bits are the same.
func (s *Set) MostVectors() int {
	if s.kind == neon {
		return 24
	}
	return 12
}

// Lanes returns the lanes of a vector of Spread for runs of that length.
func (s *Set) Lanes(run int) int {
	switch s.kind {
	case portable:
		return run
	case neon:
		return 4
	}
	return s.vector()
}

// Spread computes t.
func (s *Set) Spread(t *Spread) { s.spread(t) }

// Valid returns the masks, as Spread takes them, of vectors that have so many
// valid lanes each: bits, words of ones or zeros, or for NEON the counts.
func (s *Set) Valid(lanes []int) unsafe.Pointer {
	switch s.kind {
	case portable: // which takes lanes one by one
		return nil
	case avx512:
		words := make([]uint16, len(lanes))
		for i, n := range lanes {
			words[i] = uint16(1<<n - 1)
		}
		return unsafe.Pointer(unsafe.SliceData(words))
	case neon:
		words := make([]uint32, len(lanes))
		for i, n := range lanes {
			words[i] = uint32(n)
		}
		return unsafe.Pointer(unsafe.SliceData(words))
	}
	words := make([]uint32, 8*len(lanes))
	for i, n := range lanes {
		for j := range n {
			words[8*i+j] = ^uint32(0)
		}
	}
	return unsafe.Pointer(unsafe.SliceData(words))
}
