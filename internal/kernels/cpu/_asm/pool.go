package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// taken returns where v takes the place of best: it is not ≤ best, and best is
// not NaN.
func (g *vec) taken(best, v Op, width int) reg.VecVirtual {
	take, isNaN := g.vector(width), g.vector(width)
	g.VCMPPS(Imm(notLessEq), best, v, take)
	g.VCMPPS(Imm(unordered), best, best, isNaN)
	g.VANDNPS(take, isNaN, take)
	return take
}

// vector returns a register for so many lanes: eight, or the first alone.
func (g *vec) vector(width int) reg.VecVirtual {
	if width == 1 {
		return g.XMM()
	}
	return g.YMM()
}

func (g *vec) greater() {
	g.begin("greater", "(best, v []float32)")
	best, v := g.base("best"), g.base("v")
	g.each("best", 2, func(p place) {
		b, w := p.load(best), p.load(v)
		p.VBLENDVPS(p.taken(b, w, lanes), w, b, b)
		p.store(b, best)
	})
	g.end()
}

// greaterOf takes whole vectors only: the caller does the rest.
func (g *vec) greaterOf() {
	g.begin("greaterOf", "(best []float32, which []uint8, v []float32, tap uint8)")
	best, which, v, n := g.base("best"), g.base("which"), g.base("v"), g.Load(g.Param("best").Len(), g.GP64())
	word, tap := g.GP32(), g.XMM()
	g.Load(g.Param("tap"), word)
	g.VMOVD(word, tap)
	g.VPBROADCASTB(tap, tap)
	loop, done := g.label("loop"), g.label("done")
	g.Label(loop)
	g.SUBQ(Imm(lanes), n)
	g.JL(LabelRef(done))
	b, w, old := g.YMM(), g.YMM(), g.XMM()
	g.VMOVUPS(Mem{Base: best}, b)
	g.VMOVUPS(Mem{Base: v}, w)
	take := g.taken(b, w, lanes)
	g.VBLENDVPS(take, w, b, b)
	g.VMOVUPS(b, Mem{Base: best})
	g.VMOVQ(Mem{Base: which}, old)
	g.VPBLENDVB(g.bytes(take, true), tap, old, old)
	g.VMOVQ(old, Mem{Base: which})
	g.ADDQ(Imm(4*lanes), best)
	g.ADDQ(Imm(4*lanes), v)
	g.ADDQ(Imm(lanes), which)
	g.JMP(LabelRef(loop))
	g.Label(done)
	g.end()
}

// bytes returns the eight 32-bit numbers of v as bytes.
func (g *vec) bytes(v reg.VecVirtual, signed bool) reg.VecVirtual {
	packed, high := g.XMM(), g.XMM()
	g.VEXTRACTI128(Imm(1), v, high)
	g.VPACKSSDW(high, v.AsX(), packed)
	if signed {
		g.VPACKSSWB(packed, packed, packed)
	} else {
		g.VPACKUSWB(packed, packed, packed)
	}
	return packed
}

// A pixels writes the loops over lines × cols pixels of some channels. A pixel of
// eight channels or more is done in vectors, of which the last lies back over
// the one before it. One of fewer channels is done in a vector that reaches into
// the next pixels, whose values come later; where no eight elements are left,
// it is done one by one. block does so many lanes where the pointers stand.
type pixels struct {
	*vec
	cols, channels reg.Register
	left           reg.Register   // elements from the pixel on to the end
	wide           []reg.Register // pointers to 4 bytes an element
	narrow         []reg.Register // pointers to 1 byte an element
	block          func(width int)
}

