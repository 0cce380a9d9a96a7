package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// An isa is an instruction set as the tiles use it.
type isa struct {
	suffix string
	rows   int     // of the largest tile
	shapes []shape // widest first
	masks  bool    // AVX-512: masks are in K registers and 32 vectors exist
}

// A shape is a width of tiles: so many vectors of so many lanes.
type shape struct{ vectors, lanes int }

func (s shape) width() int { return s.vectors * s.lanes }

var isas = []isa{
	{suffix: "AVX512", rows: 12, shapes: []shape{{2, 16}, {1, 16}, {1, 8}}, masks: true},
	{suffix: "AVX2", rows: 6, shapes: []shape{{2, 8}, {1, 8}}},
}

var (
	zmm = []reg.Register{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}
	ymm = []reg.Register{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
		reg.Y16, reg.Y17, reg.Y18, reg.Y19, reg.Y20, reg.Y21, reg.Y22, reg.Y23, reg.Y24, reg.Y25, reg.Y26, reg.Y27, reg.Y28, reg.Y29, reg.Y30, reg.Y31,
	}
	xmm = []reg.Register{
		reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7, reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
		reg.X16, reg.X17, reg.X18, reg.X19, reg.X20, reg.X21, reg.X22, reg.X23, reg.X24, reg.X25, reg.X26, reg.X27, reg.X28, reg.X29, reg.X30, reg.X31,
	}
)

// A writer writes one tile of one instruction set.
type writer struct {
	*build.Context
	isa
	shape
	m    int    // rows of the tile
	name string // prefix of labels
}

func tileKernels(ctx *build.Context) {
	for _, i := range isas {
		rowsKernel(ctx, i)
		colsKernel(ctx, i)
		dotKernel(ctx, i)
	}
	spreadKernels(ctx)
	transposeKernel(ctx, 4)
	transposeKernel(ctx, 2)
}

// function begins a function of one argument, whose address is then in R14, and of
// so many words of its own.
func function(ctx *build.Context, name string, words int) {
	ctx.Function(name)
	ctx.Attributes(build.NOSPLIT)
	ctx.SignatureExpr("func(t *byte)")
	ctx.AllocLocal(8 * words)
	ctx.MOVQ(param, reg.R14)
}

// tiles calls tile for each width and, at the label of that name and width, jumps
// to the tile of as many rows as RAX says.
func (i isa) tiles(ctx *build.Context, name string, tile func(writer)) {
	for _, s := range i.shapes {
		label := func(m int) string { return fmt.Sprintf("%s_%dx%d", name, m, s.width()) }
		ctx.Label(fmt.Sprintf("%s_%d", name, s.width()))
		for m := i.rows; m > 1; m-- {
			ctx.CMPQ(reg.RAX, U8(m))
			ctx.JEQ(LabelRef(label(m)))
		}
		for m := 1; m <= i.rows; m++ {
			ctx.Label(label(m))
			tile(writer{ctx, i, s, m, label(m)})
		}
	}
}

// jumpToWidth jumps to the label of that name and the width in RCX.
func (i isa) jumpToWidth(ctx *build.Context, name string) {
	for n, s := range i.shapes {
		if n < len(i.shapes)-1 {
			ctx.CMPQ(reg.RCX, U8(s.width()))
			ctx.JEQ(LabelRef(fmt.Sprintf("%s_%d", name, s.width())))
		} else {
			ctx.JMP(LabelRef(fmt.Sprintf("%s_%d", name, s.width())))
		}
	}
}

// colsKernel writes the product of one tile.
func colsKernel(ctx *build.Context, i isa) {
	function(ctx, "cols"+i.suffix, 0)
	ctx.MOVQ(args.at(reg.R14, "cols.M"), reg.RAX)
	ctx.MOVQ(args.at(reg.R14, "cols.Width"), reg.RCX)
	i.jumpToWidth(ctx, "cols")
	i.tiles(ctx, "cols", func(w writer) {
		w.colsTile()
		w.VZEROUPPER()
		w.RET()
	})
}

var param = NewParamAddr("t", 0)

// A layout holds the offsets of the fields of the structs that the kernels take.
type layout map[string]int

func (l layout) at(base reg.Register, field string) Mem {
	offset, ok := l[field]
	if !ok {
		panic("no field " + field)
	}
	return Mem{Base: base, Disp: offset}
}

