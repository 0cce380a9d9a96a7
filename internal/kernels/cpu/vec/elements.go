package vec

import "math"

// Add is y = a + b.
func Add(y, a, b []float32) { active.add(y, a[:len(y)], b[:len(y)]) }

func add(y, a, b []float32) {
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// LineElements are the elements of a line that Lines copies.
const LineElements = 16

// Lines copies lines of x that lie step elements apart, from the first on, behind one
// another to y, which it fills.
func Lines(y, x []float32, step int) {
	if n := len(y) / LineElements; n > 0 {
		_ = x[(n-1)*step+LineElements-1]
		active.lines(y[:n*LineElements], x, step)
	}
}

func lines(y, x []float32, step int) {
	for k := range len(y) / LineElements {
		copy(y[k*LineElements:][:LineElements], x[k*step:])
	}
}

// ReLU is y = x where x > 0 or x is NaN, else +0.
func ReLU(y, x []float32) { active.relu(y, x[:len(y)]) }

func relu(y, x []float32) {
	for i := range y {
		y[i] = max(x[i], 0)
	}
}

// ReLUBack is dx = dy where y > 0, else +0; it is 0 where y is NaN.
func ReLUBack(dx, y, dy []float32) { active.reluBack(dx, y[:len(dx)], dy[:len(dx)]) }

// Which it is cannot be foreseen, so a mask is quicker than a branch.
func reluBack(dx, y, dy []float32) {
	for i := range dx {
		mask := uint32(0)
		if y[i] > 0 {
			mask = math.MaxUint32
		}
		dx[i] = math.Float32frombits(math.Float32bits(dy[i]) & mask)
	}
}

// ReLU6 is y = min(max(x, 0), 6); NaN stays NaN.
func ReLU6(y, x []float32) { active.bound(y, x[:len(y)], 6) }

// bound is y = x in 0 … ceiling.
func bound(y, x []float32, ceiling float32) {
	for i, v := range x {
		y[i] = bounded(v, ceiling)
	}
}

// ReLU6Back is dx = dy where 0 < y < 6, else +0.
func ReLU6Back(dx, y, dy []float32) { active.boundBack(dx, y[:len(dx)], dy[:len(dx)], 6) }

func boundBack(dx, y, dy []float32, ceiling float32) {
	for i, v := range y {
		dx[i] = passes(dy[i], v, ceiling)
	}
}

// SumRows adds up rows of x that lie stride elements apart, of each the first
// len(y), from the first row to the last; there is at least one.
func SumRows(y, x []float32, rows, stride int) {
	active.sumRows(y, x[:(rows-1)*stride+len(y)], rows, stride)
}

func sumRows(y, x []float32, rows, stride int) {
	copy(y, x)
	for r := 1; r < rows; r++ {
		for j, v := range x[r*stride : r*stride+len(y)] {
			y[j] += v
		}
	}
}

// Period is the number of elements after which the factors of Affine repeat.
const Period = 24

// Affine is y[i] = scale[i mod 24]·x[i] + shift[i mod 24], product and sum each
// rounded to float64 and y to float32. It does whole periods and returns how
// many elements that were.
func Affine(y []float32, x []uint8, scale, shift *[Period]float64) int {
	n := len(y) / Period * Period
	active.affine(y[:n], x[:n], scale, shift)
	return n
}

func affine(y []float32, x []uint8, scale, shift *[Period]float64) {
	for ; len(y) > 0; y, x = y[Period:], x[Period:] {
		for i, v := range x[:Period] {
			y[i] = float32(float64(scale[i]*float64(v)) + shift[i])
		}
	}
}
