package cuda_test

import (
	"fmt"
	"testing"

	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// checkSoftXent allows what checkXent does, and for the sum of differences from the
// greatest score as many roundings of what it adds to the loss.
func checkSoftXent(t *testing.T, s *standin) {
	const scale = 512
	for _, k := range []struct {
		rows, classes int
		smooth        float64
		mixed         bool
	}{{1, 1, 0.1, false}, {7, 10, 0.2, false}, {66, 33, 0, true}, {5, 100, 0.1, true}} {
		r := random(k.rows)
		x, q := noise(r, k.rows*k.classes), make([]float64, k.rows*k.classes)
		for i := range x {
			x[i] *= 10
		}
		first, second, w := make([]int32, k.rows), make([]int32, k.rows), make([]float32, k.rows)
		for n := range first {
			first[n], second[n], w[n] = r.Int32N(int32(k.classes)), r.Int32N(int32(k.classes)), float32(n%5)/4
		}
		of := k.rows + k.rows%3 // a part of a batch, or all of it
		g := newGPU(t, s)
		dx, loss := garbage[float32](len(x)), garbage[float32](1)
		l := cuda.SoftmaxXent{N: k.rows, C: k.classes, Of: of, Loss: g.out(loss), DX: g.out(dx), X: g.in(x), T: g.in(first), Smooth: k.smooth}
		l.Scale = g.in([]float32{scale})
		if k.mixed {
			l.U, l.W = g.in(second), g.in(w)
			ref.Targets(q, first, second, wide(w), k.smooth)
		} else {
			ref.Targets(q, first, nil, nil, k.smooth)
		}
		g.run(l.Launches(g.room))
		wantLoss, wantDX := make([]float64, 1), make([]float64, len(x))
		ref.SoftXent(wantLoss, wantDX, wide(x), q, k.classes)
		ref.Scale(wantLoss, float64(k.rows)/float64(of))
		ref.Scale(wantDX, scale*float64(k.rows)/float64(of))
		perRow := float64(4*k.classes+8) * ulp
		near(t, fmt.Sprint(k, " loss"), loss, wantLoss, func(int) float64 { return perRow * (1 + wantLoss[0]) })
		near(t, fmt.Sprint(k, " dx"), dx, wantDX, func(int) float64 { return scale * perRow / float64(of) })
	}
}