// args mirrors tile.Rows, Places, Cols, Dot and Spread; a test of package tile compares.
var args = layout{
	"rows.A": 0, "rows.B": 8, "rows.C": 16, "rows.Bias": 24, "rows.Places": 32, "rows.Runs": 40, "rows.COff": 48,
	"rows.Count": 56, "rows.CShift": 64, "rows.K": 72, "rows.Width": 80, "rows.Mask": 88, "rows.Lanes": 96, "rows.ReLU": 104,
	"places.M": 0, "places.Taps": 4, "places.Runs": 8, "places.COff": 12,

	"cols.A": 0, "cols.B": 8, "cols.C": 16, "cols.AStep": 24, "cols.BStep": 32, "cols.Len": 40, "cols.ARow": 48, "cols.BRow": 56,
	"cols.Rows": 64, "cols.AImage": 72, "cols.BImage": 80, "cols.Images": 88, "cols.CStep": 96, "cols.M": 104, "cols.Width": 112,
	"cols.Mask": 120, "cols.Lanes": 128, "cols.Add": 136,

	"dot.A": 0, "dot.B": 8, "dot.C": 16, "dot.AStep": 24, "dot.BStep": 32, "dot.CStep": 40, "dot.K": 48, "dot.M": 56, "dot.N": 64,
	"dot.Mask": 72, "dot.Lanes": 80,

	"spread.DY": 0, "spread.Window": 8, "spread.W": 16, "spread.Offsets": 24, "spread.Masks": 32, "spread.FilterMasks": 40,
	"spread.DYStep": 48, "spread.WindowStep": 56, "spread.FilterStep": 64, "spread.Places": 72, "spread.Filters": 80, "spread.Vectors": 88,
}

// vector returns the n-th vector register of the shape's width.
func (w writer) vector(n int) reg.Register {
	if w.lanes == 16 {
		return zmm[n]
	}
	return ymm[n]
}

func (w writer) acc(i, j int) reg.Register { return w.vector(i*w.vectors + j) }

// The registers behind the accumulators: the rows of b, what is broadcast, and
// with AVX2 the mask.
func (w writer) b(j int) reg.Register     { return w.vector(w.m*w.vectors + j) }
func (w writer) broadcast() reg.Register  { return w.vector(w.m*w.vectors + w.vectors) }
func (w writer) maskVector() reg.Register { return ymm[15] }

// mask loads the mask of the last vector's valid lanes.
func (w writer) mask(base reg.Register, of string) {
	if w.masks {
		w.KMOVW(args.at(base, of+".Mask"), reg.K1)
		return
	}
	w.MOVQ(args.at(base, of+".Lanes"), reg.RAX)
	w.VMOVUPS(Mem{Base: reg.RAX}, w.maskVector())
}

// load loads vector j of a row at m; the last one holds zeros where the mask
// says that nothing is valid.
func (w writer) load(m Mem, j int, to reg.Register) {
	m.Disp += j * w.lanes * 4
	switch {
	case j < w.vectors-1:
		w.VMOVUPS(m, to)
	case w.masks:
		w.VMOVUPS_Z(m, reg.K1, to)
	default:
		w.VMASKMOVPS(m, w.maskVector(), to)
	}
}

func (w writer) store(from reg.Register, j int, m Mem) {
	m.Disp += j * w.lanes * 4
	switch {
	case j < w.vectors-1:
		w.VMOVUPS(from, m)
	case w.masks:
		w.VMOVUPS(from, reg.K1, m)
	default:
		w.VMASKMOVPS(from, w.maskVector(), m)
	}
}

func (w writer) each(f func(i, j int)) {
	for i := range w.m {
		for j := range w.vectors {
			f(i, j)
		}
	}
}

func (w writer) clear() {
	w.each(func(i, j int) {
		if w.lanes == 16 {
			w.VPXORD(w.acc(i, j), w.acc(i, j), w.acc(i, j))
		} else if w.masks {
			w.VPXORD(w.acc(i, j), w.acc(i, j), w.acc(i, j))
		} else {
			w.VXORPS(w.acc(i, j), w.acc(i, j), w.acc(i, j))
		}
	})
}

