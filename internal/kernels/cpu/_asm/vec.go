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

// Predicates of VCMPPS.
const (
	unordered    = 0x03
	notLessEq    = 0x16 // not ≤, true for NaN
	greaterThan  = 0x1e // >, false for NaN
	notGreaterEq = 0x19 // not ≥, true for NaN
)

func vecKernels(ctx *build.Context) {
	g := newVec(ctx, "AVX2", lanes)
	g.finite()
	for _, nesterov := range []bool{false, true} {
		g.sgdFinite(nesterov)
		g.sgdUpdate(nesterov)
	}
	g.add()
	g.lines()
	g.relu()
	g.reluBack()
	g.bound()
	g.boundBack()
	g.acts()
	g.sumRows()
	g.affine()
	g.greater()
	g.greaterOf()
	g.maxPool(true)
	g.maxPool(false)
	g.maxPoolBack()
	g.norms()
	g.slide()
	g.slideBack()
	g.winograd()
}

// avx512Kernels are those that a network's training spends its time in, for AVX-512.
func avx512Kernels(ctx *build.Context) {
	g := newVec(ctx, "AVX512", 2*lanes)
	g.add()
	g.reluBack()
	g.norms()
	g.winograd()
}

func (g *vec) norms() {
	for _, bounded := range []bool{false, true} {
		g.norm(false, bounded)
		g.norm(true, bounded)
		g.normBack(bounded)
		g.products(bounded)
	}
	g.sums(false)
	g.sums(true)
}

func (g *vec) winograd() {
	g.winogradFilter()
	g.winogradInput()
	g.winogradOutput()
	g.winogradGradient()
	g.winogradFilterBack()
}

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

// collect gathers in bad the bits of v·0: those of NaN where v is NaN or
// infinite, else at most a sign. Beyond a mask v comes of zeros: that is finite
// unless a factor is not, and such a factor spoils every element as well.
func (p place) collect(v Op, zero, bad reg.Register) {
	t := p.YMM()
	p.VMULPS(v, zero, t)
	p.VORPS(t, bad, bad)
}

// verdict returns whether bad holds nothing but signs, and ends the function.
func (g *vec) verdict(bad reg.Register) {
	t, good := g.YMM(), g.GP8()
	g.VPADDD(bad, bad, t) // without the sign
	g.VPTEST(t, t)
	g.SETEQ(good)
	g.Store(good, g.ReturnIndex(0))
	g.end()
}

func (g *vec) finite() {
	g.begin("finite", "(x []float32) bool")
	x := g.base("x")
	zero, bad := g.zero(), [2]reg.VecVirtual{g.zero(), g.zero()}
	g.each("x", 8, func(p place) {
		from := Op(p.in(x))
		if p.mask != nil {
			from = p.load(x)
		}
		p.collect(from, zero, bad[p.disp/(4*lanes)%2])
	})
	g.VORPS(bad[0], bad[1], bad[0])
	g.verdict(bad[0])
}

// An sgd is the streams and the factors of an update.
type sgd struct {
	p, dp, v            reg.Register
	lr, momentum, decay reg.VecVirtual
	nesterov            bool
}

// beginSGD starts a function over those; name is with "sgd" or "nesterov".
func (g *vec) beginSGD(nesterov bool, name, result string) sgd {
	kind := "sgd"
	if nesterov {
		kind = "nesterov"
	}
	g.begin(kind+name, "(p, dp, v []float32, lr, momentum, decay float32)"+result)
	return sgd{
		g.base("p"), g.base("dp"), g.base("v"),
		g.everywhere("lr"), g.everywhere("momentum"), g.everywhere("decay"),
		nesterov,
	}
}

// next returns what the elements there become.
func (s sgd) next(a place) (p, v reg.VecVirtual) {
	p, v = a.load(s.p), a.load(s.v)
	d, step := a.YMM(), v
	a.VMULPS(p, s.decay, d)
	if a.mask != nil {
		a.VADDPS(a.load(s.dp), d, d)
	} else {
		a.VADDPS(a.in(s.dp), d, d)
	}
	a.VMULPS(v, s.momentum, v)
	a.VADDPS(d, v, v)
	if s.nesterov {
		step = a.YMM()
		a.VMULPS(v, s.momentum, step)
		a.VADDPS(step, d, step)
	}
	move := a.YMM()
	a.VMULPS(step, s.lr, move)
	a.VSUBPS(move, p, p)
	return p, v
}

