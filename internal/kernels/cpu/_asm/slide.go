package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// across writes the loops over the channels of a place, several vectors at a time,
// then one, then what is left under the mask. It uses up left.
func (g *vec) across(name string, vectors []int, index, left, mask reg.Register, body func(name string, k int, mask reg.Register)) {
	g.XORQ(index, index)
	for _, k := range vectors {
		loop, done := g.label(name, "by", k), g.label(name, "done", k)
		g.Label(loop)
		g.CMPQ(left, imm(k*lanes))
		g.JL(LabelRef(done))
		body(g.label(name, "sum", k), k, nil)
		g.ADDQ(imm(k*4*lanes), index)
		g.SUBQ(imm(k*lanes), left)
		g.JMP(LabelRef(loop))
		g.Label(done)
	}
	end := g.label(name, "end")
	g.TESTQ(left, left)
	g.JE(LabelRef(end))
	body(g.label(name, "sumRest"), 1, mask)
	g.Label(end)
}

// maskOf returns the mask of the channels that are left of so many.
func (g *vec) maskOf(channels reg.Register) reg.Register {
	rest, mask := g.GP64(), g.YMM()
	g.MOVQ(channels, rest)
	g.ANDQ(imm(lanes-1), rest)
	g.maskFor(rest, mask)
	return mask
}

// get returns vector i behind base.
func (g *vec) get(base reg.Register, i int, mask reg.Register) reg.VecVirtual {
	return place{vec: g, disp: i * 4 * lanes, mask: mask}.load(base)
}

func (g *vec) put(v reg.VecVirtual, m Mem, mask reg.Register) {
	if mask != nil {
		g.VMASKMOVPS(v, mask, m)
	} else {
		g.VMOVUPS(v, m)
	}
}

// slide takes four places at a time, so that a vector of w serves them all.
func (g *vec) slide() {
	g.begin("slide", "(y, x, w, start []float32, taps [][2]int32, places, yStep, xStep int)")
	y, x, places := g.base("y"), g.base("x"), g.int("places")
	yStep, xStep, xStep3 := g.int("yStep"), g.int("xStep"), g.GP64()
	g.SHLQ(Imm(2), yStep)
	g.SHLQ(Imm(2), xStep)
	g.LEAQ(Mem{Base: xStep, Index: xStep, Scale: 2}, xStep3)
	index, left := g.GP64(), g.GP64()
	g.Load(g.Param("start").Len(), left)
	mask := g.maskOf(left)
	for _, many := range []int{4, 1} {
		next, done := g.label("places", many), g.label("noPlaces", many)
		g.Label(next)
		g.CMPQ(places, imm(many))
		g.JL(LabelRef(done))
		g.Load(g.Param("start").Len(), left)
		g.across(g.label("of", many), []int{2, 1}, index, left, mask, func(name string, k int, mask reg.Register) {
			sums := g.slideTaps(name, many, k, x, index, xStep, xStep3, mask)
			to := g.GP64()
			g.LEAQ(Mem{Base: y, Index: index, Scale: 1}, to)
			for j := range many {
				if j > 0 {
					g.ADDQ(yStep, to)
				}
				for i := range k {
					g.put(sums[j*k+i], Mem{Base: to, Disp: i * 4 * lanes}, mask)
				}
			}
		})
		g.LEAQ(Mem{Base: x, Index: xStep, Scale: uint8(many)}, x)
		g.LEAQ(Mem{Base: y, Index: yStep, Scale: uint8(many)}, y)
		g.SUBQ(imm(many), places)
		g.JMP(LabelRef(next))
		g.Label(done)
	}
	g.end()
}