// multiply adds the products of one k to the rows lo to hi: the row of b is
// loaded, a(i) is element i of a's column.
//
// A broadcast within the multiplication is the quickest where each is used once.
func (w writer) multiply(lo, hi int, a func(i int) Mem) {
	for i := lo; i < hi; i++ {
		if w.masks && w.vectors == 1 {
			w.VFMADD231PS_BCST(a(i), w.b(0), w.acc(i, 0))
			continue
		}
		w.VBROADCASTSS(a(i), w.broadcast())
		for j := range w.vectors {
			w.VFMADD231PS(w.b(j), w.broadcast(), w.acc(i, j))
		}
	}
}

// relu keeps what is greater than zero or NaN; all else, and −0, becomes +0.
func (w writer) relu() {
	const notLessEqualUnordered = 0x16
	zero := w.b(0)
	if w.masks {
		w.VPXORD(zero, zero, zero)
	} else {
		w.VXORPS(zero, zero, zero)
	}
	w.each(func(i, j int) {
		acc := w.acc(i, j)
		if w.masks {
			w.VCMPPS(U8(notLessEqualUnordered), zero, acc, reg.K2)
			w.VMOVAPS_Z(acc, reg.K2, acc)
		} else {
			w.VCMPPS(U8(notLessEqualUnordered), zero, acc, w.broadcast())
			w.VANDPS(w.broadcast(), acc, acc)
		}
	})
}

// rowRegisters hold the addresses of the rows of a; beside them are R14, which
// counts k from −K to 0, and R15, the place in b.
var rowRegisters = []reg.Register{
	reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13,
}

// What a rowsKernel keeps in memory, as all registers are taken: where the run of
// offset 0 ends, the panel of b, the place in the list of runs, how many taps are
// left, −K in bytes, where in c the offset 0 is, the place in the list of tiles,
// and how many tiles are left.
var (
	rowsEnd, rowsPanel, rowsRuns, rowsTaps   = NewStackAddr(0), NewStackAddr(8), NewStackAddr(16), NewStackAddr(24)
	rowsCount, rowsC, rowsPlaces, rowsOthers = NewStackAddr(32), NewStackAddr(40), NewStackAddr(48), NewStackAddr(56)
)

// rowsKernel writes the products of a list of tiles.
func rowsKernel(ctx *build.Context, i isa) {
	function(ctx, "rows"+i.suffix, 8)
	field := func(name string) Mem { return args.at(reg.R14, "rows."+name) }
	ctx.MOVQ(field("K"), reg.RAX)
	ctx.SHLQ(U8(2), reg.RAX)
	ctx.MOVQ(field("A"), reg.RBX)
	ctx.ADDQ(reg.RAX, reg.RBX)
	ctx.MOVQ(reg.RBX, rowsEnd)
	ctx.NEGQ(reg.RAX)
	ctx.MOVQ(reg.RAX, rowsCount)
	ctx.MOVQ(field("C"), reg.RAX)
	ctx.SUBQ(field("CShift"), reg.RAX)
	ctx.MOVQ(reg.RAX, rowsC)
	for _, copied := range []struct {
		field string
		to    Mem
	}{{"B", rowsPanel}, {"Places", rowsPlaces}, {"Count", rowsOthers}} {
		ctx.MOVQ(field(copied.field), reg.RAX)
		ctx.MOVQ(reg.RAX, copied.to)
	}
	writer{Context: ctx, isa: i, shape: i.shapes[0]}.mask(reg.R14, "rows")

	ctx.Label("rows_next")
	ctx.MOVQ(rowsPlaces, reg.RBX)
	ctx.ADDQ(U8(16), rowsPlaces)
	ctx.MOVLQZX(args.at(reg.RBX, "places.Taps"), reg.RAX)
	ctx.MOVQ(reg.RAX, rowsTaps)
	ctx.MOVLQSX(args.at(reg.RBX, "places.Runs"), reg.RAX)
	ctx.ADDQ(field("Runs"), reg.RAX)
	ctx.MOVQ(reg.RAX, rowsRuns)
	ctx.MOVLQZX(args.at(reg.RBX, "places.M"), reg.RAX)
	ctx.MOVQ(field("Width"), reg.RCX)
	ctx.MOVQ(field("Bias"), reg.RDX)
	i.jumpToWidth(ctx, "rows")
	i.tiles(ctx, "rows", func(w writer) {
		w.rowsTile()
		w.DECQ(rowsOthers)
		w.JNE(LabelRef("rows_next"))
		w.VZEROUPPER()
		w.RET()
	})
}

