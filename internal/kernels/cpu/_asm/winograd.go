package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planes are the addresses of a transform's sixteen planes, four at a time: at is
// that of the first of a row, to which a fourfold step is added to get to the next.
type planes struct {
	*vec
	at, step, step3 reg.Register
}

// planes returns those whose first begins at base.
func (g *vec) planesOf(base, step reg.Register) planes {
	p := planes{g, g.GP64(), step, g.GP64()}
	g.LEAQ(Mem{Base: step, Index: step, Scale: 2}, p.step3)
	g.MOVQ(base, p.at)
	return p
}

// plane returns where plane j of the row is.
func (p planes) plane(j int) Mem {
	switch j {
	case 1, 2:
		return Mem{Base: p.at, Index: p.step, Scale: uint8(j)}
	case 3:
		return Mem{Base: p.at, Index: p.step3, Scale: 1}
	}
	return Mem{Base: p.at}
}

// nextRow goes on to the next four.
func (p planes) nextRow() { p.LEAQ(Mem{Base: p.at, Index: p.step, Scale: 4}, p.at) }

// sum and difference return a new vector, of which b may be in memory.
func (g *vec) sum(a reg.VecVirtual, b Op) reg.VecVirtual {
	v := g.register()
	g.VADDPS(b, a, v)
	return v
}

func (g *vec) difference(a reg.VecVirtual, b Op) reg.VecVirtual {
	v := g.register()
	g.VSUBPS(b, a, v)
	return v
}

func (g *vec) vectorAt(m Mem) reg.VecVirtual {
	v := g.register()
	g.VMOVUPS(m, v)
	return v
}

// bytesOf returns an integer parameter of elements in bytes.
func (g *vec) bytesOf(param string) reg.Register {
	n := g.int(param)
	g.SHLQ(Imm(2), n)
	return n
}

// vectors writes a loop over bytes, a vector's at a time, that uses n up. The last
// eight lanes of them are alone where vectors are longer.
func (g *vec) vectors(name string, n reg.Register, body func(bytes Constant)) {
	g.Label(name)
	if g.lanes == lanes {
		body(imm(4 * lanes))
		g.SUBQ(imm(4*lanes), n)
		g.JNE(LabelRef(name))
		return
	}
	g.SUBQ(imm(4*g.lanes), n)
	g.JL(LabelRef(name + "_half"))
	body(imm(4 * g.lanes))
	g.JMP(LabelRef(name))
	g.Label(name + "_half")
	g.ADDQ(imm(4*g.lanes), n)
	g.JE(LabelRef(name + "_done"))
	g.narrower(func() { body(imm(4 * lanes)) })
	g.Label(name + "_done")
}

// winogradFilter keeps a tap's address and steps from tap to tap.
func (g *vec) winogradFilter() {
	g.begin("winogradFilter", "(u, w []float32, step, first, next, n int)")
	u, w, n := g.base("u"), g.base("w"), g.bytesOf("n")
	step, next := g.bytesOf("step"), g.bytesOf("next")
	g.ADDQ(g.bytesOf("first"), w)
	next3, row := g.GP64(), g.GP64()
	g.LEAQ(Mem{Base: next, Index: next, Scale: 2}, next3)
	half := g.register()
	g.VBROADCASTSS(g.half, half)
	columns := func(a, b, c reg.VecVirtual) [4]reg.VecVirtual {
		outer := g.sum(a, c)
		plus, minus := g.sum(outer, b), g.difference(outer, b)
		g.VMULPS(g.part(half), plus, plus)
		g.VMULPS(g.part(half), minus, minus)
		return [4]reg.VecVirtual{a, plus, minus, c}
	}
	g.vectors(g.label("by"), n, func(bytes Constant) {
		// Row r of the filter begins at w + 3·r·next.
		tap := func(s int) Mem {
			if s == 0 {
				return Mem{Base: row}
			}
			return Mem{Base: row, Index: next, Scale: uint8(s)}
		}
		rows := func(i int) (t [3]reg.VecVirtual) {
			var first, last [3]reg.VecVirtual
			g.MOVQ(w, row)
			if i == 3 {
				g.LEAQ(Mem{Base: w, Index: next3, Scale: 2}, row)
			}
			for s := range t {
				first[s] = g.vectorAt(tap(s))
			}
			if i == 0 || i == 3 {
				return first
			}
			g.LEAQ(Mem{Base: w, Index: next3, Scale: 2}, row)
			for s := range t {
				last[s] = g.sum(first[s], tap(s))
			}
			g.LEAQ(Mem{Base: w, Index: next3, Scale: 1}, row)
			for s := range t {
				if i == 1 {
					t[s] = g.sum(last[s], tap(s))
				} else {
					t[s] = g.difference(last[s], tap(s))
				}
				g.VMULPS(g.part(half), t[s], t[s])
			}
			return t
		}
		p := g.planesOf(u, step)
		for i := range 4 {
			t := rows(i)
			for j, v := range columns(t[0], t[1], t[2]) {
				g.VMOVUPS(v, p.plane(j))
			}
			if i < 3 {
				p.nextRow()
			}
		}
		g.ADDQ(bytes, u)
		g.ADDQ(bytes, w)
	})
	g.end()
}

