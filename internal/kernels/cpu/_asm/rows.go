package main

import (
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	i.tiles(ctx, "rows", func(shape) int { return i.rows }, func(w writer) {
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
	w.storeTile(reg.R14, "rows", func(i int) Mem {
		w.MOVLQSX(Mem{Base: reg.RDX, Disp: 4 * i}, reg.RBX)
		return Mem{Base: reg.RCX, Index: reg.RBX, Scale: 1}
	})
}

// run adds the products of one tap for the rows lo to hi.
func (w writer) run(label string, lo, hi int) {
	label = w.name + label
	several, few, done := label+"_several", label+"_few", label+"_done"
	w.Label(label)
	w.CMPQ(reg.R14, I8(-4*unrolled))
	w.JG(LabelRef(few))
	w.round(several, lo, hi, unrolled)
	w.CMPQ(reg.R14, I8(-4*unrolled))
	w.JLE(LabelRef(several))
	w.TESTQ(reg.R14, reg.R14)
	w.JE(LabelRef(done))
	w.round(few, lo, hi, 1)
	w.JNE(LabelRef(few))
	w.Label(done)
}

// round adds those of some k, and goes on.
func (w writer) round(label string, lo, hi, steps int) {
	w.Label(label)
	for k := range steps {
		for j := range w.vectors {
			w.VMOVUPS(Mem{Base: reg.R15, Disp: (k*w.vectors + j) * w.lanes * 4}, w.b(j))
		}
		w.multiply(lo, hi, func(i int) Mem { return Mem{Base: rowRegisters[i], Index: reg.R14, Scale: 1, Disp: 4 * k} })
	}
	w.ADDQ(U32(4*w.width()*steps), reg.R15)
	w.ADDQ(U8(4*steps), reg.R14)
}