func (g *vec) sgdFinite(nesterov bool) {
	s := g.beginSGD(nesterov, "Finite", " bool")
	zero, bad := g.zero(), g.zero()
	g.each("p", 2, func(a place) {
		p, _ := s.next(a)
		a.collect(p, zero, bad)
	})
	g.verdict(bad)
}

func (g *vec) sgdUpdate(nesterov bool) {
	s := g.beginSGD(nesterov, "Update", "")
	g.each("p", 2, func(a place) {
		p, v := s.next(a)
		a.store(p, s.p)
		a.store(v, s.v)
	})
	g.end()
}

func (g *vec) add() {
	g.begin("add", "(y, a, b []float32)")
	y, a, b := g.base("y"), g.base("a"), g.base("b")
	g.each("y", 4, func(p place) {
		v := p.load(a)
		p.VADDPS(p.load(b), v, v)
		p.store(v, y)
	})
	g.end()
}

// lines copies lines of two vectors.
func (g *vec) lines() {
	g.begin("lines", "(y, x []float32, step int)")
	y, x, step := g.base("y"), g.base("x"), g.int("step")
	left := g.Load(g.Param("y").Len(), g.GP64())
	g.SHLQ(Imm(2), step)
	next := g.label("next")
	g.Label(next)
	for half := range 2 {
		v := g.YMM()
		g.VMOVUPS(Mem{Base: x, Disp: 4 * lanes * half}, v)
		g.VMOVUPS(v, Mem{Base: y, Disp: 4 * lanes * half})
	}
	g.ADDQ(step, x)
	g.ADDQ(imm(8*lanes), y)
	g.SUBQ(imm(2*lanes), left)
	g.JNE(LabelRef(next))
	g.end()
}

func (g *vec) relu() {
	g.begin("relu", "(y, x []float32)")
	y, x, zero := g.base("y"), g.base("x"), g.zero()
	g.each("y", 4, func(p place) {
		v, keep := p.load(x), p.YMM()
		p.VCMPPS(Imm(notLessEq), zero, v, keep)
		p.VANDPS(v, keep, v)
		p.store(v, y)
	})
	g.end()
}

func (g *vec) reluBack() {
	g.begin("reluBack", "(dx, y, dy []float32)")
	dx, y, dy, zero := g.base("dx"), g.base("y"), g.base("dy"), g.zero()
	g.each("dx", 4, func(p place) {
		v := p.load(dy)
		p.keepIf(greaterThan, p.load(y), zero, v)
		p.store(v, dx)
	})
	g.end()
}

// bounded writes v in 0 … ceiling.
func (p place) bounded(v, zero, ceiling reg.VecVirtual) {
	p.keepIf(notLessEq, v, zero, v)
	p.VMINPS(v, ceiling, v) // v where either is NaN
}

// keepIf writes 0 over v where a does not compare to b so.
func (p place) keepIf(predicate int, a, b, v reg.VecVirtual) {
	if p.avx512() {
		keep := p.K()
		p.VCMPPS(U8(predicate), b, a, keep)
		p.VMOVAPS_Z(v, keep, v)
		return
	}
	keep := p.like(v)
	p.VCMPPS(U8(predicate), b, a, keep)
	p.VANDPS(v, keep, v)
}

// like returns a new register of v's size.
func (g *vec) like(v reg.VecVirtual) reg.VecVirtual {
	if v.Size() == 16 {
		return g.XMM()
	}
	return g.YMM()
}

// passes writes 0 over d where y is not in between 0 and the ceiling.
func (p place) passes(d, y, zero, ceiling reg.VecVirtual) {
	p.keepIf(greaterThan, y, zero, d)
	p.keepIf(notGreaterEq, y, ceiling, d)
}

func (g *vec) bound() {
	g.begin("bound", "(y, x []float32, ceiling float32)")
	y, x, zero, ceiling := g.base("y"), g.base("x"), g.zero(), g.everywhere("ceiling")
	g.each("y", 4, func(p place) {
		v := p.load(x)
		p.bounded(v, zero, ceiling)
		p.store(v, y)
	})
	g.end()
}

