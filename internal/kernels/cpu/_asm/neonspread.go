package main

import "fmt"

// neonMostVectors is the most vectors of a window that spreadNEON keeps in
// registers. The gradient and the vectors of a filter take the others.
const (
	neonMostVectors = 24
	neonGradient    = neonMostVectors
	neonFilter      = neonMostVectors + 1
)

// The registers of spreadNEON. The argument's masks are here the count of valid
// lanes of each vector of the window, a word each.
const (
	neonGradients, neonWindow, neonPlaces, neonFilters = 1, 2, 3, 4
	neonFirst, neonStep, neonOffsets, neonValid        = 5, 6, 7, 8
	neonDYStep, neonWindowStep                         = 9, 10
	neonFrom, neonW, neonLeft, neonBits                = 11, 12, 13, 14 // of the place in hand
	neonNextOffset, neonNextValid, neonAt, neonLanes   = 15, 16, 17, 19
)

// spreads writes the kernel that goes through the places of a line of gradients and
// leaves out those that are zero; see spreadKernels.
func (w *neon) spreads() {
	w.kernel = "spread"
	w.begin("spreadNEON")
	w.arg("Vectors", neonPlaces)
	for v := neonMostVectors; v > 1; v-- {
		w.op("CMP $%d, R%d", v, neonPlaces)
		w.op("BEQ spread_%d", v)
	}
	for v := 1; v <= neonMostVectors; v++ {
		w.WriteString(neon{kernel: "spread", name: fmt.Sprintf("spread_%d", v), n: v}.spreadLine())
	}
}

// spreadLine goes through the places of a line, for windows of n vectors.
func (w neon) spreadLine() string {
	w.label("")
	for _, f := range []struct {
		field string
		to    int
	}{
		{"DY", neonGradients}, {"Window", neonWindow}, {"Places", neonPlaces}, {"Filters", neonFilters},
		{"W", neonFirst}, {"FilterStep", neonStep}, {"Offsets", neonOffsets}, {"Masks", neonValid},
		{"DYStep", neonDYStep}, {"WindowStep", neonWindowStep},
	} {
		w.arg(f.field, f.to)
	}

	w.label("_place")
	w.op("MOVD R%d, R%d", neonGradients, neonFrom)
	w.op("MOVD R%d, R%d", neonFilters, neonLeft)
	w.op("MOVD R%d, R%d", neonFirst, neonW)
	w.label("_look") // for the first that is not zero
	w.nonZero("_begin")
	w.nextFilter()
	w.branch("BNE", "_look")
	w.branch("JMP", "_next")

	w.label("_begin")
	for v := range w.n {
		w.zero(v)
	}
	w.label("_take")
	w.op("FMOVS -4(R%d), F%d", neonFrom, neonGradient)
	w.addFilter()
	w.label("_skip")
	w.nextFilter()
	w.branch("BEQ", "_add")
	w.nonZero("_take")
	w.branch("JMP", "_skip")

	w.label("_add")
	w.addToWindow()
	w.label("_next")
	w.op("ADD R%d, R%d", neonDYStep, neonGradients)
	w.op("ADD R%d, R%d", neonWindowStep, neonWindow)
	w.op("SUBS $1, R%d", neonPlaces)
	w.branch("BNE", "_place")
	w.op("RET")
	for v := range w.n {
		w.addLanes(v)
	}
	return w.String()
}

// nonZero goes on behind the gradient at R(from), and to part if it is not zero of
// either sign. It compares bits, so that the smallest numbers and NaN count.
func (w *neon) nonZero(part string) {
	w.op("MOVWU.P 4(R%d), R%d", neonFrom, neonBits)
	w.op("TSTW $0x7fffffff, R%d", neonBits)
	w.branch("BNE", part)
}

// nextFilter leaves the flag of zero where there is none.
func (w *neon) nextFilter() {
	w.op("ADD R%d, R%d", neonStep, neonW)
	w.op("SUBS $1, R%d", neonLeft)
}

// addFilter adds the gradient times the filter.
func (w *neon) addFilter() {
	for v := range w.n {
		filter := neonFilter + v%(32-neonFilter)
		w.op("FMOVQ %d(R%d), F%d", 16*v, neonW, filter)
		w.multiplyAdd(v, filter, neonGradient, 0)
	}
}

// addToWindow adds the sums to the window, those of vectors with lanes that are not
// valid by addLanes.
func (w *neon) addToWindow() {
	w.op("MOVD R%d, R%d", neonOffsets, neonNextOffset)
	w.op("MOVD R%d, R%d", neonValid, neonNextValid)
	for v := range w.n {
		w.op("MOVW.P 4(R%d), R%d", neonNextOffset, neonAt)
		w.op("MOVWU.P 4(R%d), R%d", neonNextValid, neonLanes)
		w.op("ADD R%d, R%d", neonWindow, neonAt)
		w.branch(fmt.Sprintf("TBZ $2, R%d,", neonLanes), fmt.Sprintf("_lanes%d", v))
		w.addLanesAt(v, 4)
		w.label(fmt.Sprintf("_added%d", v))
	}
}

// addLanesAt adds the first lanes of vector v to what lies at R(at).
func (w *neon) addLanesAt(v, lanes int) {
	w.op("%s (R%d), F%d", move(lanes), neonAt, neonFilter)
	w.add(neonFilter, neonFilter, v)
	w.op("%s F%d, (R%d)", move(lanes), neonFilter, neonAt)
}

// addLanes adds the one, two or three valid lanes of vector v, and touches no others:
// they belong to another row of the image, or to nobody.
func (w *neon) addLanes(v int) {
	added, one := fmt.Sprintf("_added%d", v), fmt.Sprintf("_lane%d", v)
	w.label(fmt.Sprintf("_lanes%d", v))
	w.branch(fmt.Sprintf("TBZ $1, R%d,", neonLanes), one)
	w.addLanesAt(v, 2)
	w.branch(fmt.Sprintf("TBZ $0, R%d,", neonLanes), added)
	w.op("ADD $8, R%d", neonAt)
	w.op("VEXT $8, V%[1]d.B16, V%[1]d.B16, V%[1]d.B16", v)
	w.label(one)
	w.addLanesAt(v, 1)
	w.branch("JMP", added)
}
