package tile

import (
	"fmt"
	"math"
	"testing"
)

// TestSpreadBits holds every number of vectors and of valid lanes to the definition,
// bit by bit, in memory that ends with the windows. Zeros of either sign are left
// out, whatever stands in their filters; NaN is not.
func TestSpreadBits(t *testing.T) {
	forWindows(t, func(s *Set, a *arena, runs, run int) {
		const places = 3
		lanes := s.Lanes(run)
		across := (run + lanes - 1) / lanes
		filters, step, pitch := 1+a.random.IntN(19), 1+a.random.IntN(3), run+2
		dy, w := a.draw(0, places*filters), a.draw(1, filters*runs*across*lanes)
		image := a.draw(2, (places-1)*step+(runs-1)*pitch+run)
		for o := range filters {
			unused := a.random.IntN(3) == 0
			if unused {
				w[o*runs*across*lanes] = float32(math.Inf(1))
			}
			for place := range places {
				if g := &dy[place*filters+o]; unused || place == 0 || a.random.IntN(2) > 0 {
					*g = float32(math.Copysign(0, float64(*g)))
				}
			}
		}
		if a.random.IntN(4) == 0 {
			dy[len(dy)-1] = float32(math.NaN())
		}
		want := append([]float32{}, image...)
		for place := range places {
			for r := range runs {
				for i := range run {
					sum, any := float32(0), false
					for o, g := range dy[place*filters:][:filters] {
						if g != 0 {
							sum, any = fma(g, w[(o*runs+r)*across*lanes+i], sum), true
						}
					}
					if any {
						want[place*step+r*pitch+i] += sum
					}
				}
			}
		}
		var offsets []int32
		var valid []int
		for r := range runs {
			for v := range across {
				offsets = append(offsets, int32(4*(r*pitch+v*lanes)))
				valid = append(valid, min(lanes, run-v*lanes))
			}
		}
		var block []int
		for o := 0; o < filters; o += lanes {
			block = append(block, min(lanes, filters-o))
		}
		s.Spread(&Spread{
			DY: &dy[0], Window: &image[0], W: &w[0], Offsets: &offsets[0], Masks: s.Valid(valid), FilterMasks: s.Valid(block),
			DYStep: 4 * filters, WindowStep: 4 * step, FilterStep: 4 * len(offsets) * lanes,
			Places: places, Filters: filters, Vectors: len(offsets), Lanes: lanes,
		})
		for i := range want { // which NaN it is differs between processors
			if want[i] != want[i] && image[i] != image[i] {
				want[i] = image[i]
			}
		}
		expectBits(t, fmt.Sprintf("%s: %d runs of %d, %d filters", s.Name, runs, run, filters), image, want)
	})
}

// forWindows calls f for every set in assembly, for windows of each number of vectors,
// of each number of valid lanes, with slices at both ends of memory.
func forWindows(t *testing.T, f func(s *Set, a *arena, runs, run int)) {
	a := newArena(t)
	for _, s := range Sets() {
		if !s.Native() {
			continue
		}
		most := s.MostVectors()
		for run := 1; run <= most*s.Lanes(1); run++ {
			across := (run + s.Lanes(run) - 1) / s.Lanes(run)
			for runs := 1; runs*across <= most; runs++ {
				for _, a.high = range []bool{false, true} {
					f(s, a, runs, run)
				}
			}
		}
	}
}
