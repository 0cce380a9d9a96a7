package augment

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Policy{
		"none":                     {},
		"standard":                 {Crop: 4, Flip: RandomFlip},
		"standard,cutout=8":        {Crop: 4, Flip: RandomFlip, Cutout: 8},
		"flip":                     {Flip: RandomFlip},
		"crop=2, flip=alternate":   {Crop: 2, Flip: Alternate},
		"reflect,crop=3":           {Crop: 3, Reflect: true},
		"jitter=0.4":               {Brightness: 0.4, Contrast: 0.4, Saturation: 0.4},
		"saturation=1,contrast=.5": {Contrast: 0.5, Saturation: 1},
		"cutout=16,brightness=0.1": {Cutout: 16, Brightness: 0.1},
		"mixup=0.2,cutmix=1,flip":  {Mixup: 0.2, Cutmix: 1, Flip: RandomFlip},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%s is shown as %s, which is read as %+v", text, got, again)
		}
	}
	for _, text := range []string{
		"", ",", "flip,", "flip,flip", "flip,flip=alternate", "flip=", "flip=random", "none,flip", "standard,crop=2", "flip=alternate,standard", "standard=1", "crop", "crop=0",
		"crop=-1", "crop=4.5", "crop=4097", "crop=99999999999999999999", "reflect", "reflect=1,crop=2", "cutout=0", "jitter", "jitter=0",
		"jitter=1.1", "jitter=NaN", "jitter=inf", "jitter=-1", "jitter=0.1,contrast=0.1", "contrast=0.1,jitter=0.1", "mixup", "mixup=0", "mixup=0.001", "mixup=11", "cutmix=-1", "cutmix=nan", "rotate=5", "=", "FLIP",
		strings.Repeat("flip,", 100_000),
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%.40q is read as %+v", text, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"none", "standard", "flip=alternate,crop=4,reflect,jitter=0.25,cutout=8", "mixup=0.2,cutmix=1", "brightness=1e-9,contrast=1", "flip,flip"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, shown as %s, read as %+v", text, p, p, again)
		}
		if p.Fit(32, 32) == nil {
			check(t, p, p.Draw(7, 3, 11, 32, 32), 32, 32)
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{Policy{Crop: 7, Reflect: true, Cutout: 8}, ""},
		{Policy{Crop: 8}, "crop=8 leaves nothing of some pictures of 8×20 pixels; at most 7"},
		{Policy{Cutout: 9}, "cutout=9 is more than pictures of 8×20 pixels hold; at most 8"},
	} {
		if err := c.p.Fit(8, 20); c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%v: %v, want %q", c.p, err, c.want)
		}
	}
}

// check refuses a draw beyond what its policy allows.
func check(t *testing.T, p Policy, d Draw, h, w int) {
	t.Helper()
	order := slices.Sorted(slices.Values(d.Order[:]))
	ok := slices.Equal(order, []int{0, 1, 2}) && min(d.Top, d.Left) >= 0 && max(d.Top, d.Left) <= 2*p.Crop
	ok = ok && (p.Flip != NoFlip || !d.Flip) && d.CutTop >= -p.Cutout/2 && d.CutTop < h && d.CutLeft >= -p.Cutout/2 && d.CutLeft < w
	for i, x := range []float64{p.Brightness, p.Contrast, p.Saturation} {
		ok = ok && math.Abs(float64(d.Factor[i])/One-1) <= x+1.0/One
	}
	if !ok {
		t.Errorf("%v draws %+v", p, d)
	}
}

// What is drawn is drawn for ever: these are the numbers of runs that others have made.
func TestKnownDraws(t *testing.T) {
	p := Policy{Crop: 4, Flip: RandomFlip, Brightness: 0.5, Contrast: 0.25, Saturation: 1, Cutout: 5}
	for _, c := range []struct {
		seed          uint64
		epoch, sample int64
		want          Draw
	}{
		{42, 1, 0, Draw{Flip: true, Top: 6, Left: 8, Factor: [3]int{70983, 77911, 102373}, Order: [3]int{1, 0, 2}, CutTop: 13, CutLeft: 10}},
		{42, 1, 49_999, Draw{Flip: false, Top: 5, Left: 4, Factor: [3]int{47707, 79697, 44984}, Order: [3]int{2, 1, 0}, CutTop: 0, CutLeft: 6}},
		{1<<53 - 1, 100_000, 1<<31 - 1, Draw{Flip: false, Top: 6, Left: 8, Factor: [3]int{94823, 80485, 104524}, Order: [3]int{2, 1, 0}, CutTop: 13, CutLeft: -2}},
	} {
		if got := p.Draw(c.seed, c.epoch, c.sample, 32, 24); got != c.want {
			t.Errorf("seed %d, epoch %d, sample %d: %#v, want %#v", c.seed, c.epoch, c.sample, got, c.want)
		}
	}
}

