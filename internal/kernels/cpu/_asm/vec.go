package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
