// Package vec is the CPU's loops over slices: what is done to each element, sums
// of rows, pooling, and filters that slide over single channels. Every function has a
// body in Go, which is the specification, and one in AVX2 assembly; those that training
// spends its time in have one for AVX-512, and for NEON all but pooling (Greater has
// one), GELU and SiLU, filters that slide, and Affine. ../_asm writes them. All give the
// same bits: products that are added to are rounded first, and sums have the same order.
// Only which NaN a NaN is, its sign and payload, is outside this promise.
//
// Slices may have any alignment and any length, 0 too, and nothing outside them
// is read or written. An output may be the very slice of an input where both
// are as long, except in pooling; it may not overlap it otherwise. A slice whose
// capacity is less than the formula needs is a bug of the caller, and panics.
package vec

// A set is one body of each function. The functions check lengths; bodies trust
// them.
type set struct {
	name                      string
	finite                    func(x []float32) bool
	sgdFinite, nesterovFinite func(p, dp, v []float32, lr, momentum, decay float32) bool
	sgdUpdate, nesterovUpdate func(p, dp, v []float32, lr, momentum, decay float32)
	add, reluBack             func(y, a, b []float32)
	relu, greater             func(y, x []float32)
	greaterOf                 func(best []float32, which []uint8, v []float32, tap uint8)
	sumRows                   func(y, x []float32, rows, stride int)
	lines                     func(y, x []float32, step int)
	affine                    func(y []float32, x []uint8, scale, shift *[Period]float64)
	maxPool2                  func(y, x []float32, lines, width, cols, channels int)
	maxPool2Arg               func(y []float32, arg []uint8, x []float32, lines, width, cols, channels int)
	maxPool2Back              func(dx []float32, arg []uint8, dy []float32, lines, width, cols, channels int)

	bound              func(y, x []float32, ceiling float32)
	boundBack          func(dx, y, dy []float32, ceiling float32)
	gelu, silu         func(y, x []float32)
	geluBack, siluBack func(dx, x, dy []float32)

	norm            func(y, x, mean, scale, bias []float32, rows int)
	normBounded     func(y, x, mean, scale, bias []float32, rows int, ceiling float32)
	normPlus        func(y, x, plus, mean, scale, bias []float32, rows int)
	normPlusBounded func(y, x, plus, mean, scale, bias []float32, rows int, ceiling float32)
	normBack        func(dx, x, dy, mean, scale, slope, shift []float32, rows int)
	normBackBounded func(dx, x, dy, y, mean, scale, slope, shift []float32, rows int, ceiling float32)
	sums            func(sum []float64, x []float32, rows, stride int)
	squares         func(sum []float64, x []float32, mean []float64, rows, stride int)
	products        func(sum, product []float64, x, dy []float32, mean []float64, rows, stride int)
	productsBounded func(sum, product []float64, x, dy, y []float32, mean []float64, rows, stride int, ceiling float32)

	slide     func(y, x, w, start []float32, taps []Tap, places, yStep, xStep int)
	slideBack func(w, x, y []float32, stretches []Stretch, yStep, xStep, channels int)

	winogradFilter     func(u, w []float32, step, first, next, n int)
	winogradInput      func(v, x0, x1, x2, x3 []float32, step, next, patches, n int)
	winogradOutput     func(y0, y1, m, bias []float32, step, stride, next, patches, n int)
	winogradGradient   func(z, y0, y1 []float32, step, next, patches, n int)
	winogradFilterBack func(w, u []float32, next, step, n int)
}

var portable = set{
	name:           "go",
	finite:         finite,
	sgdFinite:      sgdFinite,
	sgdUpdate:      sgdUpdate,
	nesterovFinite: nesterovFinite,
	nesterovUpdate: nesterovUpdate,
	add:            add,
	lines:          lines,
	relu:           relu,
	reluBack:       reluBack,
	sumRows:        sumRows,
	affine:         affine,
	greater:        greater,
	greaterOf:      greaterOf,
	maxPool2:       func(y, x []float32, l, w, q, c int) { maxPool2(y, nil, x, l, w, q, c) },
	maxPool2Arg:    maxPool2,
	maxPool2Back:   maxPool2Back,

	bound: bound, boundBack: boundBack,
	gelu: gelu, geluBack: geluBack, silu: silu, siluBack: siluBack,

	norm: norm, normBounded: normBounded, normPlus: normPlus, normPlusBounded: normPlusBounded,
	normBack: normBack, normBackBounded: normBackBounded,
	sums: sums, squares: squares, products: products, productsBounded: productsBounded,
	slide: slide, slideBack: slideBack,
	winogradFilter: winogradFilter, winogradInput: winogradInput, winogradOutput: winogradOutput,
	winogradGradient: winogradGradient, winogradFilterBack: winogradFilterBack,
}

// sets are those that this processor can run, the fastest last; active is the
// one in use.
var (
	sets   = append([]*set{&portable}, native()...)
	active = sets[len(sets)-1]
)