// line writes the loop over one line.
func (l pixels) line(name string) {
	pixel, done := l.label(name, "Pixel"), l.label(name, "Done")
	vectors, near, single := l.label(name, "Vectors"), l.label(name, "Near"), l.label(name, "Single")
	q, c, step := l.GP64(), l.GP64(), l.GP64()
	l.MOVQ(l.cols, q)
	l.Label(pixel)
	l.MOVQ(l.channels, c)
	l.CMPQ(l.left, imm(lanes))
	l.JL(LabelRef(single))

	l.Label(vectors)
	l.block(lanes)
	l.LEAQ(Mem{Base: c, Disp: -lanes}, step) // to the next vector: this far, or eight
	l.CMPQ(c, imm(2*lanes))
	l.JLE(LabelRef(near))
	l.MOVQ(U32(lanes), step)
	l.Label(near)
	l.TESTQ(step, step)
	l.CMOVQLE(c, step) // to the next pixel
	l.advance(step)
	l.SUBQ(step, c)
	l.JNE(LabelRef(vectors))
	l.JMP(LabelRef(done))

	l.Label(single)
	l.block(1)
	l.MOVQ(U32(1), step)
	l.advance(step)
	l.DECQ(c)
	l.JNE(LabelRef(single))

	l.Label(done)
	l.SUBQ(l.channels, l.left)
	for _, p := range l.wide[1:] {
		l.LEAQ(Mem{Base: p, Index: l.channels, Scale: 4}, p) // the taps to the right
	}
	l.DECQ(q)
	l.JNE(LabelRef(pixel))
}

// advance moves the pointers by step elements.
func (l pixels) advance(step reg.Register) {
	for _, p := range l.wide {
		l.LEAQ(Mem{Base: p, Index: step, Scale: 4}, p)
	}
	for _, p := range l.narrow {
		l.ADDQ(step, p)
	}
}

// beginPool starts a function over lines of cols windows of 2×2 each.
func (g *vec) beginPool(name, signature, pooled string) (lines reg.Register, p pixels) {
	g.begin(name, signature)
	return g.int("lines"), pixels{
		vec: g, cols: g.int("cols"), channels: g.int("channels"),
		left: g.Load(g.Param(pooled).Len(), g.GP64()),
	}
}

// lineBytes returns the bytes of a line of x.
func (l pixels) lineBytes() reg.Register {
	bytes := l.int("width")
	l.IMULQ(l.channels, bytes)
	l.SHLQ(Imm(2), bytes)
	return bytes
}

// side returns how many bytes a tap lies behind the one to its left.
func (l pixels) side() reg.Register {
	bytes := l.GP64()
	l.MOVQ(l.channels, bytes)
	l.SHLQ(Imm(2), bytes)
	return bytes
}

func (g *vec) maxPool(withArg bool) {
	name, signature := "maxPool2", "(y []float32, x []float32, lines, width, cols, channels int)"
	if withArg {
		name, signature = "maxPool2Arg", "(y []float32, arg []uint8, x []float32, lines, width, cols, channels int)"
	}
	lines, l := g.beginPool(name, signature, "y")
	y, x, row, side, below := g.base("y"), g.base("x"), l.lineBytes(), l.side(), g.GP64()
	l.wide = []reg.Register{y, x}
	var arg reg.Register
	if withArg {
		arg = g.base("arg")
		l.narrow = []reg.Register{arg}
	}
	// From line to line x moves over the rest of this one and the one below.
	skip := g.GP64()
	g.MOVQ(l.cols, skip)
	g.NEGQ(skip)
	g.IMULQ(side, skip)
	g.ADDQ(row, skip)
	g.ADDQ(skip, skip)
	l.block = func(width int) {
		g.LEAQ(Mem{Base: x, Index: row, Scale: 1}, below)
		g.greatestOf4(width, y, arg, [4]Mem{
			{Base: x}, {Base: x, Index: side, Scale: 1},
			{Base: below}, {Base: below, Index: side, Scale: 1},
		})
	}
	next := g.label("line")
	g.Label(next)
	l.line("")
	g.ADDQ(skip, x)
	g.DECQ(lines)
	g.JNE(LabelRef(next))
	g.end()
}

