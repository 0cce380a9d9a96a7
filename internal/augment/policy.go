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

const kinds = "standard, flip, crop, reflect, jitter, brightness, contrast, saturation, cutout, mixup and cutmix"

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
	switch {
	case name == "standard" && !given:
		p.Crop, p.Flip = Standard.Crop, Standard.Flip
	case name == "flip" && !given:
		p.Flip = RandomFlip
	case name == "flip" && value == "alternate":
		p.Flip = Alternate
	case name == "reflect" && !given:
		p.Reflect = true
	case name == "standard" || name == "reflect":
		return fmt.Errorf("%s has no value", name)
	case name == "flip":
		return fmt.Errorf("flip is flip or flip=alternate, not flip=%s", value)
	case name == "crop":
		return whole(&p.Crop, name, value)
	case name == "cutout":
		return whole(&p.Cutout, name, value)
	case name == "mixup":
		return number(&p.Mixup, name, value, leastAlpha, mostAlpha)
	case name == "cutmix":
		return number(&p.Cutmix, name, value, leastAlpha, mostAlpha)
	case name == "brightness":
		return number(&p.Brightness, name, value, math.SmallestNonzeroFloat64, 1)
	case name == "contrast":
		return number(&p.Contrast, name, value, math.SmallestNonzeroFloat64, 1)
	case name == "saturation":
		return number(&p.Saturation, name, value, math.SmallestNonzeroFloat64, 1)
	case name == "jitter":
		err := number(&p.Brightness, name, value, math.SmallestNonzeroFloat64, 1)
		p.Contrast, p.Saturation = p.Brightness, p.Brightness
		return err
	default:
		return fmt.Errorf("%q is none of %s", name, kinds)
	}
	return nil
}

// The parameter of Beta distributions.
const leastAlpha, mostAlpha = 0.01, 10

// whole reads what is counted in pixels.
func whole(n *int, name, value string) (err error) {
	if *n, err = strconv.Atoi(value); err != nil || *n < 1 || *n > mostPixels {
		return fmt.Errorf("%s is %s=PIXELS from 1 to %d, not %s=%s", name, name, mostPixels, name, value)
	}
	return nil
}

// number reads a number from least to most; the least that there is means any above 0.
func number(x *float64, name, value string, least, most float64) (err error) {
	if *x, err = strconv.ParseFloat(value, 64); err == nil && least <= *x && *x <= most {
		return nil
	}
	from := fmt.Sprintf("from %g", least)
	if least == math.SmallestNonzeroFloat64 {
		from = "above 0"
	}
	return fmt.Errorf("%s is %s=NUMBER %s to %g, not %s=%s", name, name, from, most, name, value)
}

// String returns the text form.
func (p Policy) String() string {
	var kinds []string
	add := func(is bool, format string, args ...any) {
		if is {
			kinds = append(kinds, fmt.Sprintf(format, args...))
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
	if kinds == nil {
		return "none"
	}
	return strings.Join(kinds, ",")
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
