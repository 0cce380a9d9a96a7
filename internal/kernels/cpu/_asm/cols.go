package main

import (
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// colsKernel writes the product of one tile.
func colsKernel(ctx *build.Context, i isa) {
	function(ctx, "cols"+i.suffix, 0)
	ctx.MOVQ(args.at(reg.R14, "cols.M"), reg.RAX)
	ctx.MOVQ(args.at(reg.R14, "cols.Width"), reg.RCX)
	i.jumpToWidth(ctx, "cols")
	rows := func(s shape) int {
		if s.vectors == 1 {
			return i.slim
		}
		return i.rows
	}
	i.tiles(ctx, "cols", rows, func(w writer) {
		w.colsTile()
		w.VZEROUPPER()
		w.RET()
	})
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
	one := func() {
		for j := range w.vectors {
			w.load(Mem{Base: b}, j, w.b(j))
		}
		w.multiply(0, w.m, func(i int) Mem { return Mem{Base: a, Disp: 4 * i} })
		w.ADDQ(aStep, a)
		w.ADDQ(bStep, b)
	}
	w.SUBQ(U8(unrolled), length)
	w.JL(LabelRef(w.name + "_few"))
	w.Label(w.name + "_several")
	for range unrolled {
		one()
	}
	w.SUBQ(U8(unrolled), length)
	w.JGE(LabelRef(w.name + "_several"))
	w.Label(w.name + "_few")
	w.ADDQ(U8(unrolled), length)
	w.JE(LabelRef(w.name + "_next"))
	w.Label(w.name + "_k")
	one()
	w.DECQ(length)
	w.JNE(LabelRef(w.name + "_k"))
	w.Label(w.name + "_next")
	w.ADDQ(reg.R10, a)
	w.ADDQ(reg.R11, b)
	w.DECQ(rows)
	w.JNE(LabelRef(w.name + "_row"))
	w.ADDQ(field("AImage"), a)
	w.ADDQ(field("BImage"), b)
	w.DECQ(images)
	w.JNE(LabelRef(w.name + "_image"))

	w.MOVQ(field("C"), reg.RAX)
	w.storeTile(reg.R14, "cols", func(i int) Mem {
		if i > 0 {
			w.ADDQ(field("CStep"), reg.RAX)
		}
		return Mem{Base: reg.RAX}
	})
}
