package main

import "fmt"

// The largest tile of Dot. A sum is four vectors of parts.
const (
	neonDotRows = 2
	neonDotCols = 3
	quarters    = 4
)

// dots writes the products of rows with rows; see dotKernel.
func (w *neon) dots() {
	w.kernel = "dot"
	w.begin("dotNEON")
	w.arg("M", 1)
	w.arg("N", 2)
	for m := neonDotRows; m >= 1; m-- {
		if m > 1 {
			w.op("CMP $%d, R1", m)
			w.op("BNE dot_not%d", m)
		}
		for n := neonDotCols; n > 1; n-- {
			w.op("CMP $%d, R2", n)
			w.op("BEQ dot_%dx%d", m, n)
		}
		w.op("JMP dot_%dx1", m)
		if m > 1 {
			fmt.Fprintf(w, "dot_not%d:\n", m)
		}
	}
	for m := neonDotRows; m >= 1; m-- {
		for n := neonDotCols; n >= 1; n-- {
			w.WriteString(neon{kernel: "dot", name: fmt.Sprintf("dot_%dx%d", m, n), m: m, n: n}.dotTile())
		}
	}
}

// part returns the accumulator of a quarter of the parts of a sum.
func (w *neon) part(i, j, quarter int) int { return (i*w.n+j)*quarters + quarter }

func (w *neon) eachPart(quarter int, f func(acc int)) {
	for i := range w.m {
		for j := range w.n {
			f(w.part(i, j, quarter))
		}
	}
}

// dotTile has the addresses of the rows of a, then of b, in R1 and so on.
func (w neon) dotTile() string {
	const left = 12 // elements of the rows
	w.label("")
	w.addresses("A", 1, w.m)
	w.addresses("B", 1+w.m, w.n)
	w.arg("K", left)
	for q := range quarters {
		w.eachPart(q, w.zero)
	}
	w.op("SUBS $16, R%d", left)
	w.branch("BLT", "_tail")
	w.label("_k")
	for q := range quarters {
		w.dotStep(q, 4)
	}
	for r := range w.m + w.n {
		w.op("ADD $64, R%d", 1+r)
	}
	w.op("SUBS $16, R%d", left)
	w.branch("BGE", "_k")
	w.label("_tail")
	w.op("ADDS $16, R%d", left)
	w.branch("BEQ", "_sum")
	w.dotTail(left)
	w.label("_sum")
	w.dotSums()
	w.op("RET")
	return w.String()
}

// addresses sets n registers from first on to the rows of a matrix.
func (w *neon) addresses(matrix string, first, n int) {
	w.arg(matrix, first)
	w.arg(matrix+"Step", 15)
	for i := 1; i < n; i++ {
		w.op("ADD R15, R%d, R%d", first+i-1, first+i)
	}
}

// dotStep adds the products of so many elements of a quarter, and of zeros in
// the other lanes.
func (w *neon) dotStep(quarter, elements int) {
	const a, b = neonDotRows * neonDotCols * quarters, neonDotRows*neonDotCols*quarters + neonDotRows
	for i := range w.m {
		w.elements(1+i, quarter, elements, a+i)
	}
	for j := range w.n {
		w.elements(1+w.m+j, quarter, elements, b)
		for i := range w.m {
			w.op("VFMLA V%d.S4, V%d.S4, V%d.S4", b, a+i, w.part(i, j, quarter))
		}
	}
}

// elements loads elements of a quarter from R(row), and zeros behind them.
func (w *neon) elements(row, quarter, elements, to int) {
	const third = 11 // its address
	if elements != 3 {
		w.op("%s %d(R%d), F%d", move(elements), 16*quarter, row, to)
		return
	}
	w.op("ADD $%d, R%d, R%d", 16*quarter+8, row, third)
	w.op("FMOVD %d(R%d), F%d", 16*quarter, row, to)
	w.op("VLD1 (R%d), V%d.S[2]", third, to)
}

