package cuda

import (
	"imgcls/internal/augment"
	"imgcls/internal/graph"
)

// An Augment makes of N pictures X of H×W×C what its operation says.
type Augment struct {
	Op                         graph.Augment
	N, H, W, C                 int
	Y, X, Order, Cursor, Epoch Addr
}

// Launches returns one launch.
func (a Augment) Launches(table Table) []Launch {
	p := a.Op.Policy
	words := []int64{
		int64(a.Op.Seed), int64(p.Crop), int64(flag(p.Reflect)), int64(p.Flip), int64(flag(p.Jitters())), int64(p.Cutout),
	}
	var counts []int64
	for i := range 3 {
		least, count := p.Factors(i)
		words, counts = append(words, int64(least)), append(counts, int64(count))
	}
	words = append(words, counts...)
	for _, stream := range []uint64{augment.FlipStream, augment.CropStream, augment.JitterStream, augment.CutoutStream} {
		words = append(words, int64(stream))
	}
	for _, v := range a.Op.Blank {
		words = append(words, int64(v))
	}
	args := pointers(a.Y, a.X, table(words), a.Order, a.Cursor, a.Epoch)
	return []Launch{blocks("augment_u8", a.N, 1, with(args, a.H, a.W, a.C)...)}
}

// A Mix mixes each of N pictures X of H×W×C, of classes T, with another, as its operation
// says. Y, U and Weights may be 0.
type Mix struct {
	Op                   graph.Mix
	N, H, W, C           int
	Y, U, Weights        Addr
	X, T                 Addr
	Order, Cursor, Epoch Addr
}

// Launches returns one launch.
func (m Mix) Launches(table Table) []Launch {
	mixer := augment.NewMixer(m.Op.Policy, m.H, m.W)
	words := []int64{
		int64(m.Op.Seed), int64(augment.MixStream), int64(augment.BoxStream), int64(len(mixer.Shares)), int64(len(mixer.Halves)),
	}
	for _, share := range mixer.Shares {
		words = append(words, int64(share))
	}
	for _, half := range mixer.Halves {
		words = append(words, int64(half[0]), int64(half[1]))
	}
	args := pointers(m.Y, m.U, m.Weights, m.X, m.T, table(words), m.Order, m.Cursor, m.Epoch)
	return []Launch{blocks("mix_u8", m.N, 1, with(args, m.N, m.H, m.W, m.C)...)}
}