// greatestOf4 stores the greatest of the taps, and which it is where arg is not
// nil. It compares the greater of the upper two with the greater of the lower.
func (g *vec) greatestOf4(width int, y, arg reg.Register, taps [4]Mem) {
	var v [4]reg.VecVirtual
	for t := range v {
		v[t] = g.vector(width)
		if width == 1 {
			g.VMOVSS(taps[t], v[t])
		} else {
			g.VMOVUPS(taps[t], v[t])
		}
	}
	right := g.taken(v[0], v[1], width)
	g.VBLENDVPS(right, v[1], v[0], v[0])
	rightBelow := g.taken(v[2], v[3], width)
	g.VBLENDVPS(rightBelow, v[3], v[2], v[2])
	below := g.taken(v[0], v[2], width)
	g.VBLENDVPS(below, v[2], v[0], v[0])
	if width == 1 {
		g.VMOVSS(v[0], Mem{Base: y})
	} else {
		g.VMOVUPS(v[0], Mem{Base: y})
	}
	if arg == nil {
		return
	}
	// Masks are −1: −below·2 − (below ? rightBelow : right) is the tap.
	which := g.vector(width)
	g.VBLENDVPS(below, rightBelow, right, which)
	g.VPADDD(below, below, below)
	g.VPADDD(below, which, which)
	g.VPABSD(which, which)
	if width == 1 {
		tap := g.GP32()
		g.VMOVD(which, tap)
		g.MOVB(tap.As8(), Mem{Base: arg})
		return
	}
	g.VMOVQ(g.bytes(which, false), Mem{Base: arg})
}

// maxPoolBack goes over each line of dy twice, for the upper and the lower taps,
// so that dx is written in the order in which it lies.
func (g *vec) maxPoolBack() {
	lines, l := g.beginPool("maxPool2Back", "(dx []float32, arg []uint8, dy []float32, lines, width, cols, channels int)", "dy")
	dx, dy, arg, side := g.base("dx"), g.base("dy"), g.base("arg"), l.side()
	l.wide, l.narrow = []reg.Register{dy, dx}, []reg.Register{arg}
	gap, zero := g.int("width"), g.zero()
	g.SUBQ(l.cols, gap)
	g.SUBQ(l.cols, gap)
	g.IMULQ(l.channels, gap) // elements of a line that no window covers
	line := g.GP64()
	g.MOVQ(l.cols, line)
	g.IMULQ(l.channels, line) // elements of a line of dy
	var taps [4]Mem
	for t := range taps {
		taps[t] = g.table([]string{"tap0", "tap1", "tap2", "tap3"}[t], lanes, func(int) Constant { return U32(t) }, 0)
	}
	next := g.label("line")
	g.Label(next)
	for half, name := range []string{"upper", "lower"} {
		l.block = func(width int) { g.spread2(width, dx, dy, arg, side, taps[2*half:]) }
		l.line(name)
		g.clearGap(name, dx, gap, zero)
		if half == 0 { // once more over the same line
			g.SUBQ(line, arg)
			g.ADDQ(line, l.left)
			back := g.GP64()
			g.MOVQ(line, back)
			g.SHLQ(Imm(2), back)
			g.SUBQ(back, dy)
		}
	}
	g.DECQ(lines)
	g.JNE(LabelRef(next))
	g.end()
}

// spread2 writes dy to that one of two taps side by side that arg names, and 0
// to the other.
func (g *vec) spread2(width int, dx, dy, arg, side reg.Register, taps []Mem) {
	v, which := g.vector(width), g.vector(width)
	if width == 1 {
		tap := g.GP32()
		g.MOVBLZX(Mem{Base: arg}, tap)
		g.VMOVD(tap, which)
		g.VMOVSS(Mem{Base: dy}, v)
	} else {
		g.VPMOVZXBD(Mem{Base: arg}, which)
		g.VMOVUPS(Mem{Base: dy}, v)
	}
	for t, to := range []Mem{{Base: dx}, {Base: dx, Index: side, Scale: 1}} {
		d := g.vector(width)
		g.VPCMPEQD(taps[t], which, d)
		g.VANDPS(v, d, d)
		if width == 1 {
			g.VMOVSS(d, to)
		} else {
			g.VMOVUPS(d, to)
		}
	}
}

// clearGap writes gap zeros to dx and moves it behind them.
func (g *vec) clearGap(name string, dx, gap reg.Register, zero reg.VecVirtual) {
	loop, done := g.label(name, "Gap"), g.label(name, "Cleared")
	left := g.GP64()
	g.MOVQ(gap, left)
	g.TESTQ(left, left)
	g.JE(LabelRef(done))
	g.Label(loop)
	g.VMOVSS(zero.AsX(), Mem{Base: dx})
	g.ADDQ(Imm(4), dx)
	g.DECQ(left)
	g.JNE(LabelRef(loop))
	g.Label(done)
}
