//go:build !noasm

package vec

// Every arm64 processor that Go runs on has NEON. What no body of it is named for here
// runs in Go.
func native() []*set {
	neon := portable
	neon.name = "neon"
	neon.finite = finiteNEON
	neon.sgdFinite, neon.sgdUpdate = sgdFiniteNEON, sgdUpdateNEON
	neon.nesterovFinite, neon.nesterovUpdate = nesterovFiniteNEON, nesterovUpdateNEON
	neon.add, neon.lines, neon.sumRows, neon.greater = addNEON, linesNEON, sumRowsNEON, greaterNEON
	neon.relu, neon.reluBack = reluNEON, reluBackNEON
	neon.bound, neon.boundBack = boundNEON, boundBackNEON
	neon.norm, neon.normBounded, neon.normPlus, neon.normPlusBounded = normNEON, normBoundedNEON, normPlusNEON, normPlusBoundedNEON
	neon.normBack, neon.normBackBounded = normBackNEON, normBackBoundedNEON
	neon.sums, neon.squares, neon.products, neon.productsBounded = sumsNEON, squaresNEON, productsNEON, productsBoundedNEON
	neon.winogradFilter, neon.winogradInput, neon.winogradOutput = winogradFilterNEON, winogradInputNEON, winogradOutputNEON
	neon.winogradGradient, neon.winogradFilterBack = winogradGradientNEON, winogradFilterBackNEON
	return []*set{&neon}
}