func (g *vec) boundBack() {
	g.begin("boundBack", "(dx, y, dy []float32, ceiling float32)")
	dx, y, dy, zero, ceiling := g.base("dx"), g.base("y"), g.base("dy"), g.zero(), g.everywhere("ceiling")
	g.each("dx", 4, func(p place) {
		v := p.load(dy)
		p.passes(v, p.load(y), zero, ceiling)
		p.store(v, dx)
	})
	g.end()
}

// sumRows keeps the sums of eight vectors of columns, then of fewer, then of what
// is left, in registers while it goes down the rows.
func (g *vec) sumRows() {
	g.begin("sumRows", "(y, x []float32, rows, stride int)")
	x, rows, stride := g.base("x"), g.int("rows"), g.int("stride")
	y := g.base("y")
	g.SHLQ(Imm(2), stride)
	column, mask := g.GP64(), g.YMM()
	n := g.Load(g.Param("y").Len(), g.GP64())
	g.XORQ(column, column)
	for _, k := range []int{8, 6, 4, 2, 1} {
		next, done := g.label("columns", k), g.label("done", k)
		g.Label(next)
		g.CMPQ(n, imm(k*lanes))
		g.JL(LabelRef(done))
		g.sumColumns(y, x, rows, stride, column, nil, k)
		g.ADDQ(imm(k*4*lanes), column)
		g.SUBQ(imm(k*lanes), n)
		g.JMP(LabelRef(next))
		g.Label(done)
	}
	end := g.label("end")
	g.TESTQ(n, n)
	g.JE(LabelRef(end))
	g.maskFor(n, mask)
	g.sumColumns(y, x, rows, stride, column, mask, 1)
	g.Label(end)
	g.end()
}

func (g *vec) sumColumns(y, x, rows, stride, column, mask reg.Register, vectors int) {
	at, left := g.GP64(), g.GP64()
	g.LEAQ(Mem{Base: x, Index: column, Scale: 1}, at)
	sums := make([]reg.VecVirtual, vectors)
	for i := range sums {
		sums[i] = g.rowPart(at, i, mask)
	}
	kind := fmt.Sprint(vectors)
	if mask != nil {
		kind = "Rest"
	}
	loop, done := g.label("rows", kind), g.label("summed", kind)
	g.MOVQ(rows, left)
	g.Label(loop)
	g.DECQ(left)
	g.JE(LabelRef(done))
	g.ADDQ(stride, at)
	for i, sum := range sums {
		if mask != nil {
			g.VADDPS(g.rowPart(at, i, mask), sum, sum)
		} else {
			g.VADDPS(Mem{Base: at, Disp: i * 4 * lanes}, sum, sum)
		}
	}
	g.JMP(LabelRef(loop))
	g.Label(done)
	for i, sum := range sums {
		place{g, column, i * 4 * lanes, mask}.store(sum, y)
	}
}

// rowPart loads vector i of those at that address.
func (g *vec) rowPart(at reg.Register, i int, mask reg.Register) reg.VecVirtual {
	v := g.YMM()
	m := Mem{Base: at, Disp: i * 4 * lanes}
	if mask != nil {
		g.VMASKMOVPS(m, mask, v)
	} else {
		g.VMOVUPS(m, v)
	}
	return v
}

// affine takes whole periods of 24 bytes only: the caller does the rest.
func (g *vec) affine() {
	g.begin("affine", "(y []float32, x []uint8, scale, shift *[24]float64)")
	y, x, n := g.base("y"), g.base("x"), g.Load(g.Param("y").Len(), g.GP64())
	scale, shift := g.int("scale"), g.int("shift")
	loop, done := g.label("loop"), g.label("done")
	g.Label(loop)
	g.SUBQ(Imm(24), n)
	g.JL(LabelRef(done))
	for i := 0; i < 24; i += 4 {
		v, f := g.XMM(), g.YMM()
		g.VPMOVZXBD(Mem{Base: x, Disp: i}, v)
		g.VCVTDQ2PD(v, f)
		g.VMULPD(Mem{Base: scale, Disp: 8 * i}, f, f)
		g.VADDPD(Mem{Base: shift, Disp: 8 * i}, f, f)
		g.VCVTPD2PSY(f, v)
		g.VMOVUPS(v, Mem{Base: y, Disp: 4 * i})
	}
	g.ADDQ(Imm(24), x)
	g.ADDQ(Imm(96), y)
	g.JMP(LabelRef(loop))
	g.Label(done)
	g.end()
}
