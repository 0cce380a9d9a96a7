package main

import (
	"fmt"
	"slices"
)

// rows writes loops over rows [rows,C] and their channels, where mean has C elements.
// The streams go from row to row, which lie behind one another, and the factors begin
// anew in each.
func (w *neonVec) rows(streams, factors []int, body func(p neonPlace)) {
	width, rows := w.length("mean"), w.int("rows")
	left, back := w.general(), w.general()
	w.op("LSL $2, R%d, R%d", width, back)
	w.label("_row")
	w.op("SUBS $1, R%d", rows)
	w.branch("BLT", "_end")
	w.op("MOVD R%d, R%d", width, left)
	w.over(left, 2, slices.Concat(streams, factors), body)
	for _, at := range factors {
		w.op("SUB R%d, R%d", back, at)
	}
	w.branch("JMP", "_row")
	w.label("_end")
	w.end()
}

// norm writes the four forms of Affinity.Apply.
func (w *neonVec) norm(plus, bounded bool) {
	name, takes := "norm", "(y, x"
	if plus {
		name, takes = "normPlus", "(y, x, plus"
	}
	w.begin(form(name, takes, "", ", mean, scale, bias []float32, rows int", bounded))
	y, x, mean, scale, bias := w.base("y"), w.base("x"), w.base("mean"), w.base("scale"), w.base("bias")
	streams := []int{y, x}
	var more, ceiling int
	if plus {
		more = w.base("plus")
		streams = append(streams, more)
	}
	if bounded {
		ceiling = w.everywhere("ceiling")
	}
	w.rows(streams, []int{mean, scale, bias}, func(p neonPlace) {
		v := p.load(x)
		p.sub(v, v, p.load(mean))
		p.mul(v, v, p.load(scale))
		p.add(v, v, p.load(bias))
		if plus {
			p.add(v, v, p.load(more))
		}
		if bounded {
			p.bounded(v, ceiling)
		}
		p.store(v, y)
	})
}

// normBack writes the two forms of Slope.Apply.
func (w *neonVec) normBack(bounded bool) {
	w.begin(form("normBack", "(dx, x, dy", ", y", ", mean, scale, slope, shift []float32, rows int", bounded))
	dx, x, dy := w.base("dx"), w.base("x"), w.base("dy")
	mean, scale, slope, shift := w.base("mean"), w.base("scale"), w.base("slope"), w.base("shift")
	streams := []int{dx, x, dy}
	var y, ceiling int
	if bounded {
		y, ceiling = w.base("y"), w.everywhere("ceiling")
		streams = append(streams, y)
	}
	w.rows(streams, []int{mean, scale, slope, shift}, func(p neonPlace) {
		d, v := p.load(dy), p.load(x)
		if bounded {
			p.passes(d, p.load(y), ceiling)
		}
		p.sub(d, d, p.load(shift))
		p.sub(v, v, p.load(mean))
		p.mul(v, v, p.load(slope))
		p.sub(d, d, v)
		p.mul(d, d, p.load(scale))
		p.store(d, dx)
	})
}

// widened are the doubles of a vector: its first two lanes and its last two.
type widened [2]int

// widen makes the doubles of v, which are in v and a new one.
func (w *neonVec) widen(v int) widened {
	last := w.vector()
	w.word(uint32(0x4e617800|v<<5|last), "FCVTL2 V%d.2D, V%d.4S", last, v)
	w.word(uint32(0x0e617800|v<<5|v), "FCVTL V%d.2D, V%d.2S", v, v)
	return widened{v, last}
}

// both writes an instruction for either half of a and b, whose result replaces a.
func both(instruction func(to, a, b int), a, b widened) {
	for half := range a {
		instruction(a[half], a[half], b[half])
	}
}

// columns writes the loops of sums of float64 over rows that lie stride elements apart:
// those of up to four vectors of channels are kept in registers while it goes down the
// rows. Add is given a vector of each of the streams, and the doubles of each of the
// sums and of mean where it is there, of the same channels. The channels are a multiple
// of four.
func (w *neonVec) columns(streams, sums []int, mean []int, add func(from []int, sum, mean []widened)) {
	rows, stride, n, left := w.int("rows"), w.bytesOf("stride"), w.length("sum"), w.general()
	var at []int
	for range streams {
		at = append(at, w.general())
	}
	doubles := func(base, i int) widened {
		p := neonPlace{w, 32 * i, 4}
		first := p.load(base)
		p.disp += 16
		return widened{first, p.load(base)}
	}
	some := func(vectors int) {
		total, middle := make([][]widened, vectors), make([][]widened, vectors)
		for i := range vectors {
			for _, base := range sums {
				total[i] = append(total[i], doubles(base, i))
			}
			for _, base := range mean {
				middle[i] = append(middle[i], doubles(base, i))
			}
		}
		for i, base := range streams {
			w.op("MOVD R%d, R%d", base, at[i])
		}
		w.op("MOVD R%d, R%d", rows, left)
		loop := fmt.Sprint("_rows", vectors)
		w.label(loop)
		for i := range vectors {
			w.scratch(func() {
				var from []int
				for _, base := range at {
					from = append(from, neonPlace{w, 16 * i, 4}.load(base))
				}
				add(from, total[i], middle[i])
			})
		}
		for _, base := range at {
			w.op("ADD R%d, R%d", stride, base)
		}
		w.op("SUBS $1, R%d", left)
		w.branch("BNE", loop)
		for i := range vectors {
			for j, base := range sums {
				for half, v := range total[i][j] {
					neonPlace{w, 32*i + 16*half, 4}.store(v, base)
				}
			}
		}
		w.advance(16*vectors, streams...)
		w.advance(32*vectors, slices.Concat(sums, mean)...)
	}
	w.whole(n, []int{4, 2, 1}, func(vectors int) { w.scratch(func() { some(vectors) }) })
	w.end()
}

// sums writes Sums and, with squares, Squares.
func (w *neonVec) sums(squares bool) {
	if !squares {
		w.begin("sums", "(sum []float64, x []float32, rows, stride int)")
		w.columns([]int{w.base("x")}, []int{w.base("sum")}, nil, func(from []int, sum, _ []widened) {
			both(w.addDouble, sum[0], w.widen(from[0]))
		})
		return
	}
	w.begin("squares", "(sum []float64, x []float32, mean []float64, rows, stride int)")
	w.columns([]int{w.base("x")}, []int{w.base("sum")}, []int{w.base("mean")}, func(from []int, sum, mean []widened) {
		v := w.widen(from[0])
		both(w.subDouble, v, mean[0])
		both(w.mulDouble, v, v)
		both(w.addDouble, sum[0], v)
	})
}

// products writes the two forms of Products.
func (w *neonVec) products(bounded bool) {
	w.begin(form("products", "(sum, product []float64, x, dy", ", y", " []float32, mean []float64, rows, stride int", bounded))
	streams := []int{w.base("x"), w.base("dy")}
	var ceiling int
	if bounded {
		streams, ceiling = append(streams, w.base("y")), w.everywhere("ceiling")
	}
	w.columns(streams, []int{w.base("sum"), w.base("product")}, []int{w.base("mean")}, func(from []int, sum, mean []widened) {
		if bounded {
			w.passes(from[1], from[2], ceiling)
		}
		v, d := w.widen(from[0]), w.widen(from[1])
		both(w.subDouble, v, mean[0])
		both(w.mulDouble, v, d)
		both(w.addDouble, sum[0], d)
		both(w.addDouble, sum[1], v)
	})
}
