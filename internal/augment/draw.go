package augment

import (
	"math"

	"imgcls/internal/rng"
)

// One is the factor 1 of what is drawn in whole parts of it, so that every device computes
// in whole numbers, to the same bits.
const One = 1 << 16

// The streams that kinds draw from; each has its own, so that one does not move another.
var (
	FlipStream   = rng.Stream("augment.flip")
	CropStream   = rng.Stream("augment.crop")
	JitterStream = rng.Stream("augment.jitter")
	CutoutStream = rng.Stream("augment.cutout")
)

// A Draw is what becomes of one picture.
type Draw struct {
	Flip      bool
	Top, Left int    // place in the enlarged picture, 0 … 2·Crop, that the crop begins at
	Factor    [3]int // of brightness, contrast and saturation, in parts of One
	Order     [3]int // in which these three come
	CutTop    int    // first row and column of the square, some of which may lie outside
	CutLeft   int
}

// Draw returns what becomes of a sample of height×width pixels in an epoch, counted from 1.
// The random words are those of rng.Block at epoch·2³² + sample; Alternate's are the same
// in all epochs.
func (p Policy) Draw(seed uint64, epoch, sample int64, height, width int) Draw {
	d := Draw{Factor: [3]int{One, One, One}, Order: [3]int{0, 1, 2}}
	index := uint64(epoch)<<32 | uint64(sample)
	switch p.Flip {
	case RandomFlip:
		d.Flip = rng.Block(seed, FlipStream, index)[0]&1 == 1
	case Alternate:
		d.Flip = (int64(rng.Block(seed, FlipStream, uint64(sample))[0])+epoch)&1 == 1
	}
	if p.Crop > 0 {
		words := rng.Block(seed, CropStream, index)
		d.Top, d.Left = below(words[0], 2*p.Crop+1), below(words[1], 2*p.Crop+1)
	}
	if p.Jitters() {
		words := rng.Block(seed, JitterStream, index)
		for i := range d.Factor {
			least, count := p.Factors(i)
			d.Factor[i] = least + below(words[i], count)
		}
		d.Order = permutation(below(words[3], 6))
	}
	if p.Cutout > 0 {
		words := rng.Block(seed, CutoutStream, index)
		d.CutTop, d.CutLeft = below(words[0], height)-p.Cutout/2, below(words[1], width)-p.Cutout/2
	}
	return d
}

// Jitters reports whether colours change.
func (p Policy) Jitters() bool { return p.Brightness > 0 || p.Contrast > 0 || p.Saturation > 0 }

// Factors returns the least factor of brightness (0), contrast (1) or saturation (2), in
// parts of One, and how many there are.
func (p Policy) Factors(i int) (least, count int) {
	x := [...]float64{p.Brightness, p.Contrast, p.Saturation}[i]
	least = int(math.Round(max(0, 1-x) * One))
	return least, int(math.Round((1+x)*One)) - least + 1
}

// below scales a random word to 0 … n−1; its bias is less than n/2³².
func below(word uint32, n int) int { return int(uint64(word) * uint64(n) >> 32) }

// permutation returns the i-th order of three, of six.
func permutation(i int) [3]int {
	first := i / 2
	second, third := (first+1)%3, (first+2)%3
	if i%2 == 1 {
		second, third = third, second
	}
	return [3]int{first, second, third}
}