// winogradInput takes a row of the transform at a time, from two rows of the patch.
func (g *vec) winogradInput() {
	g.begin("winogradInput", "(v, x0, x1, x2, x3 []float32, step, next, patches, n int)")
	v, patches, step := g.base("v"), g.int("patches"), g.bytesOf("step")
	x := [4]reg.Register{g.base("x0"), g.base("x1"), g.base("x2"), g.base("x3")}
	place, place3, left := g.bytesOf("next"), g.GP64(), g.GP64()
	g.LEAQ(Mem{Base: place, Index: place, Scale: 2}, place3)
	p := g.planesOf(v, step)
	g.Label(g.label("patch"))
	g.Load(g.Param("n"), left)
	g.SHLQ(Imm(2), left)
	g.vectors(g.label("by"), left, func(bytes Constant) {
		column := func(r, s int) Mem {
			switch s {
			case 1, 2:
				return Mem{Base: x[r], Index: place, Scale: uint8(s)}
			case 3:
				return Mem{Base: x[r], Index: place3, Scale: 1}
			}
			return Mem{Base: x[r]}
		}
		g.MOVQ(v, p.at)
		for i, from := range [4]struct{ a, b int }{{0, 2}, {1, 2}, {2, 1}, {1, 3}} {
			var t [4]reg.VecVirtual
			for s := range t {
				t[s] = g.vectorAt(column(from.a, s))
				if i == 1 {
					g.VADDPS(column(from.b, s), t[s], t[s])
				} else {
					g.VSUBPS(column(from.b, s), t[s], t[s])
				}
			}
			g.VMOVUPS(g.difference(t[0], t[2]), p.plane(0))
			g.VMOVUPS(g.sum(t[1], t[2]), p.plane(1))
			g.VMOVUPS(g.difference(t[2], t[1]), p.plane(2))
			g.VMOVUPS(g.difference(t[1], t[3]), p.plane(3))
			if i < 3 {
				p.nextRow()
			}
		}
		g.ADDQ(bytes, v)
		for _, row := range x {
			g.ADDQ(bytes, row)
		}
	})
	g.twoPlaces(place, left, x[:]...)
	g.DECQ(patches)
	g.JNE(LabelRef(g.label("patch")))
	g.end()
}

// winogradOutput takes a column of m at a time.
func (g *vec) winogradOutput() {
	g.begin("winogradOutput", "(y0, y1, m, bias []float32, step, stride, next, patches, n int)")
	patches, step, next := g.int("patches"), g.bytesOf("step"), g.bytesOf("next")
	m, y0, y1 := g.base("m"), g.base("y0"), g.base("y1")
	left, index, row, bias := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	step4 := g.GP64()
	g.MOVQ(step, step4)
	g.SHLQ(Imm(2), step4)
	g.Label(g.label("patch"))
	g.Load(g.Param("n"), left)
	g.SHLQ(Imm(2), left)
	g.XORQ(index, index)
	g.Load(g.Param("bias").Base(), bias)
	g.vectors(g.label("by"), left, func(bytes Constant) {
		// Row i of m begins at row + i·step4; its column j a step after the one before.
		var upper, lower [4]reg.VecVirtual
		g.LEAQ(Mem{Base: m, Index: index, Scale: 1}, row)
		third := g.GP64()
		for j := range 4 {
			g.LEAQ(Mem{Base: row, Index: step4, Scale: 2}, third)
			b, c := g.vectorAt(Mem{Base: row, Index: step4, Scale: 1}), g.vectorAt(Mem{Base: third})
			upper[j] = g.sum(g.sum(b, Mem{Base: row}), c)
			lower[j] = g.difference(g.difference(b, c), Mem{Base: third, Index: step4, Scale: 1})
			if j < 3 {
				g.ADDQ(step, row)
			}
		}
		add := g.vectorAt(Mem{Base: bias, Index: index, Scale: 1})
		for _, out := range []struct {
			y reg.Register
			s [4]reg.VecVirtual
		}{{y0, upper}, {y1, lower}} {
			to := g.GP64()
			g.LEAQ(Mem{Base: out.y, Index: index, Scale: 1}, to)
			g.VMOVUPS(g.sum(g.sum(g.sum(out.s[0], out.s[1]), out.s[2]), add), Mem{Base: to})
			g.VMOVUPS(g.sum(g.difference(g.difference(out.s[1], out.s[2]), out.s[3]), add), Mem{Base: to, Index: next, Scale: 1})
		}
		g.ADDQ(bytes, index)
	})
	stride := g.bytesOf("stride")
	g.ADDQ(stride, m)
	g.LEAQ(Mem{Base: y0, Index: next, Scale: 2}, y0)
	g.LEAQ(Mem{Base: y1, Index: next, Scale: 2}, y1)
	g.DECQ(patches)
	g.JNE(LabelRef(g.label("patch")))
	g.end()
}

