// Package augment says what is done to training pictures at random, and draws it. A
// Policy is data: it has a text form, for flags and recipes, and a Draw for each sample
// and epoch, which is a function of them and the seed and of nothing else. So neither
// batch nor threads nor device nor a resumed run change what becomes of a picture.
package augment

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Policy is what is done to pictures, in the order of the fields. The zero Policy does
// nothing.
type Policy struct {
	Crop    int  // pixels that are added at each side before the picture's size is cut out at random
	Reflect bool // they are the picture's own, mirrored at its edge pixels, and not black
	Flip    Flip // left and right
	// The factors of brightness, contrast and saturation are drawn from 1−x to 1+x, as by
	// torchvision's ColorJitter, and what they do comes in an order that is drawn.
	Brightness, Contrast, Saturation float64
	Cutout                           int // side of a square that is blanked, around a pixel that is drawn
	// Pictures, and their labels, are mixed with others of their batch: as sums, or by a
	// rectangle. The shares are distributed as Beta(x, x). Where both are given, a coin
	// chooses for each picture.
	Mixup, Cutmix float64
}

// A Flip is how it is decided whether a picture is mirrored.
type Flip uint8

// The kinds of Flip.
const (
	NoFlip     Flip = iota
	RandomFlip      // by a coin for each sample and epoch
	Alternate       // by a coin for each sample in the first epoch, then every second time
)

// Standard is the usual policy for CIFAR-10.
var Standard = Policy{Crop: 4, Flip: RandomFlip}

// mostPixels bounds what is counted in pixels.
const mostPixels = 4096

// Syntax describes the text form to people.
const Syntax = "none, or a list of standard (flip,crop=4), flip, flip=alternate, crop=PIXELS, reflect, " +
	"jitter=0…1 (brightness, contrast, saturation alone too), cutout=PIXELS, " +
	"mixup=ALPHA and cutmix=ALPHA (0.01…10)"

// A measured kind has a number from least to most, in pixels a whole one, which fields
// of a Policy take.
type measured struct {
	name        string
	least, most float64
	pixels      func(*Policy) *int
	shares      func(*Policy) []*float64
}

// smallest is the least number above 0.
const smallest = math.SmallestNonzeroFloat64

var kinds = []measured{
	{name: "crop", least: 1, most: mostPixels, pixels: func(p *Policy) *int { return &p.Crop }},
	{name: "jitter", least: smallest, most: 1, shares: func(p *Policy) []*float64 {
		return []*float64{&p.Brightness, &p.Contrast, &p.Saturation}
	}},
	{name: "brightness", least: smallest, most: 1, shares: func(p *Policy) []*float64 { return []*float64{&p.Brightness} }},
	{name: "contrast", least: smallest, most: 1, shares: func(p *Policy) []*float64 { return []*float64{&p.Contrast} }},
	{name: "saturation", least: smallest, most: 1, shares: func(p *Policy) []*float64 { return []*float64{&p.Saturation} }},
	{name: "cutout", least: 1, most: mostPixels, pixels: func(p *Policy) *int { return &p.Cutout }},
	{name: "mixup", least: 0.01, most: 10, shares: func(p *Policy) []*float64 { return []*float64{&p.Mixup} }},
	{name: "cutmix", least: 0.01, most: 10, shares: func(p *Policy) []*float64 { return []*float64{&p.Cutmix} }},
}

// Parse reads the text form: each kind once, with commas between them. Its error says
// which kind is wrong, and why.
func Parse(text string) (Policy, error) {
	var p Policy
	if text == "none" {
		return p, nil
	}
	seen := map[string]bool{}
	for kind := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(kind), "=")
		if seen[name] {
			return Policy{}, fmt.Errorf("%s comes twice", name)
		}
		seen[name] = true
		if err := p.set(name, value, given); err != nil {
			return Policy{}, err
		}
	}
	for _, short := range []struct{ name, has string }{
		{"standard", "flip"}, {"standard", "crop"}, {"jitter", "brightness"}, {"jitter", "contrast"}, {"jitter", "saturation"},
	} {
		if seen[short.name] && seen[short.has] {
			return Policy{}, fmt.Errorf("%s has %s in it already", short.name, short.has)
		}
	}
	if p.Reflect && p.Crop == 0 {
		return Policy{}, errors.New("reflect is a way to crop, and wants crop=PIXELS beside it")
	}
	return p, nil
}

