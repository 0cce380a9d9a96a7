package cpu

import (
	"math"

	"imgcls/internal/kernels/cpu/vec"
)

// Gather copies the samples of x that order names, size bytes each, to y.
func Gather(y, x []byte, order []int32, size int) {
	for b, sample := range order {
		copy(y[b*size:(b+1)*size], x[int(sample)*size:])
	}
}

// A Normalize looks up bytes in tables, one for each channel. Tables that are
// linear, as those of graph.Normalize are, it computes instead, where every
// value is the table's to the last bit: that is almost twice as fast.
type Normalize struct {
	tables       [][256]float32
	linear       bool
	scale, shift [vec.Period]float64
}

// NewNormalize returns the normalisation by tables, which it rounds to float32.
func NewNormalize(tables [][256]float64) *Normalize {
	n := &Normalize{tables: make([][256]float32, len(tables))}
	for c := range tables {
		for x, value := range tables[c] {
			n.tables[c][x] = float32(value)
		}
	}
	n.linear = vec.Period%len(tables) == 0
	for i := range n.scale {
		table := &tables[i%len(tables)]
		n.scale[i], n.shift[i] = (table[255]-table[0])/255, table[0]
	}
	n.linear = n.linear && n.exact()
	return n
}

// exact reports whether scale and shift give the values of the tables.
func (n *Normalize) exact() bool {
	var x [vec.Period]uint8
	var y [vec.Period]float32
	for v := range 256 {
		for i := range x {
			x[i] = uint8(v)
		}
		vec.Affine(y[:], x[:], &n.scale, &n.shift)
		for i, got := range y {
			if math.Float32bits(got) != math.Float32bits(n.tables[i%len(n.tables)][v]) {
				return false
			}
		}
	}
	return true
}

// Rows normalizes x, pixels of as many channels as there are tables.
func (n *Normalize) Rows(y []float32, x []uint8) {
	y = y[:len(x)]
	if n.linear {
		done := vec.Affine(y, x, &n.scale, &n.shift)
		y, x = y[done:], x[done:]
	}
	if tables := n.tables; len(tables) == 3 {
		red, green, blue := &tables[0], &tables[1], &tables[2]
		for i := 0; i+2 < len(x); i += 3 {
			y[i], y[i+1], y[i+2] = red[x[i]], green[x[i+1]], blue[x[i+2]]
		}
		return
	}
	for i := 0; i < len(x); i += len(n.tables) {
		for c := range n.tables {
			y[i+c] = n.tables[c][x[i+c]]
		}
	}
}