func (w writer) rowsTile() {
	field := func(name string) Mem { return args.at(reg.R14, "rows."+name) }
	w.TESTQ(reg.RDX, reg.RDX)
	w.JNE(LabelRef(w.name + "_bias"))
	w.clear()
	w.JMP(LabelRef(w.name + "_begin"))
	w.Label(w.name + "_bias")
	for j := range w.vectors {
		w.load(Mem{Base: reg.RDX}, j, w.acc(0, j))
	}
	w.each(func(i, j int) {
		if i > 0 {
			w.VMOVAPS(w.acc(0, j), w.acc(i, j))
		}
	})
	w.Label(w.name + "_begin")
	w.CMPQ(rowsTaps, U8(0))
	w.JEQ(LabelRef(w.name + "_end"))

	w.Label(w.name + "_tap")
	w.MOVQ(rowsRuns, reg.R14)
	for i := range w.m {
		w.MOVLQSX(Mem{Base: reg.R14, Disp: 4 * i}, rowRegisters[i])
		w.ADDQ(rowsEnd, rowRegisters[i])
	}
	w.MOVLQSX(Mem{Base: reg.R14, Disp: 4 * w.rows}, reg.R15)
	w.IMUL3Q(U32(4*w.width()), reg.R15, reg.R15)
	w.ADDQ(rowsPanel, reg.R15)
	w.ADDQ(U8(4*(w.rows+2)), rowsRuns)
	if w.m > 1 {
		w.MOVL(Mem{Base: reg.R14, Disp: 4 * (w.rows + 1)}, reg.R14L)
		w.CMPL(reg.R14L, U8(1))
		w.MOVQ(rowsCount, reg.R14)
		w.JLT(LabelRef(w.name + "_all"))
		w.JEQ(LabelRef(w.name + "_butFirst"))
		w.run("_butLast", 0, w.m-1)
		w.JMP(LabelRef(w.name + "_last"))
		w.run("_butFirst", 1, w.m)
		w.JMP(LabelRef(w.name + "_last"))
	} else {
		w.MOVQ(rowsCount, reg.R14)
	}
	w.run("_all", 0, w.m)
	w.Label(w.name + "_last")
	w.DECQ(rowsTaps)
	w.JNE(LabelRef(w.name + "_tap"))

	w.Label(w.name + "_end")
	w.MOVQ(param, reg.R14)
	w.CMPQ(field("ReLU"), U8(0))
	w.JEQ(LabelRef(w.name + "_store"))
	w.relu()
	w.Label(w.name + "_store")
	w.MOVQ(rowsC, reg.RCX)
	w.MOVQ(rowsPlaces, reg.RDX)
	w.MOVLQSX(Mem{Base: reg.RDX, Disp: args["places.COff"] - 16}, reg.RDX)
	w.ADDQ(field("COff"), reg.RDX)
	for i := range w.m {
		w.MOVLQSX(Mem{Base: reg.RDX, Disp: 4 * i}, reg.RBX)
		for j := range w.vectors {
			w.store(w.acc(i, j), j, Mem{Base: reg.RCX, Index: reg.RBX, Scale: 1})
		}
	}
}

// run adds the products of one tap for the rows lo to hi.
func (w writer) run(label string, lo, hi int) {
	w.Label(w.name + label)
	for j := range w.vectors {
		w.VMOVUPS(Mem{Base: reg.R15, Disp: j * w.lanes * 4}, w.b(j))
	}
	w.multiply(lo, hi, func(i int) Mem { return Mem{Base: rowRegisters[i], Index: reg.R14, Scale: 1} })
	w.ADDQ(U32(4*w.width()), reg.R15)
	w.ADDQ(U8(4), reg.R14)
	w.JNE(LabelRef(w.name + label))
}

