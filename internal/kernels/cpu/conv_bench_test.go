package cpu

import (
	"fmt"
	"testing"

	"imgcls/internal/kernels/cpu/tile"
)

// BenchmarkConvForward takes the 3×3 convolutions of resnet20 and of resnet18 for
// pictures of 32×32, on one processor.
func BenchmarkConvForward(b *testing.B) {
	set := tile.Best()
	for _, e := range []struct{ side, channels int }{{32, 16}, {16, 32}, {8, 64}, {32, 64}, {16, 128}, {8, 256}, {4, 512}} {
		b.Run(fmt.Sprintf("%dx%dx%d", e.side, e.side, e.channels), func(b *testing.B) {
			const images = 12
			c := Conv{N: images, H: e.side, W: e.side, I: e.channels, P: e.side, Q: e.side, O: e.channels, R: 3, S: 3, Stride: 1, Pad: 1}
			walk := c.Forward(set)
			l := Layer{X: random(1, c.N*c.H*c.W*c.I), Y: make([]float32, c.N*c.Places()*c.O), Packed: make([]float32, walk.Packed())}
			c.PackForward(set, l.Packed, random(2, c.O*c.Taps()), 0, c.O)
			scratch := make([]float32, walk.Scratch())
			flops := 2 * float64(images*c.Places()*c.O*c.Taps())
			b.Run("walk", func(b *testing.B) {
				for b.Loop() {
					walk.ComputeBands(l, 0, images*walk.Bands(), 0, c.O, scratch)
				}
				b.ReportMetric(float64(b.N)*flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
			w := c.ForwardWinograd(set)
			l.Packed, scratch = make([]float32, w.Packed()), make([]float32, w.Scratch())
			w.Pack(l.Packed, random(2, c.O*c.Taps()), 0, c.O, scratch)
			b.Run("winograd", func(b *testing.B) {
				for b.Loop() {
					w.ComputeBands(l, 0, images*w.Bands(), 0, c.O, scratch)
				}
				b.ReportMetric(float64(b.N)*flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		})
	}
}
