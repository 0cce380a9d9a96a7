package augment

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"imgcls/internal/rng"
)

// quantiles is how many values a share is drawn from, each as likely as the others.
const quantiles = 1 << quantileBits

const quantileBits = 10

// MixStream and BoxStream are what mixtures are drawn from.
var (
	MixStream = rng.Stream("augment.mix")
	BoxStream = rng.Stream("augment.mix.box")
)

// A Mixture says how a picture is mixed with another of its batch.
type Mixture struct {
	Partner int // its place in the batch; it may be the picture itself
	// By mixup, each value is Share/One of the picture's own and the rest of the partner's.
	// By cutmix Share is One, and the rows from Top and columns from Left, up to Bottom and
	// Right and without them, are the partner's.
	Share                    int
	Top, Left, Bottom, Right int
	Weight                   float32 // of the picture's own class; the partner's has the rest
}

// A Mixer draws mixtures for pictures of one size. Its tables hold quantiles: it takes a
// random one instead of drawing from a distribution, which every device would do otherwise.
type Mixer struct {
	Policy        Policy
	Height, Width int
	Shares        []int    // of mixup, distributed as Beta(Mixup, Mixup)
	Halves        [][2]int // of cutmix: half of the height and of the width that is cut
}

// NewMixer returns the mixer of a policy that mixes.
func NewMixer(p Policy, height, width int) *Mixer {
	m := &Mixer{Policy: p, Height: height, Width: width}
	for i := range quantiles {
		if p.Mixup > 0 {
			m.Shares = append(m.Shares, int(math.Round(One*quantile(p.Mixup, i))))
		}
		if p.Cutmix > 0 {
			half := math.Sqrt(1-quantile(p.Cutmix, i)) / 2
			m.Halves = append(m.Halves, [2]int{int(half * float64(height)), int(half * float64(width))})
		}
	}
	return m
}

// quantile returns the middle of the i-th of so many parts of Beta(a,a), equally likely.
func quantile(a float64, i int) float64 {
	if i >= quantiles/2 { // it is symmetric
		return 1 - quantile(a, quantiles-1-i)
	}
	return mathext.InvRegIncBeta(a, a, (float64(i)+0.5)/quantiles)
}

// Draw returns how a sample is mixed, in an epoch and a batch of so many.
func (m *Mixer) Draw(seed uint64, epoch, sample int64, batch int) Mixture {
	index := uint64(epoch)<<32 | uint64(sample)
	words := rng.Block(seed, MixStream, index)
	x := Mixture{Partner: below(words[0], batch), Share: One}
	at := words[1] >> (32 - quantileBits)
	if cuts := m.Halves != nil && (m.Shares == nil || words[2]&1 == 1); !cuts {
		x.Share = m.Shares[at]
		x.Weight = float32(x.Share) / One
		return x
	}
	words = rng.Block(seed, BoxStream, index)
	row, col := below(words[0], m.Height), below(words[1], m.Width)
	half := m.Halves[at]
	x.Top, x.Bottom = max(row-half[0], 0), min(row+half[0], m.Height)
	x.Left, x.Right = max(col-half[1], 0), min(col+half[1], m.Width)
	all := m.Height * m.Width
	x.Weight = float32(all-(x.Bottom-x.Top)*(x.Right-x.Left)) / float32(all)
	return x
}
