package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mostVectors is the most vectors of a window that the kernel keeps in
// registers at a time.
const mostVectors = 12

// A sparse is the kernel that goes through the places of a line of gradients and
// leaves out those that are zero.
type sparse struct {
	*build.Context
	isa
	vectors int // of a window
	name    string
}

var (
	gradient, window         = reg.RSI, reg.RDI // of the place
	places, left, filters    = reg.RCX, reg.RDX, reg.RBX
	offsets, masks, nonZero  = reg.R8, reg.R9, reg.R10
	filter, filterStep, from = reg.R11, reg.R12, reg.R13
)

// spreadKernels writes
//
//	window += Σ_o dy[o]·w[o]    for each place
func spreadKernels(ctx *build.Context) {
	for _, i := range isas {
		function(ctx, "spread"+i.suffix, 0)
		ctx.MOVQ(args.at(reg.R14, "spread.Vectors"), reg.RAX)
		for v := mostVectors; v > 1; v-- {
			ctx.CMPQ(reg.RAX, U8(v))
			ctx.JEQ(LabelRef(fmt.Sprintf("spread_%d", v)))
		}
		for v := 1; v <= mostVectors; v++ {
			s := sparse{ctx, i, v, fmt.Sprintf("spread_%d", v)}
			ctx.Label(s.name)
			s.line()
			ctx.VZEROUPPER()
			ctx.RET()
		}
	}
}

// line goes through places and sums up the filters of those gradients of a place
// that are not zero.
func (s sparse) line() {
	field := func(name string) Mem { return args.at(reg.R14, "spread."+name) }
	for _, l := range []struct {
		field string
		to    reg.Register
	}{
		{"DY", gradient}, {"Window", window}, {"Places", places}, {"Offsets", offsets}, {"Masks", masks}, {"FilterStep", filterStep},
	} {
		s.MOVQ(field(l.field), l.to)
	}
	label := func(suffix string) LabelRef { return LabelRef(s.name + suffix) }
	lanes := s.lanes()
	s.Label(string(label("_place")))
	s.Comment("A place of zeros alone is passed over.")
	s.MOVQ(field("Filters"), filters)
	s.XORQ(from, from)
	s.clearZero()
	s.Label(string(label("_look")))
	s.zeros()
	s.TESTL(nonZero.As32(), nonZero.As32())
	s.JNE(label("_begin"))
	s.ADDQ(U8(lanes), from)
	s.SUBQ(U8(lanes), filters)
	s.JGT(label("_look"))
	s.JMP(label("_next"))

	s.Label(string(label("_begin")))
	s.clear()
	s.JMP(label("_each"))
	s.Label(string(label("_block")))
	s.zeros()
	s.TESTL(nonZero.As32(), nonZero.As32())
	s.JEQ(label("_blockEnd"))
	s.Label(string(label("_each")))
	s.TZCNTL(nonZero.As32(), left.As32())
	s.BLSRL(nonZero.As32(), nonZero.As32())
	s.ADDQ(from, left)
	s.VBROADCASTSS(Mem{Base: gradient, Index: left, Scale: 4}, s.factor())
	s.IMULQ(filterStep, left)
	s.MOVQ(field("W"), filter)
	s.ADDQ(left, filter)
	s.addFilter()
	s.TESTL(nonZero.As32(), nonZero.As32())
	s.JNE(label("_each"))
	s.Label(string(label("_blockEnd")))
	s.ADDQ(U8(lanes), from)
	s.SUBQ(U8(lanes), filters)
	s.JGT(label("_block"))
	s.addToWindow()

	s.Label(string(label("_next")))
	s.ADDQ(field("DYStep"), gradient)
	s.ADDQ(field("WindowStep"), window)
	s.DECQ(places)
	s.JNE(label("_place"))
}

func (s sparse) lanes() int {
	if s.masks {
		return 16
	}
	return 8
}

func (s sparse) register(n int) reg.Register {
	if s.masks {
		return zmm[n]
	}
	return ymm[n]
}

func (s sparse) vector(v int) reg.Register { return s.register(v) }
func (s sparse) factor() reg.Register      { return s.register(mostVectors) }
func (s sparse) spare() reg.Register       { return s.register(mostVectors + 1) }
func (s sparse) mask() reg.Register        { return s.register(mostVectors + 2) }

// clearZero makes a vector of zeros to compare with.
func (s sparse) clearZero() {
	zero := s.register(mostVectors + 3)
	if s.masks {
		s.VPXORD(zero, zero, zero)
	} else {
		s.VXORPS(zero, zero, zero)
	}
}

// zeros sets a bit for each gradient of a block, from place from on, that is not
// zero. Behind the last there are others that must not count.
func (s sparse) zeros() {
	const notEqualUnordered = 4
	zero := s.register(mostVectors + 3)
	at := Mem{Base: gradient, Index: from, Scale: 4}
	rest := args.at(reg.R14, "spread.FilterMasks")
	s.MOVQ(rest, left)
	if s.masks {
		// A word for each block.
		s.MOVQ(from, nonZero)
		s.SHRQ(U8(3), nonZero)
		s.KMOVW(Mem{Base: left, Index: nonZero, Scale: 1}, reg.K1)
		s.VMOVUPS_Z(at, reg.K1, s.spare())
		s.VCMPPS(U8(notEqualUnordered), zero, s.spare(), reg.K1)
		s.KMOVW(reg.K1, nonZero.As32())
		return
	}
	s.VMOVUPS(Mem{Base: left, Index: from, Scale: 4}, s.mask())
	s.VMASKMOVPS(at, s.mask(), s.spare())
	s.VCMPPS(U8(notEqualUnordered), zero, s.spare(), s.spare())
	s.VMOVMSKPS(s.spare(), nonZero.As32())
}

func (s sparse) clear() {
	for v := range s.vectors {
		if s.masks {
			s.VPXORD(s.vector(v), s.vector(v), s.vector(v))
		} else {
			s.VXORPS(s.vector(v), s.vector(v), s.vector(v))
		}
	}
}

func (s sparse) addFilter() {
	for v := range s.vectors {
		s.VFMADD231PS(Mem{Base: filter, Disp: 4 * s.lanes() * v}, s.factor(), s.vector(v))
	}
}

// windowAt returns the place of vector v of the window; its mask is then in K1 or
// in the mask register.
func (s sparse) windowAt(v int) Mem {
	s.MOVLQSX(Mem{Base: offsets, Disp: 4 * v}, left)
	if s.masks {
		s.KMOVW(Mem{Base: masks, Disp: 2 * v}, reg.K1)
	} else {
		s.VMOVUPS(Mem{Base: masks, Disp: 32 * v}, s.mask())
	}
	return Mem{Base: window, Index: left, Scale: 1}
}

func (s sparse) addToWindow() {
	for v := range s.vectors {
		at := s.windowAt(v)
		if s.masks {
			s.VMOVUPS_Z(at, reg.K1, s.spare())
			s.VADDPS(s.vector(v), s.spare(), s.spare())
			s.VMOVUPS(s.spare(), reg.K1, at)
		} else {
			s.VMASKMOVPS(at, s.mask(), s.spare())
			s.VADDPS(s.vector(v), s.spare(), s.spare())
			s.VMASKMOVPS(s.spare(), s.mask(), at)
		}
	}
}