// twoPlaces takes the addresses of rows, which have gone through the n channels of a
// place, to where the next patch begins: two places after the one before. It uses
// spare.
func (g *vec) twoPlaces(place, spare reg.Register, rows ...reg.Register) {
	g.Load(g.Param("n"), spare)
	g.SHLQ(Imm(2), spare)
	for _, row := range rows {
		g.LEAQ(Mem{Base: row, Index: place, Scale: 2}, row)
		g.SUBQ(spare, row)
	}
}

// winogradGradient adds and subtracts what two rows of two places hold.
func (g *vec) winogradGradient() {
	g.begin("winogradGradient", "(z, y0, y1 []float32, step, next, patches, n int)")
	z, patches, step, next := g.base("z"), g.int("patches"), g.bytesOf("step"), g.bytesOf("next")
	y0, y1, left := g.base("y0"), g.base("y1"), g.GP64()
	p := g.planesOf(z, step)
	g.Label(g.label("patch"))
	g.Load(g.Param("n"), left)
	g.SHLQ(Imm(2), left)
	g.vectors(g.label("by"), left, func(bytes Constant) {
		var a, b [2]reg.VecVirtual
		for s := range 2 {
			a[s] = g.vectorAt(Mem{Base: y0, Index: next, Scale: 1})
			b[s] = g.vectorAt(Mem{Base: y1, Index: next, Scale: 1})
			if s == 0 {
				a[s], b[s] = g.vectorAt(Mem{Base: y0}), g.vectorAt(Mem{Base: y1})
			}
		}
		g.MOVQ(z, p.at)
		for i := range 4 {
			var t [2]reg.VecVirtual
			for s := range t {
				switch i {
				case 0:
					t[s] = a[s]
				case 1:
					t[s] = g.sum(a[s], b[s])
				case 2:
					t[s] = g.difference(a[s], b[s])
				case 3:
					t[s] = b[s]
				}
			}
			g.VMOVUPS(t[0], p.plane(0))
			g.VMOVUPS(g.sum(t[0], t[1]), p.plane(1))
			g.VMOVUPS(g.difference(t[0], t[1]), p.plane(2))
			g.VMOVUPS(t[1], p.plane(3))
			if i < 3 {
				p.nextRow()
			}
		}
		for _, at := range []reg.Register{z, y0, y1} {
			g.ADDQ(bytes, at)
		}
	})
	g.twoPlaces(next, left, y0, y1)
	g.DECQ(patches)
	g.JNE(LabelRef(g.label("patch")))
	g.end()
}

// winogradFilterBack takes a column of u at a time.
func (g *vec) winogradFilterBack() {
	g.begin("winogradFilterBack", "(w, u []float32, next, step, n int)")
	w, u, n := g.base("w"), g.base("u"), g.bytesOf("n")
	step, next := g.bytesOf("step"), g.bytesOf("next")
	step4, next3, row, third := g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(step, step4)
	g.SHLQ(Imm(2), step4)
	g.LEAQ(Mem{Base: next, Index: next, Scale: 2}, next3)
	half := g.register()
	g.VBROADCASTSS(g.half, half)
	// column sums a, b, c, d, of which d may be in memory.
	column := func(a, b, c reg.VecVirtual, d Op) [3]reg.VecVirtual {
		both, apart := g.sum(b, c), g.difference(b, c)
		g.VMULPS(g.part(half), both, both)
		g.VMULPS(g.part(half), apart, apart)
		return [3]reg.VecVirtual{g.sum(a, both), apart, g.difference(both, d)}
	}
	g.vectors(g.label("by"), n, func(bytes Constant) {
		var t [3][4]reg.VecVirtual
		g.MOVQ(u, row)
		for j := range 4 {
			g.LEAQ(Mem{Base: row, Index: step4, Scale: 2}, third)
			s := column(g.vectorAt(Mem{Base: row}), g.vectorAt(Mem{Base: row, Index: step4, Scale: 1}), g.vectorAt(Mem{Base: third}), Mem{Base: third, Index: step4, Scale: 1})
			for r := range t {
				t[r][j] = s[r]
			}
			if j < 3 {
				g.ADDQ(step, row)
			}
		}
		g.MOVQ(w, row)
		for r, t := range t {
			for s, v := range column(t[0], t[1], t[2], t[3]) {
				to := Mem{Base: row}
				if s > 0 {
					to = Mem{Base: row, Index: next, Scale: uint8(s)}
				}
				g.VMOVUPS(v, to)
			}
			if r < 2 {
				g.ADDQ(next3, row)
			}
		}
		g.ADDQ(bytes, u)
		g.ADDQ(bytes, w)
	})
	g.end()
}
