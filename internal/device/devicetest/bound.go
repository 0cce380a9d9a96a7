package devicetest

import (
	"math"
	"slices"
	"testing"

	"imgcls/internal/graph"
)

// A nearness says how near a device has to come to the reference.
type nearness int

const (
	// exact: the results are numbers that the inputs hold, or whole numbers.
	exact nearness = iota
	// contraction: each result is one sum of products or of inputs. A sum of k
	// rounded products drifts like √k, and the result is rounded once more:
	//
	//	|got − want| ≤ 4·√k·ε·Σ|aᵢbᵢ| + ε·|want|
	//
	// and where it is stored in 16 bits once more by these, as is any result.
	//
	// The reference gives k, run on inputs that are all 1, and the sum, run on
	// the sizes of the inputs. Where patches of places may be computed at once every
	// element has twice the largest bound of its tensor: their transforms round sums of
	// sixteen inputs, of which a result may hold a small one, the others times zero.
	contraction
	// composed: several operations in one. As the rounding of what stands in
	// between acts like a change of the inputs, the bound is 4 times the largest
	// change of the reference's result in 8 runs on inputs changed by the factor
	// 1 ± ε at random, plus one unit in the last place of the result.
	composed
	// composedOfSums: the same, where partial sums of products are rounded as well as
	// the products: five times that bound, as of some thousand elements a few change
	// little in eight runs.
	composedOfSums
)

// eps is the largest relative error of rounding to float32.
const eps = 0x1p-24

// stored returns the largest error of storing a float32 number near x as t, which is
// never less than half of t's smallest number.
func stored(t graph.DType, x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	switch t {
	case graph.BF16:
		return max(0x1p-8*math.Abs(x), 0x1p-134)
	case graph.F16:
		return max(0x1p-11*math.Abs(x), 0x1p-25)
	}
	return 0
}

// perturbations is the number of runs that bound a composed operation.
const perturbations = 8

// compare checks the results of x for the inputs.
func (c testCase) compare(t *testing.T, about string, x *trial, results [][]byte, reference *trial, inputs [][]float64) {
	t.Helper()
	want := reference.exact(t, inputs)
	bounds := c.bounds(t, reference, inputs, want)
	for i, v := range x.out {
		largest := slices.Max(append(bounds[i], 0))
		for j, w := range want[i] {
			if c.patches && c.near == contraction {
				bounds[i][j] = 2 * largest
			}
			bounds[i][j] += stored(x.m.Tensors[v].Type, w)
		}
	}
	for i, v := range x.out {
		got := decode(x.m.Tensors[v].Type, results[i])
		for j, g := range got {
			if !near(g, want[i][j], bounds[i][j]) && !(math.IsNaN(g) && c.productWithPadding()) {
				t.Errorf("seed %d: %sresult %d: element %d of %d is %v, want %v within %.3g",
					seed, about, i, j, len(got), g, want[i][j], bounds[i][j])
				break
			}
		}
	}
}

// near reports whether got is want within bound, where NaN and infinities are
// near themselves only.
func near(got, want, bound float64) bool {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return got == want || math.IsNaN(want) && math.IsNaN(got)
	}
	return math.Abs(got-want) <= bound
}

// bounds returns how far each element of each output may be from want.
func (c testCase) bounds(t *testing.T, reference *trial, inputs, want [][]float64) [][]float64 {
	bounds := make([][]float64, len(want))
	for i := range want {
		bounds[i] = make([]float64, len(want[i]))
	}
	switch c.near {
	case contraction:
		sums := reference.exact(t, c.reals(inputs, math.Abs))
		terms := reference.exact(t, c.reals(inputs, func(float64) float64 { return 1 }))
		for i := range bounds {
			for j := range bounds[i] {
				bounds[i][j] = 4*math.Sqrt(terms[i][j])*eps*sums[i][j] + eps*math.Abs(want[i][j])
			}
		}
	case composed, composedOfSums:
		r := generator(c.name + " perturbed")
		factor := func(v float64) float64 { return v * (1 + eps*oneOf(-1, 1)(r, 0)) }
		for range perturbations {
			widenBy(bounds, reference.exact(t, c.reals(inputs, factor)), want)
		}
		if c.near == composedOfSums {
			for i := range bounds {
				for j := range bounds[i] {
					bounds[i][j] *= 5
				}
			}
		}
		addUlps(bounds, want)
	}
	return bounds
}

// widenBy raises bounds to 4 times the distance of changed from want.
func widenBy(bounds, changed, want [][]float64) {
	for i := range bounds {
		for j := range bounds[i] {
			bounds[i][j] = max(bounds[i][j], 4*math.Abs(changed[i][j]-want[i][j]))
		}
	}
}

// addUlps adds to each bound the distance of want from the next float32.
func addUlps(bounds, want [][]float64) {
	for i := range bounds {
		for j, w := range want[i] {
			size := math.Abs(float64(float32(w)))
			bounds[i][j] += float64(math.Nextafter32(float32(size), math.MaxFloat32)) - size
		}
	}
}

// reals maps the inputs that are real numbers.
func (c testCase) reals(inputs [][]float64, f func(float64) float64) [][]float64 {
	mapped := slices.Clone(inputs)
	for i, a := range c.in {
		if !a.typ.Float() {
			continue
		}
		mapped[i] = make([]float64, len(inputs[i]))
		for j, v := range inputs[i] {
			mapped[i][j] = f(v)
		}
	}
	return mapped
}

// productWithPadding reports whether a device may compute products with zeros
// that stand outside a tensor, which turn an infinity into a NaN; the reference
// leaves them out. The gradient of a convolution's input is itself a convolution
// of a padded dy, whatever the padding of x.
func (c testCase) productWithPadding() bool {
	switch op := c.op.(type) {
	case graph.Conv:
		return op.Pad > 0
	case graph.ConvBackFilter:
		return op.Pad > 0
	case graph.ConvBackData:
		return true
	}
	return false
}
