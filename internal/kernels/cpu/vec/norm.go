package vec

import "math"

// An Affinity is what is done to each channel of rows [rows,C], and what follows:
// y = (x − Mean)·Scale + Bias, then plus Plus where there is one, then bounded to
// 0 … Ceiling where it is Bounded. A Ceiling that is NaN bounds nothing above. Every
// step is rounded, and a NaN stays NaN.
type Affinity struct {
	Mean, Scale, Bias []float32 // [C]
	Plus              []float32 // [rows,C], or nil
	Bounded           bool
	Ceiling           float32
}

// Apply computes y from x [rows,C].
func (a *Affinity) Apply(y, x []float32) {
	c := len(a.Mean)
	scale, bias, x := a.Scale[:c], a.Bias[:c], x[:len(y)]
	plus := a.Plus
	if plus != nil {
		plus = plus[:len(y)]
	}
	rows := len(y) / c
	switch {
	case plus == nil && !a.Bounded:
		active.norm(y, x, a.Mean, scale, bias, rows)
	case plus == nil:
		active.normBounded(y, x, a.Mean, scale, bias, rows, a.Ceiling)
	case !a.Bounded:
		active.normPlus(y, x, plus, a.Mean, scale, bias, rows)
	default:
		active.normPlusBounded(y, x, plus, a.Mean, scale, bias, rows, a.Ceiling)
	}
}

// bounded is x in 0 … ceiling.
func bounded(x, ceiling float32) float32 {
	x = max(x, 0)
	if x >= ceiling {
		return ceiling
	}
	return x
}

func norm(y, x, mean, scale, bias []float32, rows int) {
	c := len(mean)
	for r := range rows {
		to, row := y[r*c:][:c], x[r*c:][:c]
		for i, v := range row {
			to[i] = float32((v-mean[i])*scale[i]) + bias[i]
		}
	}
}

func normBounded(y, x, mean, scale, bias []float32, rows int, ceiling float32) {
	norm(y, x, mean, scale, bias, rows)
	for i, v := range y {
		y[i] = bounded(v, ceiling)
	}
}

func normPlus(y, x, plus, mean, scale, bias []float32, rows int) {
	c := len(mean)
	for r := range rows {
		to, row, more := y[r*c:][:c], x[r*c:][:c], plus[r*c:][:c]
		for i, v := range row {
			to[i] = float32((v-mean[i])*scale[i]) + bias[i] + more[i]
		}
	}
}

func normPlusBounded(y, x, plus, mean, scale, bias []float32, rows int, ceiling float32) {
	normPlus(y, x, plus, mean, scale, bias, rows)
	for i, v := range y {
		y[i] = bounded(v, ceiling)
	}
}

// passes is dy where 0 < y and y does not reach the ceiling, else +0.
func passes(dy, y, ceiling float32) float32 {
	if y > 0 && !(y >= ceiling) {
		return dy
	}
	return 0
}

// A Slope is the gradient of an Affinity whose statistics follow from x:
// dx = Scale·((dy − Shift) − (x − Mean)·Slope), of dy that has passed the bounds on Y
// where there is one.
type Slope struct {
	Mean, Scale, Slope, Shift []float32 // [C]
	Ceiling                   float32
}

// Apply computes dx [rows,C]; y is nil where nothing was bounded.
func (s *Slope) Apply(dx, x, dy, y []float32) {
	c := len(s.Mean)
	scale, slope, shift := s.Scale[:c], s.Slope[:c], s.Shift[:c]
	x, dy = x[:len(dx)], dy[:len(dx)]
	if y == nil {
		active.normBack(dx, x, dy, s.Mean, scale, slope, shift, len(dx)/c)
		return
	}
	active.normBackBounded(dx, x, dy, y[:len(dx)], s.Mean, scale, slope, shift, len(dx)/c, s.Ceiling)
}

func normBack(dx, x, dy, mean, scale, slope, shift []float32, rows int) {
	c := len(mean)
	for r := range rows {
		to, row, from := dx[r*c:][:c], x[r*c:][:c], dy[r*c:][:c]
		for i, v := range row {
			to[i] = scale[i] * ((from[i] - shift[i]) - float32((v-mean[i])*slope[i]))
		}
	}
}

