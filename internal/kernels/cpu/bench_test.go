package cpu

import (
	"fmt"
	"testing"
)

// BenchmarkNormalize takes four pictures of 32×32 with linear tables and with
// others.
func BenchmarkNormalize(b *testing.B) {
	tables := make([][256]float64, 3)
	for c := range tables {
		for v := range tables[c] {
			tables[c][v] = (float64(v)/255 - 0.5) / 0.5
		}
	}
	x := make([]byte, 4*32*32*3)
	for i := range x {
		x[i] = byte(i * i)
	}
	y := make([]float32, len(x))
	for _, linear := range []bool{false, true} {
		b.Run(fmt.Sprintf("linear=%t", linear), func(b *testing.B) {
			n := NewNormalize(tables)
			n.linear = n.linear && linear
			b.SetBytes(int64(5 * len(x)))
			for b.Loop() {
				n.Rows(y, x)
			}
		})
	}
}

func BenchmarkSoftmaxXent(b *testing.B) {
	for _, batch := range []int{4, 128} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			x, dx, t, exps := random(1, 10*batch), make([]float32, 10*batch), make([]int32, batch), make([]float64, 10)
			for b.Loop() {
				SoftmaxXent(dx, x, t, exps)
			}
		})
	}
}
