package main

// walk loads a vector from R(at), and goes step bytes on.
func (w *neonVec) walk(at, step int) int {
	v := w.vector()
	w.op("VLD1.P (R%d)(R%d), [V%d.S4]", at, step, v)
	return v
}

// places loads a vector of each of so many places of lines, whose places lie next bytes
// apart.
func (w *neonVec) places(lines []int, count, at, next int) (d [][]int) {
	for _, line := range lines {
		w.op("MOVD R%d, R%d", line, at)
		var row []int
		for range count {
			row = append(row, w.walk(at, next))
		}
		d = append(d, row)
	}
	return d
}

// put stores v at R(at), and goes step bytes on.
func (w *neonVec) put(v, at, step int) { w.op("VST1.P [V%d.S4], (R%d)(R%d)", v, at, step) }

// channels writes a loop over the n channels of a transform, a vector's at a time. The
// addresses go along.
func (w *neonVec) channels(n int, addresses []int, body func()) {
	w.label("_by4")
	w.scratch(body)
	w.advance(16, addresses...)
	w.op("SUBS $4, R%d", n)
	w.branch("BNE", "_by4")
}

// patches writes a loop over patches of n channels. The addresses go through the channels
// of one; then next takes them to where the next one begins.
func (w *neonVec) patches(n int, addresses []int, body, next func()) {
	patches, left := w.int("patches"), w.general()
	w.label("_patch")
	w.op("MOVD R%d, R%d", n, left)
	w.channels(left, addresses, body)
	next()
	w.op("SUBS $1, R%d", patches)
	w.branch("BNE", "_patch")
	w.end()
}

// skip returns what takes an address from behind the n channels of a place to where
// another begins, so many steps after the place.
func (w *neonVec) skip(steps, step, n int) int {
	bytes := w.general()
	w.op("MOVD $%d, R%d", steps, bytes)
	w.op("MUL R%d, R%d", step, bytes)
	w.op("SUB R%d<<2, R%d", n, bytes)
	return bytes
}

func (w *neonVec) moveOn(by int, addresses ...int) {
	for _, at := range addresses {
		w.op("ADD R%d, R%d", by, at)
	}
}

// winogradFilter computes a column of three taps after the other, then the four rows.
func (w *neonVec) winogradFilter() {
	w.begin("winogradFilter", "(u, w []float32, step, first, next, n int)")
	u, taps, step, next, n := w.base("u"), w.base("w"), w.bytesOf("step"), w.bytesOf("next"), w.int("n")
	at, half := w.general(), w.half()
	w.op("ADD R%d, R%d", w.bytesOf("first"), taps)
	column := func(a, b, c int) [4]int {
		outer := w.sum(a, c)
		plus, minus := w.sum(outer, b), w.difference(outer, b)
		w.mul(plus, plus, half)
		w.mul(minus, minus, half)
		return [4]int{a, plus, minus, c}
	}
	w.channels(n, []int{u, taps}, func() {
		w.op("MOVD R%d, R%d", taps, at)
		var g [9]int
		for t := range g {
			g[t] = w.walk(at, next)
		}
		var columns [3][4]int
		for s := range columns {
			columns[s] = column(g[s], g[3+s], g[6+s])
		}
		w.op("MOVD R%d, R%d", u, at)
		for i := range 4 {
			w.scratch(func() {
				for _, v := range column(columns[0][i], columns[1][i], columns[2][i]) {
					w.put(v, at, step)
				}
			})
		}
	})
	w.end()
}

// winogradInput computes a row of the transform after the other.
func (w *neonVec) winogradInput() {
	w.begin("winogradInput", "(v, x0, x1, x2, x3 []float32, step, next, patches, n int)")
	v, step, next, at := w.base("v"), w.bytesOf("step"), w.bytesOf("next"), w.general()
	x := []int{w.base("x0"), w.base("x1"), w.base("x2"), w.base("x3")}
	n := w.int("n")
	skip := w.skip(2, next, n)
	w.patches(n, append(x, v), func() {
		d := w.places(x, 4, at, next)
		w.op("MOVD R%d, R%d", v, at)
		for i := range 4 {
			w.scratch(func() {
				var t [4]int
				for s := range t {
					t[s] = w.inputPart(i, d[0][s], d[1][s], d[2][s], d[3][s])
				}
				for j := range 4 {
					w.put(w.inputPart(j, t[0], t[1], t[2], t[3]), at, step)
				}
			})
		}
	}, func() { w.moveOn(skip, x...) })
}