func normBackBounded(dx, x, dy, y, mean, scale, slope, shift []float32, rows int, ceiling float32) {
	c := len(mean)
	for r := range rows {
		to, row, from, by := dx[r*c:][:c], x[r*c:][:c], dy[r*c:][:c], y[r*c:][:c]
		for i, v := range row {
			d := passes(from[i], by[i], ceiling)
			to[i] = scale[i] * ((d - shift[i]) - float32((v-mean[i])*slope[i]))
		}
	}
}

// wide is how many channels the sums below take at a time; those left are summed
// in Go.
const wide = 4

// Sums adds to sum[i] channel i of each row of x, which lie stride elements apart.
func Sums(sum []float64, x []float32, rows, stride int) {
	n := len(sum) / wide * wide
	x = x[:max(0, (rows-1)*stride+len(sum))]
	if rows == 0 {
		return
	}
	active.sums(sum[:n], x, rows, stride)
	if n < len(sum) {
		sums(sum[n:], x[n:], rows, stride)
	}
}

func sums(sum []float64, x []float32, rows, stride int) {
	for r := range rows {
		for i, v := range x[r*stride:][:len(sum)] {
			sum[i] += float64(v)
		}
	}
}

// Squares adds to sum[i] the squares of what channel i of each row is away from
// mean[i].
func Squares(sum []float64, x []float32, mean []float64, rows, stride int) {
	n := len(sum) / wide * wide
	x, mean = x[:max(0, (rows-1)*stride+len(sum))], mean[:len(sum)]
	if rows == 0 {
		return
	}
	active.squares(sum[:n], x, mean, rows, stride)
	if n < len(sum) {
		squares(sum[n:], x[n:], mean[n:], rows, stride)
	}
}

func squares(sum []float64, x []float32, mean []float64, rows, stride int) {
	for r := range rows {
		for i, v := range x[r*stride:][:len(sum)] {
			d := float64(v) - mean[i]
			sum[i] += float64(d * d)
		}
	}
}

// Products adds to sum[i] channel i of dy [rows,C], as it passes the bounds on y,
// and to product[i] that times x − mean; y is nil where nothing was bounded.
func Products(sum, product []float64, x, dy, y []float32, mean []float64, ceiling float32) {
	c := len(sum)
	n, rows := c/wide*wide, len(x)/c
	product, mean, dy = product[:c], mean[:c], dy[:len(x)]
	if rows == 0 {
		return
	}
	if y != nil {
		y = y[:len(x)]
	}
	active.sumsOf(sum[:n], product, x, dy, y, mean, rows, c, ceiling)
	if n == c {
		return
	}
	if y != nil {
		y = y[n:]
	}
	portable.sumsOf(sum[n:], product[n:], x[n:], dy[n:], y, mean[n:], rows, c, ceiling)
}

// sumsOf is Products without a look at lengths.
func (s *set) sumsOf(sum, product []float64, x, dy, y []float32, mean []float64, rows, stride int, ceiling float32) {
	if y == nil {
		s.products(sum, product, x, dy, mean, rows, stride)
	} else {
		s.productsBounded(sum, product, x, dy, y, mean, rows, stride, ceiling)
	}
}

func products(sum, product []float64, x, dy []float32, mean []float64, rows, stride int) {
	for r := range rows {
		row, from := x[r*stride:][:len(sum)], dy[r*stride:][:len(sum)]
		for i, v := range row {
			d := float64(from[i])
			sum[i] += d
			product[i] += float64(d * (float64(v) - mean[i]))
		}
	}
}

func productsBounded(sum, product []float64, x, dy, y []float32, mean []float64, rows, stride int, ceiling float32) {
	for r := range rows {
		row, from, by := x[r*stride:][:len(sum)], dy[r*stride:][:len(sum)], y[r*stride:][:len(sum)]
		for i, v := range row {
			d := float64(passes(from[i], by[i], ceiling))
			sum[i] += d
			product[i] += float64(d * (float64(v) - mean[i]))
		}
	}
}

// Unbounded is the ceiling of a function that has none.
var Unbounded = float32(math.NaN())