func (w writer) colsTile() {
	field := func(name string) Mem { return args.at(reg.R14, "cols."+name) }
	a, b, aStep, bStep := reg.RSI, reg.RDI, reg.R8, reg.R9
	length, rows, images := reg.RCX, reg.RDX, reg.RBX

	w.mask(reg.R14, "cols")
	w.MOVQ(field("A"), a)
	w.MOVQ(field("B"), b)
	w.MOVQ(field("AStep"), aStep)
	w.MOVQ(field("BStep"), bStep)
	w.MOVQ(field("ARow"), reg.R10)
	w.MOVQ(field("BRow"), reg.R11)
	w.MOVQ(field("Images"), images)
	w.CMPQ(field("Add"), U8(0))
	w.JNE(LabelRef(w.name + "_add"))
	w.clear()
	w.JMP(LabelRef(w.name + "_image"))
	w.Label(w.name + "_add")
	w.MOVQ(field("C"), reg.RAX)
	for i := range w.m {
		for j := range w.vectors {
			w.load(Mem{Base: reg.RAX}, j, w.acc(i, j))
		}
		if i+1 < w.m {
			w.ADDQ(field("CStep"), reg.RAX)
		}
	}

	w.Label(w.name + "_image")
	w.MOVQ(field("Rows"), rows)
	w.Label(w.name + "_row")
	w.MOVQ(field("Len"), length)
	w.Label(w.name + "_k")
	for j := range w.vectors {
		w.load(Mem{Base: b}, j, w.b(j))
	}
	w.multiply(0, w.m, func(i int) Mem { return Mem{Base: a, Disp: 4 * i} })
	w.ADDQ(aStep, a)
	w.ADDQ(bStep, b)
	w.DECQ(length)
	w.JNE(LabelRef(w.name + "_k"))
	w.ADDQ(reg.R10, a)
	w.ADDQ(reg.R11, b)
	w.DECQ(rows)
	w.JNE(LabelRef(w.name + "_row"))
	w.ADDQ(field("AImage"), a)
	w.ADDQ(field("BImage"), b)
	w.DECQ(images)
	w.JNE(LabelRef(w.name + "_image"))

	w.MOVQ(field("C"), reg.RAX)
	for i := range w.m {
		for j := range w.vectors {
			w.store(w.acc(i, j), j, Mem{Base: reg.RAX})
		}
		if i+1 < w.m {
			w.ADDQ(field("CStep"), reg.RAX)
		}
	}
}

// dotKernel writes the products of rows with rows. A sum has sixteen parts, of
// the elements that are equal modulo 16, whatever the vectors' width.
func dotKernel(ctx *build.Context, i isa) {
	function(ctx, "dot"+i.suffix, 1)
	ctx.MOVQ(args.at(reg.R14, "dot.M"), reg.RAX)
	ctx.MOVQ(args.at(reg.R14, "dot.N"), reg.RCX)
	most, across := 4, 6
	if !i.masks {
		most, across = 2, 3
	}
	label := func(m, n int) string { return fmt.Sprintf("dot_%dx%d", m, n) }
	for m := most; m >= 1; m-- {
		if m > 1 {
			ctx.CMPQ(reg.RAX, U8(m))
			ctx.JNE(LabelRef(fmt.Sprintf("dot_not%d", m)))
		}
		for n := across; n >= 2; n-- {
			ctx.CMPQ(reg.RCX, U8(n))
			ctx.JEQ(LabelRef(label(m, n)))
		}
		ctx.JMP(LabelRef(label(m, 1)))
		if m > 1 {
			ctx.Label(fmt.Sprintf("dot_not%d", m))
		}
	}
	for m := most; m >= 1; m-- {
		for n := across; n >= 1; n-- {
			ctx.Label(label(m, n))
			dotTile(ctx, i, label(m, n), m, n)
			ctx.VZEROUPPER()
			ctx.RET()
		}
	}
}