// inputPart returns element i of a column's transform.
func (w *neonVec) inputPart(i, a, b, c, d int) int {
	switch i {
	case 0:
		return w.difference(a, c)
	case 1:
		return w.sum(b, c)
	case 2:
		return w.difference(c, b)
	}
	return w.difference(b, d)
}

// sixteen loads a vector of each plane.
func (w *neonVec) sixteen(from, at, step int) (m [4][4]int) {
	w.op("MOVD R%d, R%d", from, at)
	for i := range m {
		for j := range m[i] {
			m[i][j] = w.walk(at, step)
		}
	}
	return m
}

func (w *neonVec) winogradOutput() {
	w.begin("winogradOutput", "(y0, y1, m, bias []float32, step, stride, next, patches, n int)")
	y, m, bias := []int{w.base("y0"), w.base("y1")}, w.base("m"), w.base("bias")
	step, stride, next, n, at := w.bytesOf("step"), w.bytesOf("stride"), w.bytesOf("next"), w.int("n"), w.general()
	skip, skipOfM := w.skip(2, next, n), w.skip(1, stride, n)
	// column leaves the two sums in a and d.
	column := func(a, b, c, d int) {
		w.add(a, a, b)
		w.add(a, a, c)
		w.sub(b, b, c)
		w.sub(d, b, d)
	}
	w.patches(n, append(y, m, bias), func() {
		t, add := w.sixteen(m, at, step), neonPlace{w, 0, 4}.load(bias)
		for j := range 4 {
			column(t[0][j], t[1][j], t[2][j], t[3][j])
		}
		for i, s := range [2][4]int{t[0], t[3]} {
			column(s[0], s[1], s[2], s[3])
			w.op("MOVD R%d, R%d", y[i], at)
			for _, v := range []int{s[0], s[3]} {
				w.add(v, v, add)
				w.put(v, at, next)
			}
		}
	}, func() {
		w.moveOn(skip, y...)
		w.moveOn(skipOfM, m)
		w.op("SUB R%d<<2, R%d", n, bias)
	})
}

// winogradGradient computes a row of the transform after the other.
func (w *neonVec) winogradGradient() {
	w.begin("winogradGradient", "(z, y0, y1 []float32, step, next, patches, n int)")
	z, step, next, at := w.base("z"), w.bytesOf("step"), w.bytesOf("next"), w.general()
	y := []int{w.base("y0"), w.base("y1")}
	n := w.int("n")
	skip := w.skip(2, next, n)
	w.patches(n, append(y, z), func() {
		d := w.places(y, 2, at, next)
		w.op("MOVD R%d, R%d", z, at)
		for i := range 4 {
			w.scratch(func() {
				left, right := w.gradientPart(i, d[0][0], d[1][0]), w.gradientPart(i, d[0][1], d[1][1])
				for j := range 4 {
					w.put(w.gradientPart(j, left, right), at, step)
				}
			})
		}
	}, func() { w.moveOn(skip, y...) })
}

// gradientPart returns element i of a column's transform.
func (w *neonVec) gradientPart(i, a, b int) int {
	switch i {
	case 0:
		return a
	case 1:
		return w.sum(a, b)
	case 2:
		return w.difference(a, b)
	}
	return b
}

func (w *neonVec) winogradFilterBack() {
	w.begin("winogradFilterBack", "(w, u []float32, next, step, n int)")
	taps, u, next, step, n := w.base("w"), w.base("u"), w.bytesOf("next"), w.bytesOf("step"), w.int("n")
	at, half := w.general(), w.half()
	// column leaves the three sums in a, b and d.
	column := func(a, b, c, d int) {
		w.scratch(func() {
			middle := w.sum(b, c)
			w.mul(middle, middle, half)
			w.add(a, a, middle)
			w.sub(b, b, c)
			w.mul(b, b, half)
			w.sub(d, middle, d)
		})
	}
	w.channels(n, []int{taps, u}, func() {
		t := w.sixteen(u, at, step)
		for j := range 4 {
			column(t[0][j], t[1][j], t[2][j], t[3][j])
		}
		w.op("MOVD R%d, R%d", taps, at)
		for _, row := range [3][4]int{t[0], t[1], t[3]} {
			column(row[0], row[1], row[2], row[3])
			for _, v := range []int{row[0], row[1], row[3]} {
				w.put(v, at, next)
			}
		}
	})
	w.end()
}
