package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows writes loops over rows [rows,C] and their channels, where mean has C
// elements. The bases in move go from row to row; the body finds a row's elements
// and those of the channels at its place.
func (g *vec) rows(move []reg.Register, body func(p place)) {
	width, rows := g.Load(g.Param("mean").Len(), g.GP64()), g.int("rows")
	index, left, mask := g.GP64(), g.GP64(), g.mask()
	g.MOVQ(width, left)
	g.ANDQ(imm(g.lanes-1), left)
	g.maskFor(left, mask)
	row, end := g.label("row"), g.label("end")
	g.Label(row)
	g.DECQ(rows)
	g.JL(LabelRef(end))
	g.XORQ(index, index)
	g.MOVQ(width, left)
	g.whole(2, left, index, body)
	full := g.label("full")
	g.TESTQ(left, left)
	g.JE(LabelRef(full))
	body(place{g, index, 0, mask})
	g.Label(full)
	for _, base := range move {
		g.LEAQ(Mem{Base: base, Index: width, Scale: 4}, base)
	}
	g.JMP(LabelRef(row))
	g.Label(end)
}

// form returns the name and the signature of a function that may be bounded: then it has
// a ceiling, and by, where that is not "", among its streams.
func form(name, streams, by, rest string, bounded bool) (string, string) {
	if !bounded {
		return name, streams + rest + ")"
	}
	return name + "Bounded", streams + by + rest + ", ceiling float32)"
}

// norm writes the four forms of Affinity.Apply.
func (g *vec) norm(plus, bounded bool) {
	name, takes := "norm", "(y, x"
	if plus {
		name, takes = "normPlus", "(y, x, plus"
	}
	g.begin(form(name, takes, "", ", mean, scale, bias []float32, rows int", bounded))
	y, x, mean, scale, bias := g.base("y"), g.base("x"), g.base("mean"), g.base("scale"), g.base("bias")
	move := []reg.Register{y, x}
	var more reg.Register
	if plus {
		more = g.base("plus")
		move = append(move, more)
	}
	var zero, ceiling reg.VecVirtual
	if bounded {
		zero, ceiling = g.zero(), g.everywhere("ceiling")
	}
	g.rows(move, func(p place) {
		v := p.load(x)
		p.VSUBPS(p.load(mean), v, v)
		p.VMULPS(p.load(scale), v, v)
		p.VADDPS(p.load(bias), v, v)
		if plus {
			p.VADDPS(p.load(more), v, v)
		}
		if bounded {
			p.bounded(v, zero, ceiling)
		}
		p.store(v, y)
	})
	g.end()
}

// normBack writes the two forms of Slope.Apply.
func (g *vec) normBack(bounded bool) {
	g.begin(form("normBack", "(dx, x, dy", ", y", ", mean, scale, slope, shift []float32, rows int", bounded))
	dx, x, dy := g.base("dx"), g.base("x"), g.base("dy")
	mean, scale, slope, shift := g.base("mean"), g.base("scale"), g.base("slope"), g.base("shift")
	move := []reg.Register{dx, x, dy}
	var y reg.Register
	var zero, ceiling reg.VecVirtual
	if bounded {
		y, zero, ceiling = g.base("y"), g.zero(), g.everywhere("ceiling")
		move = append(move, y)
	}
	g.rows(move, func(p place) {
		d, v := p.load(dy), p.load(x)
		if bounded {
			p.passes(d, p.load(y), zero, ceiling)
		}
		p.VSUBPS(p.load(shift), d, d)
		p.VSUBPS(p.load(mean), v, v)
		p.VMULPS(p.load(slope), v, v)
		p.VSUBPS(v, d, d)
		p.VMULPS(p.load(scale), d, d)
		p.store(d, dx)
	})
	g.end()
}

// doubles is the number of float64 in a vector.
func (g *vec) doubles() int { return g.lanes / 2 }

