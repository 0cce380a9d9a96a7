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
	Vectors            int // at most MostVectors
	Lanes              int
}

// MostVectors is the most vectors of a window that Spread takes.
const MostVectors = 12

// Spreads reports whether s has Spread.
func (s *Set) Spreads() bool { return s.kind != neon }

// Lanes returns the lanes of a vector of Spread for runs of that length.
func (s *Set) Lanes(run int) int {
	if s.kind == portable {
		return run
	}
	return s.vector()
}

// Spread computes t.
func (s *Set) Spread(t *Spread) { s.spread(t) }

// Valid returns the masks, as Spread takes them, of vectors that have so many
// valid lanes each.
func (s *Set) Valid(lanes []int) unsafe.Pointer {
	if s.kind == portable { // which takes lanes one by one
		return nil
	}
	if s.kind == avx512 {
		words := make([]uint16, len(lanes))
		for i, n := range lanes {
			words[i] = uint16(1<<n - 1)
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
