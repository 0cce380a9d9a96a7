package cpu

import "imgcls/internal/kernels/cpu/vec"

// Depthwise reports whether each channel has one filter of its own, so that there is
// nothing to multiply a matrix for: channels lie side by side in vectors.
func (c Conv) Depthwise() bool { return c.Groups > 1 && c.I == c.Groups && c.O == c.Groups }

// Slides is the list of runs in which an image of a depthwise convolution's output is
// computed, or of its gradient with respect to x: places of one line that meet the
// same taps. It is the same for every image.
type Slides struct {
	channels, taps int
	size           int // elements of an output line
	from           int // elements of an input image
	step           int // elements from what one place of a run meets to what the next does
	runs           []slideRun
	lines          []int // of each output line the first run, and the end
	zeros          []float32
}

// A slideRun begins at element y of the output image.
type slideRun struct {
	y int
	vec.Slide
}

// DepthwiseForward returns the runs that compute y from x [H,W,C] for each image,
// with w packed by PackDepthwise.
func (c Conv) DepthwiseForward() *Slides {
	s := newSlides(c.R*c.S, c.Q*c.O, c.H*c.W*c.I, c.O, c.Stride*c.I)
	c.forwardLines(s, false)
	return s
}

// DepthwiseBackData returns the runs that compute dx from dy [P,Q,C] for each image,
// with w packed by PackDepthwise.
func (c Conv) DepthwiseBackData() *Slides {
	s := newSlides(c.R*c.S, c.W*c.I, c.P*c.Q*c.O, c.I, c.O)
	c.backLines(s)
	return s
}

func newSlides(taps, size, from, channels, step int) *Slides {
	return &Slides{channels: channels, taps: taps, size: size, from: from, step: step, lines: []int{0}, zeros: make([]float32, channels)}
}

// PackDepthwise packs the filters lo to hi of w [C,R,S] as [R,S,C].
func (c Conv) PackDepthwise(packed, w []float32, lo, hi int) {
	taps := c.R * c.S
	for o := lo; o < hi; o++ {
		for tap := range taps {
			packed[tap*c.O+o] = w[o*taps+tap]
		}
	}
}

// Bands returns the number of bands of one image, which are its lines.
func (s *Slides) Bands() int { return len(s.lines) - 1 }

// Rows returns the places of the output before a band.
func (s *Slides) Rows(band int) int { return band * (s.size / s.channels) }

// Least returns how many bands are best computed in one call.
func (s *Slides) Least() int { return 1 }

func (s *Slides) endLine() { s.lines = append(s.lines, len(s.runs)) }

// line adds the runs of count places of the current line, as Walk's does.
func (s *Slides) line(count, step, begin, taps int, in func(place, tap int) (from int, inside bool)) {
	met := func(at int) (list []vec.Tap) {
		for tap := range taps {
			if from, inside := in(at, tap); inside {
				list = append(list, vec.Tap{int32(from), int32(tap * s.channels)})
			}
		}
		return list
	}
	same := func(at, next int) bool {
		for tap := range taps {
			_, a := in(at, tap)
			if _, b := in(next, tap); a != b {
				return false
			}
		}
		return true
	}
	line := (len(s.lines) - 1) * s.size
	for at := 0; at < count; {
		run := slideRun{line + begin + at*step, vec.Slide{Taps: met(at), Places: 1, YStep: step, XStep: s.step}}
		for at+run.Places < count && same(at, at+run.Places) {
			run.Places++
		}
		s.runs = append(s.runs, run)
		at += run.Places
	}
}

// ComputeBands computes the lines lo to hi, counted over all images. It wants all
// columns.
func (s *Slides) ComputeBands(l Layer, lo, hi, _, _ int, _ []float32) {
	start := l.Bias
	if start == nil {
		start = s.zeros
	}
	lines := s.Bands()
	for at := lo; at < hi; at++ {
		n, line := at/lines, at%lines
		x, y := l.X[n*s.from:], l.Y[n*lines*s.size:]
		for _, run := range s.runs[s.lines[line]:s.lines[line+1]] {
			run.Sum(y[run.y:], x, l.Packed, start)
		}
		if l.ReLU {
			row := y[line*s.size:][:s.size]
			vec.ReLU(row, row)
		}
	}
}

// depthwiseStretches returns the sums over places of which dw [R,S,C] is made: for each
// line of dy and each tap those places whose x is inside the image.
func (c Conv) depthwiseStretches() (list []vec.Stretch) {
	for p := range c.P {
		for tap := range c.R * c.S {
			r, s := tap/c.S, tap%c.S
			h := p*c.Stride + r - c.Pad
			q, q1 := c.inside(s, c.W, c.Q)
			if h < 0 || h >= c.H || q == q1 {
				continue
			}
			x := (h*c.W + q*c.Stride + s - c.Pad) * c.I
			list = append(list, vec.Stretch{int32(x), int32(tap * c.O), int32((p*c.Q + q) * c.O), int32(q1 - q)})
		}
	}
	return list
}
