package cpu

import (
	"fmt"
	"testing"

	"imgcls/internal/kernels/cpu/tile"
)

// benchConvs runs f on the 3×3 convolutions of resnet20 and of resnet18 for pictures
// of 32×32 that are computed in patches. f returns the ways to compute something as often as it takes, on one
// processor; their figure counts the products of the sums that define it.
func benchConvs(b *testing.B, f func(c Conv, x, w, dy []float32) map[string]func()) {
	for _, e := range []struct{ side, channels int }{{16, 32}, {8, 64}, {32, 64}, {16, 128}, {8, 256}} {
		c := Conv{N: 12, H: e.side, W: e.side, I: e.channels, P: e.side, Q: e.side, O: e.channels, R: 3, S: 3, Stride: 1, Pad: 1}
		ways := f(c, random(1, c.N*c.H*c.W*c.I), random(2, c.O*c.Taps()), random(3, c.N*c.Places()*c.O))
		for _, name := range []string{"sums", "winograd"} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", e.side, e.side, e.channels, name), func(b *testing.B) {
				for b.Loop() {
					ways[name]()
				}
				b.ReportMetric(float64(b.N)*2*float64(c.N*c.Places()*c.O*c.Taps())/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkConvForward(b *testing.B) {
	set := tile.Best()
	benchConvs(b, func(c Conv, x, w, y []float32) map[string]func() {
		walk, patches := c.Forward(set), c.ForwardWinograd(set)
		packed, transformed := make([]float32, walk.Packed()), make([]float32, patches.Packed())
		scratch := make([]float32, max(walk.Scratch(), patches.Scratch()))
		c.PackForward(set, packed, w, 0, c.O)
		patches.Pack(transformed, w, 0, c.O, scratch)
		return map[string]func(){
			"sums": func() { walk.ComputeBands(Layer{Y: y, X: x, Packed: packed}, 0, c.N*walk.Bands(), 0, c.O, scratch) },
			"winograd": func() {
				patches.ComputeBands(Layer{Y: y, X: x, Packed: transformed}, 0, c.N*patches.Bands(), 0, c.O, scratch)
			},
		}
	})
}

func BenchmarkConvBackFilter(b *testing.B) {
	set := tile.Best()
	benchConvs(b, func(c Conv, x, dw, dy []float32) map[string]func() {
		f, patches := NewFilter(set, c), c.BackFilterWinograd(set, PanelSide)
		sums, scratch := make([]float32, max(len(dw), patches.Size())), make([]float32, max(f.Scratch(), patches.Scratch()))
		return map[string]func(){
			"sums": func() {
				f.Sum(sums, x, dy, 0, f.Panels(), c.N, false, scratch)
				f.Finish(dw, sums[:len(dw)])
			},
			"winograd": func() {
				patches.Sum(sums, x, dy, 0, patches.Panels(), c.N, false, scratch)
				patches.Finish(dw, sums[:patches.Size()], 0, patches.Panels())
			},
		}
	})
}
