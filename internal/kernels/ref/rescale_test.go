package ref_test

import (
	"slices"
	"testing"

	"imgcls/internal/kernels/ref"
)

// The scale doubles after growth good steps in a row and halves at each skipped
// one; the step that would be the patience-th skipped in a row changes nothing.
func TestRescale(t *testing.T) {
	scale, tally := []float64{65536}, make([]int64, 3)
	const growth, patience = 3, 3
	for i, c := range []struct {
		applied, counted int32
		scale            float64
		tally            []int64
	}{
		{1, 1, 65536, []int64{1, 0, 0}},
		{1, 1, 65536, []int64{2, 0, 0}},
		{1, 1, 131072, []int64{0, 0, 0}},
		{1, 1, 131072, []int64{1, 0, 0}},
		{0, 1, 65536, []int64{0, 1, 1}},
		{0, 1, 32768, []int64{0, 2, 2}},
		{0, 0, 32768, []int64{0, 2, 2}},
		{0, 0, 32768, []int64{0, 2, 2}},
		{1, 1, 32768, []int64{1, 0, 2}},
		{0, 1, 16384, []int64{0, 1, 3}},
	} {
		counted := ref.Rescale(c.applied, scale, tally, growth, patience)
		if counted != c.counted || scale[0] != c.scale || !slices.Equal(tally, c.tally) {
			t.Errorf("step %d: counted %d, scale %g, tally %v; want %d, %g, %v", i, counted, scale[0], tally, c.counted, c.scale, c.tally)
		}
	}
}