// set takes in one kind of the list.
func (p *Policy) set(name, value string, given bool) error {
	names := "standard, flip, reflect"
	for _, k := range kinds {
		if k.name == name {
			return k.set(p, value)
		}
		names += ", " + k.name
	}
	switch {
	case name == "standard" && !given:
		p.Crop, p.Flip = Standard.Crop, Standard.Flip
	case name == "flip" && !given:
		p.Flip = RandomFlip
	case name == "flip" && value == "alternate":
		p.Flip = Alternate
	case name == "flip":
		return fmt.Errorf("flip has no value but alternate, not %q", value)
	case name == "reflect" && !given:
		p.Reflect = true
	case name == "standard" || name == "reflect":
		return fmt.Errorf("%s has no value", name)
	default:
		return fmt.Errorf("%q is none of %s", name, names)
	}
	return nil
}

// set takes in the number.
func (k measured) set(p *Policy, value string) (err error) {
	var x float64
	if k.pixels != nil {
		to := k.pixels(p)
		*to, err = strconv.Atoi(value)
		x = float64(*to)
	} else if x, err = strconv.ParseFloat(value, 64); err == nil {
		for _, to := range k.shares(p) {
			*to = x
		}
	}
	if err == nil && k.least <= x && x <= k.most {
		return nil
	}
	from := fmt.Sprintf("from %g", k.least)
	if k.least == smallest {
		from = "above 0"
	}
	return fmt.Errorf("%s=%q is no number %s to %g", k.name, value, from, k.most)
}

// String returns the text form.
func (p Policy) String() string {
	var list []string
	add := func(is bool, format string, args ...any) {
		if is {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(p.Flip == RandomFlip, "flip")
	add(p.Flip == Alternate, "flip=alternate")
	add(p.Crop > 0, "crop=%d", p.Crop)
	add(p.Reflect, "reflect")
	alike := p.Brightness == p.Contrast && p.Contrast == p.Saturation
	add(alike && p.Brightness > 0, "jitter=%g", p.Brightness)
	add(!alike && p.Brightness > 0, "brightness=%g", p.Brightness)
	add(!alike && p.Contrast > 0, "contrast=%g", p.Contrast)
	add(!alike && p.Saturation > 0, "saturation=%g", p.Saturation)
	add(p.Cutout > 0, "cutout=%d", p.Cutout)
	add(p.Mixup > 0, "mixup=%g", p.Mixup)
	add(p.Cutmix > 0, "cutmix=%g", p.Cutmix)
	if list == nil {
		return "none"
	}
	return strings.Join(list, ",")
}

// Mixes reports whether pictures are mixed with others.
func (p Policy) Mixes() bool { return p.Mixup > 0 || p.Cutmix > 0 }

// Alone returns what is done to a picture alone.
func (p Policy) Alone() Policy {
	p.Mixup, p.Cutmix = 0, 0
	return p
}

// Fit reports why pictures of that size cannot be treated so, if they cannot: of some
// crops or behind some squares nothing would be left.
func (p Policy) Fit(height, width int) error {
	least := min(height, width)
	if p.Crop >= least {
		return fmt.Errorf("crop=%d leaves nothing of some pictures of %d×%d pixels; at most %d", p.Crop, height, width, least-1)
	}
	if p.Cutout > least {
		return fmt.Errorf("cutout=%d is more than pictures of %d×%d pixels hold; at most %d", p.Cutout, height, width, least)
	}
	return nil
}
