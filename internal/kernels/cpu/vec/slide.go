package vec

// A Tap is where the factors of a product begin: elements of x, and of w.
type Tap = [2]int32

// A Slide is filters that slide over rows of channels, one to a channel: at place j
// the products of tap t are x[t[0] + j·XStep + c]·w[t[1] + c]. What belongs to a place
// on the other side, y, begins at j·YStep. Every product and every sum is rounded.
type Slide struct {
	Taps         []Tap
	Places       int // at least 1
	YStep, XStep int
}

// check panics unless all that s names of n channels lies inside.
func (s *Slide) check(y, x, w, n int) {
	if n == 0 || s.Places < 1 || (s.Places-1)*s.YStep+n > y {
		panic("vec: a slide has no places, or they lie outside")
	}
	for _, t := range s.Taps {
		if t[0] < 0 || t[1] < 0 || int(t[0])+(s.Places-1)*s.XStep+n > x || int(t[1])+n > w {
			panic("vec: a tap lies outside")
		}
	}
}

// Sum is y[j·YStep + c] = start[c] + Σ_t x·w for the channels of start, by
// ascending taps.
func (s *Slide) Sum(y, x, w, start []float32) {
	s.check(len(y), len(x), len(w), len(start))
	active.slide(y, x, w, start, s.Taps, s.Places, s.YStep, s.XStep)
}

func slide(y, x, w, start []float32, taps []Tap, places, yStep, xStep int) {
	c := len(start)
	for j := range places {
		row := y[j*yStep:][:c]
		copy(row, start)
		for _, t := range taps {
			from, by := x[int(t[0])+j*xStep:][:c], w[t[1]:][:c]
			for i, v := range from {
				row[i] += float32(v * by[i])
			}
		}
	}
}

// A Stretch is where the factors of one sum over places begin, and how many there are:
// elements of x, of w and of y, and places.
type Stretch = [4]int32

// SlideProducts adds to w[s[1] + c] the sum over the places j of x[s[0] + j·xStep + c]·
// y[s[2] + j·yStep + c], from the first place to the last, for each of the stretches s
// in turn and each of n channels c. Every product and every sum is rounded.
func SlideProducts(w, x, y []float32, stretches []Stretch, yStep, xStep, n int) {
	for _, s := range stretches {
		last := int(s[3]) - 1
		if s[0] < 0 || s[1] < 0 || s[2] < 0 || last < 0 || n < 1 ||
			int(s[0])+last*xStep+n > len(x) || int(s[1])+n > len(w) || int(s[2])+last*yStep+n > len(y) {
			panic("vec: a stretch has no places, or they lie outside")
		}
	}
	active.slideBack(w, x, y, stretches, yStep, xStep, n)
}

func slideBack(w, x, y []float32, stretches []Stretch, yStep, xStep, channels int) {
	const most = 64
	for _, s := range stretches {
		for at := 0; at < channels; at += most {
			var room [most]float32
			sum := room[:min(most, channels-at)]
			for j := range int(s[3]) {
				from, by := x[int(s[0])+j*xStep+at:][:len(sum)], y[int(s[2])+j*yStep+at:][:len(sum)]
				for i, v := range from {
					sum[i] += float32(by[i] * v)
				}
			}
			to := w[int(s[1])+at:][:len(sum)]
			for i, v := range sum {
				to[i] += v
			}
		}
	}
}
