// Package augment says what is done to training pictures at random, and draws it. A
// Policy is data: it has a text form, for flags and recipes, and a Draw for each sample
// and epoch, which is a function of them and the seed and of nothing else. So neither
// batch nor threads nor device nor a resumed run change what becomes of a picture.
package augment

import (
	"fmt"
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

// Parse reads the text form, and reports whether it is one: each kind once, with commas
// between them.
func Parse(text string) (Policy, bool) {
	var p Policy
	if text == "none" {
		return p, true
	}
	seen := map[string]bool{}
	for kind := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(kind), "=")
		if seen[name] || !p.set(name, value, given) {
			return Policy{}, false
		}
		seen[name] = true
	}
	twice := seen["jitter"] && (seen["brightness"] || seen["contrast"] || seen["saturation"]) ||
		seen["standard"] && (seen["flip"] || seen["crop"])
	if twice || p.Reflect && p.Crop == 0 {
		return Policy{}, false
	}
	return p, true
}

// set takes in one kind of the list.
func (p *Policy) set(name, value string, given bool) (ok bool) {
	if !given {
		switch name {
		case "standard":
			p.Crop, p.Flip = Standard.Crop, Standard.Flip
		case "flip":
			p.Flip = RandomFlip
		case "reflect":
			p.Reflect = true
		default:
			return false
		}
		return true
	}
	switch name {
	case "flip":
		p.Flip = Alternate
		return value == "alternate"
	case "crop":
		p.Crop, ok = pixels(value)
	case "cutout":
		p.Cutout, ok = pixels(value)
	case "mixup":
		p.Mixup, ok = alpha(value)
	case "cutmix":
		p.Cutmix, ok = alpha(value)
	case "brightness":
		p.Brightness, ok = strength(value)
	case "contrast":
		p.Contrast, ok = strength(value)
	case "saturation":
		p.Saturation, ok = strength(value)
	case "jitter":
		p.Brightness, ok = strength(value)
		p.Contrast, p.Saturation = p.Brightness, p.Brightness
	}
	return ok
}

func pixels(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && 0 < n && n <= mostPixels
}

func strength(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && 0 < x && x <= 1
}

func alpha(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && 0.01 <= x && x <= 10
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
