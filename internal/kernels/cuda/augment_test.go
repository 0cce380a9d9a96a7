package cuda_test

import (
	"bytes"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// checkAugment draws on the device what package augment draws, and makes the same bytes of
// it.
func checkAugment(t *testing.T, s *standin) {
	const pictures, h, w, cursor, epoch = 12, 9, 7, 3, 70_000
	for _, p := range []augment.Policy{
		{},
		{Crop: 3, Flip: augment.RandomFlip},
		{Crop: 6, Reflect: true, Flip: augment.Alternate, Cutout: 4},
		{Crop: 1, Brightness: 0.4, Contrast: 1, Saturation: 0.5, Cutout: 7},
	} {
		for _, blank := range [][]uint8{{5}, {125, 122, 114}, {1, 2, 3, 4}} {
			c, r := len(blank), random(len(blank))
			x, order := pixels(r, pictures*h*w*c), make([]int32, pictures+cursor)
			for i := range order {
				order[i] = r.Int32N(1 << 30)
			}
			op := graph.Augment{Policy: p, Seed: 1<<52 + 7, Blank: blank}
			y, want := garbage[uint8](len(x)), make([]uint8, len(x))
			g := newGPU(t, s)
			g.run(cuda.Augment{
				Op: op, N: pictures, H: h, W: w, C: c, Y: g.out(y), X: g.in(x),
				Order: g.in(order), Cursor: g.in([]int64{cursor}), Epoch: g.in([]int64{epoch}),
			}.Launches(g.table))
			for n := range pictures {
				at, size := n*h*w*c, h*w*c
				ref.Augment(want[at:at+size], x[at:at+size], h, w, p, blank, p.Draw(op.Seed, epoch, int64(order[cursor+n]), h, w))
			}
			if !bytes.Equal(y, want) {
				t.Errorf("%v of %d channels: other bytes than the reference's", p, c)
			}
		}
	}
}

// checkMix holds mixing to the reference, whatever is not asked for.
func checkMix(t *testing.T, s *standin) {
	const n, h, w, c, cursor, epoch = 12, 9, 7, 3, 2, 5
	for _, p := range []augment.Policy{{Mixup: 0.2}, {Cutmix: 1}, {Mixup: 0.4, Cutmix: 0.3}} {
		r := random(n)
		x, classes, order := pixels(r, n*h*w*c), make([]int32, n), make([]int32, n+cursor)
		for i := range order {
			order[i] = r.Int32N(1 << 30)
		}
		for i := range classes {
			classes[i] = r.Int32N(1000)
		}
		op, mixer := graph.Mix{Policy: p, Seed: 1<<50 + 3}, augment.NewMixer(p, h, w)
		y, u, weights := garbage[uint8](len(x)), garbage[int32](n), garbage[float32](n)
		for _, wanted := range [][3]bool{{true, true, true}, {true, false, false}, {false, true, false}, {false, false, true}} {
			g := newGPU(t, s)
			k := cuda.Mix{
				Op: op, N: n, H: h, W: w, C: c, X: g.in(x), T: g.in(classes),
				Order: g.in(order), Cursor: g.in([]int64{cursor}), Epoch: g.in([]int64{epoch}),
			}
			if wanted[0] {
				k.Y = g.out(y)
			}
			if wanted[1] {
				k.U = g.out(u)
			}
			if wanted[2] {
				k.Weights = g.out(weights)
			}
			g.run(k.Launches(g.table))
		}
		want, size := make([]uint8, h*w*c), h*w*c
		for i := range n {
			m := mixer.Draw(op.Seed, epoch, int64(order[cursor+i]), n)
			ref.Mix(want, x[i*size:(i+1)*size], x[m.Partner*size:(m.Partner+1)*size], w, c, m)
			if !bytes.Equal(y[i*size:(i+1)*size], want) || u[i] != classes[m.Partner] || weights[i] != m.Weight {
				t.Errorf("%v: picture %d is not the reference's", p, i)
			}
		}
	}
}