func dotTile(ctx *build.Context, set isa, name string, m, n int) {
	field := func(name string) Mem { return args.at(reg.R14, "dot."+name) }
	parts := 1 // vectors that hold the sixteen parts of a sum
	vectors := zmm
	if !set.masks {
		parts, vectors = 2, ymm
	}
	acc := func(i, j, half int) reg.Register { return vectors[(i*n+j)*parts+half] }
	av := func(i int) reg.Register { return vectors[m*n*parts+i] }
	bv := vectors[m*n*parts+m]
	aRows, bRows := rowRegisters[:m], rowRegisters[m:m+n]

	last := NewStackAddr(0) // the last k at which sixteen elements begin
	ctx.MOVQ(field("K"), reg.RAX)
	ctx.SUBQ(U8(16), reg.RAX)
	ctx.MOVQ(reg.RAX, last)
	ctx.MOVQ(field("A"), aRows[0])
	for i := 1; i < m; i++ {
		ctx.MOVQ(aRows[i-1], aRows[i])
		ctx.ADDQ(field("AStep"), aRows[i])
	}
	ctx.MOVQ(field("B"), bRows[0])
	for j := 1; j < n; j++ {
		ctx.MOVQ(bRows[j-1], bRows[j])
		ctx.ADDQ(field("BStep"), bRows[j])
	}
	for r := range m * n * parts {
		if set.masks {
			ctx.VPXORD(vectors[r], vectors[r], vectors[r])
		} else {
			ctx.VXORPS(vectors[r], vectors[r], vectors[r])
		}
	}
	step := func(load func(Mem, int, reg.Register)) {
		for half := range parts {
			for i := range m {
				load(Mem{Base: aRows[i], Index: reg.R15, Scale: 4, Disp: 32 * half}, half, av(i))
			}
			for j := range n {
				load(Mem{Base: bRows[j], Index: reg.R15, Scale: 4, Disp: 32 * half}, half, bv)
				for i := range m {
					ctx.VFMADD231PS(bv, av(i), acc(i, j, half))
				}
			}
		}
	}
	ctx.XORQ(reg.R15, reg.R15)
	ctx.CMPQ(last, U8(0))
	ctx.JLT(LabelRef(name + "_tail"))
	ctx.Label(name + "_k")
	step(func(at Mem, _ int, to reg.Register) { ctx.VMOVUPS(at, to) })
	ctx.ADDQ(U8(16), reg.R15)
	ctx.CMPQ(reg.R15, last)
	ctx.JLE(LabelRef(name + "_k"))
	ctx.Label(name + "_tail")
	if set.masks {
		ctx.KMOVW(field("Mask"), reg.K1)
		ctx.KTESTW(reg.K1, reg.K1)
		ctx.JEQ(LabelRef(name + "_sum"))
		step(func(at Mem, _ int, to reg.Register) { ctx.VMOVUPS_Z(at, reg.K1, to) })
	} else {
		// The mask's two halves are loaded where they are used: no register is left.
		ctx.MOVQ(field("Lanes"), reg.R13)
		ctx.TESTQ(reg.R13, reg.R13)
		ctx.JEQ(LabelRef(name + "_sum"))
		mask := vectors[m*n*parts+m+1]
		step(func(at Mem, half int, to reg.Register) {
			ctx.VMOVUPS(Mem{Base: reg.R13, Disp: 32 * half}, mask)
			ctx.VMASKMOVPS(at, mask, to)
		})
	}
	ctx.Label(name + "_sum")
	ctx.MOVQ(field("C"), reg.RAX)
	if set.masks {
		dotSums512(ctx, m, n)
	} else {
		dotSums256(ctx, m, n)
	}
}

// dotSums256 adds up the two vectors of each sum and stores it at RAX.
func dotSums256(ctx *build.Context, m, n int) {
	for i := range m {
		for j := range n {
			at, spare := 2*(i*n+j), 2*m*n
			ctx.VADDPS(ymm[at+1], ymm[at], ymm[at])
			ctx.VEXTRACTF128(U8(1), ymm[at], xmm[spare])
			ctx.VADDPS(xmm[spare], xmm[at], xmm[at])
			ctx.VPERMILPS(U8(0x0e), xmm[at], xmm[spare])
			ctx.VADDPS(xmm[spare], xmm[at], xmm[at])
			ctx.VPERMILPS(U8(0x01), xmm[at], xmm[spare])
			ctx.VADDSS(xmm[spare], xmm[at], xmm[at])
			ctx.VMOVSS(xmm[at], Mem{Base: reg.RAX, Disp: 4 * j})
		}
		if i+1 < m {
			ctx.ADDQ(args.at(reg.R14, "dot.CStep"), reg.RAX)
		}
	}
}

