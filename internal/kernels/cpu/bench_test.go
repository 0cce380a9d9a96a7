package cpu

import (
	"fmt"
	"strings"
	"testing"

	"imgcls/internal/augment"
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
				SoftmaxXent(dx, x, t, len(t), exps)
			}
		})
	}
}

func BenchmarkAugment(b *testing.B) {
	for _, name := range []string{"standard", "flip=alternate,crop=2,reflect", "flip,crop=4,cutout=8", "standard,jitter"} {
		text, jitters := strings.CutSuffix(name, ",jitter")
		p, _ := augment.Parse(text)
		if jitters {
			p.Brightness, p.Contrast, p.Saturation = 0.4, 0.4, 0.4
		}
		b.Run(name, func(b *testing.B) {
			a := Augment{H: 32, W: 32, Policy: p, Blank: []uint8{125, 122, 114}}
			x, y := make([]uint8, 32*32*3), make([]uint8, 32*32*3)
			for i := range b.N {
				a.One(y, x, p.Draw(42, 1, int64(i), 32, 32))
			}
		})
	}
}
