//go:build !noasm

package vec

import (
	"slices"

	"golang.org/x/sys/cpu"
)

// fourfold holds the constants of act.go in the order of ../_asm/act.go, each for four
// lanes.
var fourfold = func() (four [27][4]float64) {
	single := []float64{1, toInteger, leastPower, gaussBase, expBase, tailShift, density}
	for i, v := range slices.Concat(single, power[:], tail[:]) {
		four[i] = [4]float64{v, v, v, v}
	}
	return four
}()

func native() []*set {
	has := cpu.X86
	if !has.HasAVX2 {
		return nil
	}
	if !has.HasAVX512F || !has.HasAVX512VL || !has.HasAVX512DQ || !has.HasBMI2 {
		return []*set{avx2()}
	}
	best := avx2()
	best.name = "avx512"
	best.add, best.reluBack = addAVX512, reluBackAVX512
	best.norm, best.normBounded, best.normPlus, best.normPlusBounded = normAVX512, normBoundedAVX512, normPlusAVX512, normPlusBoundedAVX512
	best.normBack, best.normBackBounded = normBackAVX512, normBackBoundedAVX512
	best.sums, best.squares, best.products, best.productsBounded = sumsAVX512, squaresAVX512, productsAVX512, productsBoundedAVX512
	best.winogradFilter, best.winogradInput, best.winogradOutput = winogradFilterAVX512, winogradInputAVX512, winogradOutputAVX512
	best.winogradGradient, best.winogradFilterBack = winogradGradientAVX512, winogradFilterBackAVX512
	return []*set{avx2(), best}
}

func avx2() *set {
	return &set{
		name:           "avx2",
		finite:         finiteAVX2,
		sgdFinite:      sgdFiniteAVX2,
		sgdUpdate:      sgdUpdateAVX2,
		nesterovFinite: nesterovFiniteAVX2,
		nesterovUpdate: nesterovUpdateAVX2,
		add:            addAVX2,
		lines:          linesAVX2,
		relu:           reluAVX2,
		reluBack:       reluBackAVX2,
		sumRows:        sumRowsAVX2,
		affine:         affineAVX2,
		greater:        greaterAVX2,
		greaterOf: func(best []float32, which []uint8, v []float32, tap uint8) {
			n := len(best) / 8 * 8
			greaterOfAVX2(best[:n], which, v, tap)
			greaterOf(best[n:], which[n:], v[n:], tap)
		},
		maxPool2:     maxPool2AVX2,
		maxPool2Arg:  maxPool2ArgAVX2,
		maxPool2Back: maxPool2BackAVX2,

		bound: boundAVX2, boundBack: boundBackAVX2,
		gelu:     func(y, x []float32) { geluAVX2(y, x, &fourfold) },
		geluBack: func(dx, x, dy []float32) { geluBackAVX2(dx, x, dy, &fourfold) },
		silu:     func(y, x []float32) { siluAVX2(y, x, &fourfold) },
		siluBack: func(dx, x, dy []float32) { siluBackAVX2(dx, x, dy, &fourfold) },

		norm: normAVX2, normBounded: normBoundedAVX2, normPlus: normPlusAVX2, normPlusBounded: normPlusBoundedAVX2,
		normBack: normBackAVX2, normBackBounded: normBackBoundedAVX2,
		sums: sumsAVX2, squares: squaresAVX2, products: productsAVX2, productsBounded: productsBoundedAVX2,
		slide: slideAVX2, slideBack: slideBackAVX2,
		winogradFilter: winogradFilterAVX2, winogradInput: winogradInputAVX2, winogradOutput: winogradOutputAVX2,
		winogradGradient: winogradGradientAVX2, winogradFilterBack: winogradFilterBackAVX2,
	}
}
