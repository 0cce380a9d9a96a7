package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where the constants of vec/act.go stand in the table that the functions here are
// given, each for four lanes.
const (
	one = iota
	toInteger
	leastPower
	gaussBase
	expBase
	tailShift
	density
	power
	tail = power + powers

	powers, tails = 8, 12 // the lengths of the series
)

// A curve writes the functions that are evaluated in float64. It does the halves of a
// vector side by side, as each alone would wait for itself.
type curve struct {
	*vec
	table reg.Register
	abs   reg.VecVirtual // all bits but the signs
}

// A pair is the halves of a vector of float32 as float64.
type pair [2]reg.VecVirtual

// acts writes GELU and SiLU, and what goes back through them.
func (g *vec) acts() {
	const table = ", table *[27][4]float64)"
	for _, f := range []struct {
		name  string
		below func(c curve, x pair, back bool) pair
	}{{"gelu", curve.gelu}, {"silu", curve.silu}} {
		g.begin(f.name, "(y, x []float32"+table)
		g.curve("y", "x", func(c curve, x pair) pair { return f.below(c, x, false) })
		g.begin(f.name+"Back", "(dx, x, dy []float32"+table)
		g.curve("dx", "dy", func(c curve, x pair) pair { return f.below(c, x, true) })
	}
}

// curve writes the loop of out = by·S(x), where below gives S(−|x|).
func (g *vec) curve(out, by string, below func(c curve, x pair) pair) {
	c := curve{g, g.int("table"), g.YMM()}
	to, x := g.base(out), g.base("x")
	factor := x
	if by != "x" {
		factor = g.base(by)
	}
	g.VPCMPEQD(c.abs, c.abs, c.abs)
	g.VPSRLQ(Imm(1), c.abs, c.abs)
	g.each(out, 1, func(p place) {
		at := c.widened(p.load(x))
		y, times := below(c, at), at
		if by != "x" {
			times = c.widened(p.load(factor))
		}
		var narrow [2]reg.VecVirtual
		for i := range y {
			above := c.copied(one)
			c.VSUBPD(y[i], above, above)
			c.VBLENDVPD(at[i], y[i], above, y[i])
			c.VMULPD(times[i], y[i], y[i])
			narrow[i] = c.XMM()
			c.VCVTPD2PSY(y[i], narrow[i])
		}
		v := c.YMM()
		c.VINSERTF128(Imm(1), narrow[1], narrow[0].AsY(), v)
		p.store(v, to)
	})
	g.end()
}

func (c curve) widened(v reg.VecVirtual) pair {
	x, high := pair{c.YMM(), c.YMM()}, c.XMM()
	c.VEXTRACTF128(Imm(1), v, high)
	c.VCVTPS2PD(v.AsX(), x[0])
	c.VCVTPS2PD(high, x[1])
	return x
}

func (c curve) constant(which int) Mem { return Mem{Base: c.table, Disp: 8 * c.doubles() * which} }

func (c curve) copied(which int) reg.VecVirtual {
	v := c.YMM()
	c.VMOVUPD(c.constant(which), v)
	return v
}

func (c curve) absolute(x pair) pair {
	a := pair{c.YMM(), c.YMM()}
	for i := range a {
		c.VANDPD(c.abs, x[i], a[i])
	}
	return a
}

// gelu returns e·ratio or, back, e·(ratio − a·density).
func (c curve) gelu(x pair, back bool) pair {
	z := pair{c.YMM(), c.YMM()}
	for i := range z {
		c.VMULPD(x[i], x[i], z[i])
		c.VMULPD(c.constant(gaussBase), z[i], z[i])
	}
	e := c.power2(z)
	u := pair{c.copied(one), c.copied(one)}
	for i, a := range c.absolute(x) {
		c.VADDPD(c.constant(tailShift), a, a)
		c.VDIVPD(a, u[i], u[i])
	}
	ratio := c.series(u, tail, tails)
	for i := range ratio {
		c.VMULPD(u[i], ratio[i], ratio[i])
	}
	if back {
		for i, a := range c.absolute(x) {
			c.VMULPD(c.constant(density), a, a)
			c.VSUBPD(a, ratio[i], ratio[i])
		}
	}
	for i := range e {
		c.VMULPD(ratio[i], e[i], e[i])
	}
	return e
}

// silu returns e·rest or, back, e·rest·(1 − a·rest).
func (c curve) silu(x pair, back bool) pair {
	z := c.absolute(x)
	for i := range z {
		c.VMULPD(c.constant(expBase), z[i], z[i])
	}
	e := c.power2(z)
	rest := pair{c.copied(one), c.copied(one)}
	for i := range rest {
		sum := c.YMM()
		c.VADDPD(c.constant(one), e[i], sum)
		c.VDIVPD(sum, rest[i], rest[i])
		c.VMULPD(rest[i], e[i], e[i])
	}
	if back {
		for i, a := range c.absolute(x) {
			slope := c.copied(one)
			c.VMULPD(rest[i], a, a)
			c.VSUBPD(a, slope, slope)
			c.VMULPD(slope, e[i], e[i])
		}
	}
	return e
}

// power2 returns 2ᶻ, and uses z up.
func (c curve) power2(z pair) pair {
	shifted := pair{c.YMM(), c.YMM()}
	for i := range z {
		c.VMAXPD(c.constant(leastPower), z[i], z[i])
		c.VADDPD(c.constant(toInteger), z[i], shifted[i])
		whole := c.YMM()
		c.VSUBPD(c.constant(toInteger), shifted[i], whole)
		c.VSUBPD(whole, z[i], z[i])
		c.VPSLLQ(Imm(52), shifted[i], shifted[i])
	}
	y := c.series(z, power, powers)
	for i := range y {
		c.VPADDQ(shifted[i], y[i], y[i])
	}
	return y
}

// series returns the series of n coefficients from that one on.
func (c curve) series(x pair, first, n int) pair {
	var even, odd, square pair
	for i := range x {
		even[i], odd[i], square[i] = c.copied(first+n-2), c.copied(first+n-1), c.YMM()
		c.VMULPD(x[i], x[i], square[i])
	}
	for k := n - 4; k >= 0; k -= 2 {
		for i := range x {
			c.VMULPD(square[i], even[i], even[i])
			c.VMULPD(square[i], odd[i], odd[i])
			c.VADDPD(c.constant(first+k), even[i], even[i])
			c.VADDPD(c.constant(first+k+1), odd[i], odd[i])
		}
	}
	for i := range x {
		c.VMULPD(x[i], odd[i], odd[i])
		c.VADDPD(odd[i], even[i], even[i])
	}
	return even
}
