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