// dotTail adds the products of the last elements, fewer than sixteen. Where a
// quarter has none, +0 is added, as for the lanes that a mask leaves out.
func (w *neon) dotTail(left int) {
	const zero = 31
	w.zero(zero)
	for q := range quarters {
		label := func(elements int) string { return fmt.Sprintf("_quarter%dof%d", q, elements) }
		w.op("CMP $%d, R%d", 4*q+4, left)
		w.branch("BGE", label(4))
		for elements := 3; elements > 0; elements-- {
			w.op("CMP $%d, R%d", 4*q+elements, left)
			w.branch("BEQ", label(elements))
		}
		w.eachPart(q, func(acc int) { w.add(acc, acc, zero) })
		w.branch("JMP", label(5))
		for elements := 4; elements > 0; elements-- {
			w.label(label(elements))
			w.dotStep(q, elements)
			if elements > 1 {
				w.branch("JMP", label(5))
			}
		}
		w.label(label(5))
	}
}

// dotSums adds up the parts of each sum by halves and stores it.
func (w *neon) dotSums() {
	const half = 24
	w.arg("C", 1)
	w.arg("CStep", 2)
	for i := range w.m {
		for j := range w.n {
			p := func(quarter int) int { return w.part(i, j, quarter) }
			w.add(p(0), p(0), p(2))
			w.add(p(1), p(1), p(3))
			w.add(p(0), p(0), p(1))
			w.op("VEXT $8, V%[1]d.B16, V%[1]d.B16, V%[2]d.B16", p(0), half)
			w.add(p(0), p(0), half)
			w.addPair(p(0), p(0))
			w.op("FMOVS F%d, %d(R1)", p(0), 4*j)
		}
		if i+1 < w.m {
			w.op("ADD R2, R1")
		}
	}
}

// beginTranspose starts a function that turns rows of four times blocks elements
// into columns, and its loop, which has the next four of row i in vector i.
func (w *neon) beginTranspose(rows int) {
	name := fmt.Sprintf("transpose%d", rows)
	fmt.Fprintf(w, "\n// func %s(dst, src *float32, dstStep, srcStep, blocks int)\nTEXT ·%s(SB), NOSPLIT, $0-40\n", name, name)
	for i, arg := range []string{"dst", "src", "dstStep", "srcStep", "blocks"} {
		w.op("MOVD %s+%d(FP), R%d", arg, 8*i, i)
	}
	w.name = name
	w.label("_block")
	w.op("MOVD R1, R5")
	for i := range rows {
		w.op("FMOVQ (R5), F%d", i)
		if i+1 < rows {
			w.op("ADD R3, R5")
		}
	}
}

func (w *neon) endTranspose() {
	w.op("ADD $16, R1")
	w.op("SUBS $1, R4")
	w.branch("BNE", "_block")
	w.op("RET")
}

// zip interleaves the first, or the last, halves of a and b.
func (w *neon) zip(half, a, b, to int) {
	w.op("VZIP%d V%d.S4, V%d.S4, V%d.S4", 1+half, b, a, to)
}

func (w *neon) transpose4() {
	w.beginTranspose(4)
	for half := range 2 {
		w.zip(half, 0, 2, 4) // a0 c0 a1 c1
		w.zip(half, 1, 3, 5) // b0 d0 b1 d1
		for column := range 2 {
			w.zip(column, 4, 5, 6)
			w.op("FMOVQ F6, (R0)")
			w.op("ADD R2, R0")
		}
	}
	w.endTranspose()
}

func (w *neon) transpose2() {
	w.beginTranspose(2)
	for half := range 2 {
		w.zip(half, 0, 1, 4) // a0 b0 a1 b1
		w.op("FMOVD F4, (R0)")
		w.op("ADD R2, R0")
		w.op("VST1 V4.D[1], (R0)")
		w.op("ADD R2, R0")
	}
	w.endTranspose()
}
