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
	slim   int     // rows of the largest tile of cols that is one vector wide
	shapes []shape // widest first
	masks  bool    // AVX-512: masks are in K registers and 32 vectors exist
}

// unrolled are the steps of a sum that a round of its loop takes.
const unrolled = 4

// A shape is a width of tiles: so many vectors of so many lanes.
type shape struct{ vectors, lanes int }

func (s shape) width() int { return s.vectors * s.lanes }

var isas = []isa{
	{suffix: "AVX512", rows: 12, slim: 16, shapes: []shape{{2, 16}, {1, 16}, {1, 8}}, masks: true},
	{suffix: "AVX2", rows: 6, slim: 6, shapes: []shape{{2, 8}, {1, 8}}},
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

// tiles calls tile for each width and up to so many rows of it and, at the label of that
// name and width, jumps to the tile of as many rows as RAX says.
func (i isa) tiles(ctx *build.Context, name string, rows func(shape) int, tile func(writer)) {
	for _, s := range i.shapes {
		label := func(m int) string { return fmt.Sprintf("%s_%dx%d", name, m, s.width()) }
		ctx.Label(fmt.Sprintf("%s_%d", name, s.width()))
		for m := rows(s); m > 1; m-- {
			ctx.CMPQ(reg.RAX, U8(m))
			ctx.JEQ(LabelRef(label(m)))
		}
		for m := 1; m <= rows(s); m++ {
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

// args mirrors tile.Rows, Places, Cols, Dot and Spread, and for one tile of Rows the
// oneTile of NEON; tests of package tile compare.
var args = layout{
	"rows.A": 0, "rows.B": 8, "rows.C": 16, "rows.Bias": 24, "rows.Places": 32, "rows.Runs": 40, "rows.COff": 48,
	"rows.Count": 56, "rows.CShift": 64, "rows.K": 72, "rows.Width": 80, "rows.Mask": 88, "rows.Lanes": 96, "rows.ReLU": 104,
	"places.M": 0, "places.Taps": 4, "places.Runs": 8, "places.COff": 12,
	"one.A": 0, "one.B": 8, "one.C": 16, "one.Bias": 24, "one.Runs": 32, "one.COff": 40, "one.Taps": 48, "one.K": 56,
	"one.M": 64, "one.N": 72, "one.ReLU": 80,

	"cols.A": 0, "cols.B": 8, "cols.C": 16, "cols.AStep": 24, "cols.BStep": 32, "cols.Len": 40, "cols.ARow": 48, "cols.BRow": 56,
	"cols.Rows": 64, "cols.AImage": 72, "cols.BImage": 80, "cols.Images": 88, "cols.CStep": 96, "cols.M": 104, "cols.Width": 112,
	"cols.Mask": 120, "cols.Lanes": 128, "cols.Add": 136, "cols.N": 144,

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
func (w writer) b(j int) reg.Register { return w.vector(w.m*w.vectors + j) }

func (w writer) broadcast() reg.Register { return w.vector(w.m*w.vectors + w.vectors) }

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

// storeTile stores the accumulators, row i to where row says. The mask is that of
// load. A masked store of AVX2 takes a dozen cycles on some processors, so a last
// vector that is all valid is stored as the others are.
func (w writer) storeTile(base reg.Register, of string, row func(i int) Mem) {
	stored := w.name + "_stored"
	rows := func(last func(from reg.Register, m Mem)) {
		for i := range w.m {
			m := row(i)
			for j := range w.vectors {
				if at, acc := m.Offset(j*w.lanes*4), w.acc(i, j); j < w.vectors-1 {
					w.VMOVUPS(acc, at)
				} else {
					last(acc, at)
				}
			}
		}
	}
	if w.masks {
		rows(func(from reg.Register, m Mem) { w.VMOVUPS(from, reg.K1, m) })
		return
	}
	w.CMPQ(args.at(base, of+".Mask"), U32(1<<w.lanes-1))
	w.JNE(LabelRef(w.name + "_partly"))
	rows(func(from reg.Register, m Mem) { w.VMOVUPS(from, m) })
	w.JMP(LabelRef(stored))
	w.Label(w.name + "_partly")
	rows(func(from reg.Register, m Mem) { w.VMASKMOVPS(from, w.maskVector(), m) })
	w.Label(stored)
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