// slideTaps returns the sums over all taps of many places, k vectors of each.
func (g *vec) slideTaps(name string, many, k int, x, index, xStep, xStep3, mask reg.Register) []reg.VecVirtual {
	start := g.base("start")
	g.ADDQ(index, start)
	var sums []reg.VecVirtual
	for j := range many {
		for i := range k {
			if j == 0 {
				sums = append(sums, g.get(start, i, mask))
				continue
			}
			v := g.YMM()
			g.VMOVAPS(sums[i], v)
			sums = append(sums, v)
		}
	}
	w, err := g.Param("w").Base().Resolve()
	if err != nil {
		panic(err)
	}
	tap, left := g.base("taps"), g.Load(g.Param("taps").Len(), g.GP64())
	g.TESTQ(left, left)
	g.JE(LabelRef(name + "_none"))
	g.Label(name)
	from, by := g.GP64(), g.GP64()
	g.MOVLQSX(Mem{Base: tap}, from)
	g.LEAQ(Mem{Base: x, Index: from, Scale: 4}, from)
	g.ADDQ(index, from)
	g.MOVLQSX(Mem{Base: tap, Disp: 4}, by)
	g.SHLQ(Imm(2), by)
	g.ADDQ(index, by)
	g.ADDQ(w.Addr, by)
	var factors []reg.VecVirtual
	for i := range k {
		factors = append(factors, g.get(by, i, mask))
	}
	for j := range many {
		for i := range k {
			m := Mem{Base: from, Disp: i * 4 * lanes}
			switch j {
			case 1, 2:
				m.Index, m.Scale = xStep, uint8(j)
			case 3:
				m.Index, m.Scale = xStep3, 1
			}
			v := g.YMM()
			if mask != nil {
				g.VMASKMOVPS(m, mask, v)
				g.VMULPS(v, factors[i], v)
			} else {
				g.VMULPS(m, factors[i], v)
			}
			g.VADDPS(v, sums[j*k+i], sums[j*k+i])
		}
	}
	g.ADDQ(Imm(8), tap)
	g.DECQ(left)
	g.JNE(LabelRef(name))
	g.Label(name + "_none")
	return sums
}

// slideBack keeps the sums of four vectors of channels while it goes through the
// places of a stretch.
func (g *vec) slideBack() {
	g.begin("slideBack", "(w, x, y []float32, stretches [][4]int32, yStep, xStep, channels int)")
	yStep, xStep := g.int("yStep"), g.int("xStep")
	at, stretches := g.base("stretches"), g.Load(g.Param("stretches").Len(), g.GP64())
	g.SHLQ(Imm(2), yStep)
	g.SHLQ(Imm(2), xStep)
	index, left, x := g.GP64(), g.GP64(), g.GP64()
	g.Load(g.Param("channels"), left)
	mask := g.maskOf(left)
	next, done := g.label("stretch"), g.label("done")
	g.Label(next)
	g.DECQ(stretches)
	g.JL(LabelRef(done))
	g.Load(g.Param("channels"), left)
	g.wordAt(at, 0, "x", x)
	g.across("of", []int{4, 2, 1}, index, left, mask, func(name string, k int, mask reg.Register) {
		sums := make([]reg.VecVirtual, k)
		for i := range sums {
			sums[i] = g.zero()
		}
		from, by, places := g.GP64(), g.GP64(), g.GP64()
		g.wordAt(at, 2, "y", by)
		g.MOVLQSX(Mem{Base: at, Disp: 12}, places)
		g.LEAQ(Mem{Base: x, Index: index, Scale: 1}, from)
		g.ADDQ(index, by)
		g.Label(name)
		for i := range k {
			d := g.get(by, i, mask)
			if mask != nil {
				g.VMULPS(g.get(from, i, mask), d, d)
			} else {
				g.VMULPS(Mem{Base: from, Disp: i * 4 * lanes}, d, d)
			}
			g.VADDPS(d, sums[i], sums[i])
		}
		g.ADDQ(xStep, from)
		g.ADDQ(yStep, by)
		g.DECQ(places)
		g.JNE(LabelRef(name))
		to := g.GP64()
		g.wordAt(at, 1, "w", to)
		g.ADDQ(index, to)
		for i, sum := range sums {
			g.VADDPS(g.get(to, i, mask), sum, sum)
			g.put(sum, Mem{Base: to, Disp: i * 4 * lanes}, mask)
		}
	})
	g.ADDQ(Imm(16), at)
	g.JMP(LabelRef(next))
	g.Label(done)
	g.end()
}

// wordAt sets to to the address in param that a word names.
func (g *vec) wordAt(words reg.Register, word int, param string, to reg.Register) {
	base := g.base(param)
	g.MOVLQSX(Mem{Base: words, Disp: 4 * word}, to)
	g.LEAQ(Mem{Base: base, Index: to, Scale: 4}, to)
}
