package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is the number of float32 in a vector of AVX2.
const lanes = 8

// A vec writes the kernels of package vec, for vectors of so many float32.
type vec struct {
	*build.Context
	suffix string
	lanes  int
	name   string // of the function in hand, the prefix of its labels
	masks  Mem    // eight lanes of ones, then eight of zeros, of AVX2
	half   Mem    // one half
}

func newVec(ctx *build.Context, suffix string, lanes int) *vec {
	g := &vec{Context: ctx, suffix: suffix, lanes: lanes}
	if !g.avx512() {
		g.masks = g.table("masks", lanes, func(i int) Constant { return U32(0xffffffff) }, lanes)
	}
	g.half = g.table("half", 1, func(int) Constant { return F32(0.5) }, 0)
	return g
}

// avx512 reports whether masks are in K registers.
func (g *vec) avx512() bool { return g.suffix == "AVX512" }

// register returns a new one for a vector.
func (g *vec) register() reg.VecVirtual {
	if g.lanes > lanes {
		return g.ZMM()
	}
	return g.YMM()
}

// halved returns a new register for half a vector.
func (g *vec) halved() reg.VecVirtual {
	if g.lanes > lanes {
		return g.YMM()
	}
	return g.XMM()
}

// part returns as much of v, which is a vector or half of one, as narrower leaves of it.
func (g *vec) part(v reg.VecVirtual) reg.VecVirtual {
	if !g.avx512() || g.lanes > lanes {
		return v
	}
	if v.Size() == 64 {
		return v.AsY().(reg.VecVirtual)
	}
	return v.AsX().(reg.VecVirtual)
}

// narrower writes body for vectors half as long.
func (g *vec) narrower(body func()) {
	g.lanes /= 2
	body()
	g.lanes *= 2
}

// table lays down n words and so many zero words behind them.
func (g *vec) table(name string, n int, word func(i int) Constant, zeros int) Mem {
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		g.AddDatum(4*i, word(i))
	}
	for i := range zeros {
		g.AddDatum(4*(n+i), U32(0))
	}
	return m
}

// begin starts a function of that name, whose specification is the Go function.
func (g *vec) begin(name, signature string) {
	g.name = name
	g.Function(name + g.suffix)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr("func" + signature)
}

func (g *vec) end() {
	g.VZEROUPPER()
	g.RET()
}

func (g *vec) label(parts ...any) string { return g.name + "_" + fmt.Sprint(parts...) }

// imm is n as it is extended with its sign, which avo's Imm is not from 128 on.
func imm(n int) Constant {
	if n < 128 {
		return I8(n)
	}
	return I32(n)
}

func (g *vec) base(param string) reg.Register {
	return g.Load(g.Param(param).Base(), g.GP64())
}

func (g *vec) int(param string) reg.Register { return g.Load(g.Param(param), g.GP64()) }

func (g *vec) zero() reg.VecVirtual {
	v := g.register()
	g.VXORPS(v, v, v)
	return v
}

// everywhere returns a vector of a float32 parameter.
func (g *vec) everywhere(param string) reg.VecVirtual {
	v := g.register()
	at, err := g.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(at.Addr, v)
	return v
}

// A place is a vector of elements at index, if there is one, + disp bytes of any stream; those
// beyond the mask, where there is one, are not touched.
type place struct {
	*vec
	index reg.Register
	disp  int
	mask  reg.Register
}

func (p place) in(base reg.Register) Mem {
	if p.index == nil {
		return Mem{Base: base, Disp: p.disp}
	}
	return Mem{Base: base, Index: p.index, Scale: 1, Disp: p.disp}
}

// load returns the vector there, zero beyond the mask.
func (p place) load(base reg.Register) reg.VecVirtual {
	v := p.register()
	switch {
	case p.mask == nil:
		p.VMOVUPS(p.in(base), v)
	case p.avx512():
		p.VMOVUPS_Z(p.in(base), p.mask, v)
	default:
		p.VMASKMOVPS(p.in(base), p.mask, v)
	}
	return v
}

func (p place) store(v, base reg.Register) {
	switch {
	case p.mask == nil:
		p.VMOVUPS(v, p.in(base))
	case p.avx512():
		p.VMOVUPS(v, p.mask, p.in(base))
	default:
		p.VMASKMOVPS(v, p.mask, p.in(base))
	}
}

// each writes the loops over all elements of streams as long as param: several
// vectors at a time, then one, then what is left under a mask.
func (g *vec) each(param string, vectors int, body func(p place)) {
	n := g.Load(g.Param(param).Len(), g.GP64())
	index, mask := g.GP64(), g.mask()
	g.XORQ(index, index)
	g.whole(vectors, n, index, body)
	end := g.label("end")
	g.TESTQ(n, n)
	g.JE(LabelRef(end))
	g.maskFor(n, mask)
	body(place{g, index, 0, mask})
	g.Label(end)
}

// whole writes the loops over n elements from index on, some vectors at a time and then
// one, and leaves in n how many are left.
func (g *vec) whole(vectors int, n, index reg.Register, body func(p place)) {
	for _, k := range slices.Compact([]int{vectors, 1}) {
		loop, done := g.label("by", k), g.label("done", k)
		g.Label(loop)
		g.CMPQ(n, imm(k*g.lanes))
		g.JL(LabelRef(done))
		for i := range k {
			body(place{g, index, i * 4 * g.lanes, nil})
		}
		g.ADDQ(imm(k*4*g.lanes), index)
		g.SUBQ(imm(k*g.lanes), n)
		g.JMP(LabelRef(loop))
		g.Label(done)
	}
}

// mask returns a new register for a mask of lanes.
func (g *vec) mask() reg.Register {
	if g.avx512() {
		return g.K()
	}
	return g.YMM()
}

// maskFor sets the first n lanes of mask, and uses n up.
func (g *vec) maskFor(n, mask reg.Register) {
	first := g.GP64()
	if g.avx512() {
		g.MOVQ(I32(-1), first)
		g.BZHIQ(n, first, first)
		g.KMOVW(first.(reg.GPVirtual).As32(), mask)
		return
	}
	g.LEAQ(g.masks.Offset(4*lanes), first)
	g.SHLQ(Imm(2), n)
	g.SUBQ(n, first)
	g.VMOVUPS(Mem{Base: first}, mask)
}