// columns writes the loops of sums of float64 over rows that lie stride elements
// apart: vectors of sums are kept in registers while they go down the rows. Begin
// loads them for the channels from index on, add is given the way from a stream's
// first row to the row in hand, and finish stores them. The channels are a multiple of
// AVX2's doubles.
func (g *vec) columns(begin func(k int), add func(i int, way reg.Register), finish func(i int), column, column8 reg.Register) {
	rows, stride := g.int("rows"), g.int("stride")
	n, way, left := g.Load(g.Param("sum").Len(), g.GP64()), g.GP64(), g.GP64()
	g.SHLQ(Imm(2), stride)
	g.XORQ(column, column)
	g.XORQ(column8, column8)
	some := func(k int) {
		next, done, loop := g.label("columns", k*g.lanes), g.label("done", k*g.lanes), g.label("rows", k*g.lanes)
		g.Label(next)
		g.CMPQ(n, imm(k*g.doubles()))
		g.JL(LabelRef(done))
		begin(k)
		g.MOVQ(column, way)
		g.MOVQ(rows, left)
		g.Label(loop)
		for i := range k {
			add(i, way)
		}
		g.ADDQ(stride, way)
		g.DECQ(left)
		g.JNE(LabelRef(loop))
		for i := range k {
			finish(i)
		}
		g.ADDQ(imm(k*4*g.doubles()), column)
		g.ADDQ(imm(k*8*g.doubles()), column8)
		g.SUBQ(imm(k*g.doubles()), n)
		g.JMP(LabelRef(next))
		g.Label(done)
	}
	for _, k := range []int{4, 2, 1} {
		some(k)
	}
	if g.avx512() {
		g.narrower(func() { some(1) })
	}
	g.end()
}

// doublesAt loads sums at index + disp bytes.
func (g *vec) doublesAt(base, index reg.Register, i int) reg.VecVirtual {
	v := g.register()
	g.VMOVUPD(Mem{Base: base, Index: index, Scale: 1, Disp: i * 8 * g.doubles()}, v)
	return v
}

// sums writes Sums and, with squares, Squares.
func (g *vec) sums(squares bool) {
	if squares {
		g.begin("squares", "(sum []float64, x []float32, mean []float64, rows, stride int)")
	} else {
		g.begin("sums", "(sum []float64, x []float32, rows, stride int)")
	}
	sum, x := g.base("sum"), g.base("x")
	var mean reg.Register
	if squares {
		mean = g.base("mean")
	}
	column, column8 := g.GP64(), g.GP64()
	var total, middle []reg.VecVirtual
	g.columns(func(k int) {
		total, middle = nil, nil
		for i := range k {
			total = append(total, g.doublesAt(sum, column8, i))
			if squares {
				middle = append(middle, g.doublesAt(mean, column8, i))
			}
		}
	}, func(i int, way reg.Register) {
		v := g.register()
		g.VCVTPS2PD(Mem{Base: x, Index: way, Scale: 1, Disp: i * 4 * g.doubles()}, v)
		if squares {
			g.VSUBPD(middle[i], v, v)
			g.VMULPD(v, v, v)
		}
		g.VADDPD(v, total[i], total[i])
	}, func(i int) {
		g.VMOVUPD(total[i], Mem{Base: sum, Index: column8, Scale: 1, Disp: i * 8 * g.doubles()})
	}, column, column8)
}

// products writes the two forms of Products.
func (g *vec) products(bounded bool) {
	g.begin(form("products", "(sum, product []float64, x, dy", ", y", " []float32, mean []float64, rows, stride int", bounded))
	sum, product, x, dy, mean := g.base("sum"), g.base("product"), g.base("x"), g.base("dy"), g.base("mean")
	var y reg.Register
	zero, ceiling := g.halved(), g.halved()
	if bounded {
		y = g.base("y")
		g.VXORPS(zero, zero, zero)
		at, err := g.Param("ceiling").Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(at.Addr, ceiling)
	}
	column, column8 := g.GP64(), g.GP64()
	var total, totals []reg.VecVirtual
	g.columns(func(k int) {
		total, totals = nil, nil
		for i := range k {
			total, totals = append(total, g.doublesAt(sum, column8, i)), append(totals, g.doublesAt(product, column8, i))
		}
	}, func(i int, way reg.Register) {
		at := func(base reg.Register) Mem { return Mem{Base: base, Index: way, Scale: 1, Disp: i * 4 * g.doubles()} }
		d, v := g.register(), g.register()
		if bounded {
			narrow, by := g.halved(), g.halved()
			g.VMOVUPS(at(dy), narrow)
			g.VMOVUPS(at(y), by)
			place{vec: g}.passes(narrow, by, g.part(zero), g.part(ceiling))
			g.VCVTPS2PD(narrow, d)
		} else {
			g.VCVTPS2PD(at(dy), d)
		}
		g.VCVTPS2PD(at(x), v)
		g.VSUBPD(Mem{Base: mean, Index: column8, Scale: 1, Disp: i * 8 * g.doubles()}, v, v)
		g.VMULPD(v, d, v)
		g.VADDPD(d, total[i], total[i])
		g.VADDPD(v, totals[i], totals[i])
	}, func(i int) {
		g.VMOVUPD(total[i], Mem{Base: sum, Index: column8, Scale: 1, Disp: i * 8 * g.doubles()})
		g.VMOVUPD(totals[i], Mem{Base: product, Index: column8, Scale: 1, Disp: i * 8 * g.doubles()})
	}, column, column8)
}
