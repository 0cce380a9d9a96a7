//go:build !noasm

package vec

import "golang.org/x/sys/cpu"

func native() []*set {
	if !cpu.X86.HasAVX2 {
		return nil
	}
	return []*set{{
		name:           "avx2",
		finite:         finiteAVX2,
		sgdFinite:      sgdFiniteAVX2,
		sgdUpdate:      sgdUpdateAVX2,
		nesterovFinite: nesterovFiniteAVX2,
		nesterovUpdate: nesterovUpdateAVX2,
		add:            addAVX2,
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

		norm: normAVX2, normBounded: normBoundedAVX2, normPlus: normPlusAVX2, normPlusBounded: normPlusBoundedAVX2,
		normBack: normBackAVX2, normBackBounded: normBackBoundedAVX2,
		sums: sumsAVX2, squares: squaresAVX2, products: productsAVX2, productsBounded: productsBoundedAVX2,
		slide: slideAVX2, slideBack: slideBackAVX2,
	}}
}
