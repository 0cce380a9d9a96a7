package devicetest

import (
	"fmt"
	"iter"
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
	// the products: ten times that bound, as of some thousand elements a few change
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
	got := make([][]float64, len(want))
	for i, v := range x.out {
		got[i] = decode(x.m.Tensors[v].Type, results[i])
	}
	var far []string
	for bound := range c.bounds(t, reference, inputs, want) {
		if far = c.far(x, got, want, bound); far == nil {
			return
		}
	}
	for _, result := range far {
		t.Errorf("seed %d: %s%s", seed, about, result)
	}
}

// far names the first element of each result that is not near enough.
func (c testCase) far(x *trial, got, want [][]float64, bound bounding) (far []string) {
	for i, v := range x.out {
		typ := x.m.Tensors[v].Type
		for j, g := range got[i] {
			within := bound(i, j) + stored(typ, want[i][j])
			if !near(g, want[i][j], within) && !(math.IsNaN(g) && c.productWithPadding()) {
				far = append(far, fmt.Sprintf("result %d: element %d of %d is %v, want %v within %.3g", i, j, len(got[i]), g, want[i][j], within))
				break
			}
		}
	}
	return far
}

// near reports whether got is want within bound, where NaN and infinities are
// near themselves only.
func near(got, want, bound float64) bool {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return got == want || math.IsNaN(want) && math.IsNaN(got)
	}
	return math.Abs(got-want) <= bound
}

// A bounding says how far element j of result i may be from the reference's.
type bounding func(i, j int) float64

// bounds yields what bounds the results: of what is composed a bound after each run,
// never narrower than the one before, as the first few runs show most to be near.
func (c testCase) bounds(t *testing.T, reference *trial, inputs, want [][]float64) iter.Seq[bounding] {
	return func(yield func(bounding) bool) {
		switch c.near {
		case exact:
			yield(func(int, int) float64 { return 0 })
		case contraction:
			sums := reference.exact(t, c.reals(inputs, math.Abs))
			terms := reference.exact(t, c.reals(inputs, func(float64) float64 { return 1 }))
			bound := func(i, j int) float64 { return 4*math.Sqrt(terms[i][j])*eps*sums[i][j] + eps*math.Abs(want[i][j]) }
			if c.patches {
				bound = twiceLargest(bound, want)
			}
			yield(bound)
		case composed, composedOfSums:
			times := 4.0
			if c.near == composedOfSums {
				times *= 10
			}
			moved := make([][]float64, len(want))
			for i := range want {
				moved[i] = make([]float64, len(want[i]))
			}
			r, sign := generator(c.name+" perturbed"), oneOf(-1, 1)
			factor := func(v float64) float64 { return v * (1 + eps*sign(r, 0)) }
			for range perturbations {
				widenBy(moved, reference.exact(t, c.reals(inputs, factor)), want)
				if !yield(func(i, j int) float64 { return times*moved[i][j] + ulp(want[i][j]) }) {
					return
				}
			}
		}
	}
}

// twiceLargest bounds every element of a result by twice the largest bound of one.
func twiceLargest(bound bounding, want [][]float64) bounding {
	largest := make([]float64, len(want))
	for i := range want {
		for j := range want[i] {
			largest[i] = max(largest[i], 2*bound(i, j))
		}
	}
	return func(i, _ int) float64 { return largest[i] }
}

// widenBy raises moved to the distance of changed from want.
func widenBy(moved, changed, want [][]float64) {
	for i := range moved {
		for j := range moved[i] {
			moved[i][j] = max(moved[i][j], math.Abs(changed[i][j]-want[i][j]))
		}
	}
}

// ulp returns the distance of x from the next float32.
func ulp(x float64) float64 {
	size := math.Abs(float64(float32(x)))
	return float64(math.Nextafter32(float32(size), math.MaxFloat32)) - size
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
