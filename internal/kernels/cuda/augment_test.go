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