// dotSums512 adds up four sums at a time, each by halves as dotSums256 does, and
// stores them at RAX.
func dotSums512(ctx *build.Context, m, n int) {
	a, b, spare := zmm[30], zmm[31], zmm[29]
	ctx.MOVL(U32(0x1111), reg.ECX) // the first lane of each quarter
	ctx.KMOVW(reg.ECX, reg.K2)
	row := 0
	for first := 0; first < m*n; first += 4 {
		of := func(i int) reg.Register { return zmm[min(first+i, m*n-1)] } // behind the last, once more
		halves := func(x, y, to reg.Register) {                            // sums of eight of x, sums of eight of y
			ctx.VSHUFF32X4(U8(0x44), y, x, to)
			ctx.VSHUFF32X4(U8(0xee), y, x, spare)
			ctx.VADDPS(spare, to, to)
		}
		halves(of(0), of(1), a)
		halves(of(2), of(3), b)
		ctx.VSHUFF32X4(U8(0x88), b, a, spare) // a quarter for each sum
		ctx.VSHUFF32X4(U8(0xdd), b, a, b)
		ctx.VADDPS(b, spare, a)
		ctx.VPERMILPS(U8(0x4e), a, b)
		ctx.VADDPS(b, a, a)
		ctx.VPERMILPS(U8(0xb1), a, b)
		ctx.VADDPS(b, a, a)
		ctx.VCOMPRESSPS_Z(a, reg.K2, a)
		for i := range min(4, m*n-first) {
			if r := (first + i) / n; r > row {
				ctx.ADDQ(args.at(reg.R14, "dot.CStep"), reg.RAX)
				row = r
			}
			to := Mem{Base: reg.RAX, Disp: 4 * ((first + i) % n)}
			switch j := (first + i) % n; {
			case i == 0 && j+4 <= n && first+4 <= m*n:
				ctx.VMOVUPS(xmm[30], to)
			case i > 0 && (first%n)+4 <= n && first+4 <= m*n: // stored with the first
			default:
				ctx.VEXTRACTPS(U8(i), xmm[30], to)
			}
		}
	}
}

// transposeKernel writes a function that turns rows of four times blocks
// elements into columns.
func transposeKernel(ctx *build.Context, rows int) {
	ctx.Function(fmt.Sprintf("transpose%d", rows))
	ctx.Attributes(build.NOSPLIT)
	ctx.SignatureExpr("func(dst, src *float32, dstStep, srcStep, blocks int)")
	dst, src, dstStep, srcStep, blocks := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RCX
	for i, r := range []reg.Register{dst, src, dstStep, srcStep, blocks} {
		ctx.MOVQ(NewParamAddr([]string{"dst", "src", "dstStep", "srcStep", "blocks"}[i], 8*i), r)
	}
	srcStep3, dstStep3 := reg.RAX, reg.RBX
	ctx.LEAQ(Mem{Base: srcStep, Index: srcStep, Scale: 2}, srcStep3)
	ctx.LEAQ(Mem{Base: dstStep, Index: dstStep, Scale: 2}, dstStep3)
	from := []Mem{{Base: src}, {Base: src, Index: srcStep, Scale: 1}, {Base: src, Index: srcStep, Scale: 2}, {Base: src, Index: srcStep3, Scale: 1}}
	to := []Mem{{Base: dst}, {Base: dst, Index: dstStep, Scale: 1}, {Base: dst, Index: dstStep, Scale: 2}, {Base: dst, Index: dstStep3, Scale: 1}}
	name := fmt.Sprintf("transpose%d_block", rows)
	ctx.Label(name)
	for i := range rows {
		ctx.VMOVUPS(from[i], xmm[i])
	}
	if rows == 4 {
		ctx.VUNPCKLPS(xmm[1], xmm[0], xmm[4]) // a0 b0 a1 b1
		ctx.VUNPCKHPS(xmm[1], xmm[0], xmm[5]) // a2 b2 a3 b3
		ctx.VUNPCKLPS(xmm[3], xmm[2], xmm[6]) // c0 d0 c1 d1
		ctx.VUNPCKHPS(xmm[3], xmm[2], xmm[7])
		for i, pair := range [][2]int{{4, 6}, {5, 7}} {
			ctx.VUNPCKLPD(xmm[pair[1]], xmm[pair[0]], xmm[8])
			ctx.VUNPCKHPD(xmm[pair[1]], xmm[pair[0]], xmm[9])
			ctx.VMOVUPS(xmm[8], to[2*i])
			ctx.VMOVUPS(xmm[9], to[2*i+1])
		}
	} else {
		ctx.VUNPCKLPS(xmm[1], xmm[0], xmm[4])
		ctx.VUNPCKHPS(xmm[1], xmm[0], xmm[5])
		for i := range 2 {
			ctx.VMOVLPS(xmm[4+i], to[2*i])
			ctx.VMOVHPS(xmm[4+i], to[2*i+1])
		}
	}
	ctx.ADDQ(U8(16), src)
	ctx.LEAQ(Mem{Base: dst, Index: dstStep, Scale: 4}, dst)
	ctx.DECQ(blocks)
	ctx.JNE(LabelRef(name))
	ctx.RET()
}