// Every value is as likely as the others: chi-squared stays under its 99.99 % point, by
// Wilson and Hilferty's formula.
func TestDistribution(t *testing.T) {
	const epochs, samples = 20, 5000
	p := Policy{Crop: 4, Flip: RandomFlip, Brightness: 0.5, Contrast: 0.5, Saturation: 0.5, Cutout: 8}
	counts := map[string][]int{
		"flip": make([]int, 2), "place": make([]int, 81), "order": make([]int, 6), "cutout": make([]int, 32*32),
		"brightness": make([]int, 16), "saturation": make([]int, 16), "flip and place": make([]int, 18),
	}
	for epoch := range int64(epochs) {
		for sample := range int64(samples) {
			d := p.Draw(5, epoch+1, sample, 32, 32)
			check(t, p, d, 32, 32)
			flip := 0
			if d.Flip {
				flip = 1
			}
			counts["flip"][flip]++
			counts["place"][9*d.Top+d.Left]++
			counts["order"][2*d.Order[0]+(d.Order[1]-d.Order[0]+3)%3-1]++
			counts["cutout"][32*(d.CutTop+4)+d.CutLeft+4]++
			counts["brightness"][(d.Factor[0]-One/2)*16/(One+1)]++
			counts["saturation"][(d.Factor[2]-One/2)*16/(One+1)]++
			counts["flip and place"][9*flip+d.Top]++
		}
	}
	for what, seen := range counts {
		expected, chi := float64(epochs*samples)/float64(len(seen)), 0.0
		for _, n := range seen {
			chi += (float64(n) - expected) * (float64(n) - expected) / expected
		}
		k := float64(len(seen) - 1)
		if most := k * math.Pow(1-2/(9*k)+3.72*math.Sqrt(2/(9*k)), 3); chi > most {
			t.Errorf("%s: chi-squared %.1f > %.1f of %d values", what, chi, most, len(seen))
		}
	}
}

// Alternate flips half of the samples in one epoch, the other half in the next.
func TestAlternate(t *testing.T) {
	p, flipped := Policy{Flip: Alternate}, 0
	for sample := range int64(10_000) {
		first := p.Draw(3, 1, sample, 32, 32).Flip
		if first {
			flipped++
		}
		for epoch := int64(2); epoch < 6; epoch++ {
			if got := p.Draw(3, epoch, sample, 32, 32).Flip; got != (first == (epoch%2 == 1)) {
				t.Fatalf("sample %d: flip %v in epoch 1, %v in epoch %d", sample, first, got, epoch)
			}
		}
	}
	if flipped < 4800 || flipped > 5200 { // four deviations
		t.Errorf("%d of 10000 are flipped in the first epoch", flipped)
	}
}

// A kind draws the same whatever others there are.
func TestKindsAreIndependent(t *testing.T) {
	all := Policy{Crop: 4, Flip: RandomFlip, Brightness: 0.5, Cutout: 5}.Draw(1, 2, 3, 32, 32)
	flip, crop := Policy{Flip: RandomFlip}.Draw(1, 2, 3, 32, 32), Policy{Crop: 4}.Draw(1, 2, 3, 32, 32)
	cutout := Policy{Cutout: 5}.Draw(1, 2, 3, 32, 32)
	if flip.Flip != all.Flip || crop.Top != all.Top || crop.Left != all.Left || cutout.CutTop != all.CutTop || cutout.CutLeft != all.CutLeft {
		t.Errorf("%+v alone, %+v, %+v, all: %+v", flip, crop, cutout, all)
	}
}
