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

// Products adds Σ_j x·dy[j·YStep + c] to dw[t[1] + c] for n channels, from the first
// place to the last.
func (s *Slide) Products(dw, x, dy []float32, n int) {
	s.check(len(dy), len(x), len(dw), n)
	active.slideBack(dw, x, dy, s.Taps, s.Places, s.YStep, s.XStep, n)
}

func slideBack(dw, x, dy []float32, taps []Tap, places, yStep, xStep, channels int) {
	const most = 64
	for _, t := range taps {
		for at := 0; at < channels; at += most {
			var room [most]float32
			sum := room[:min(most, channels-at)]
			for j := range places {
				d, from := dy[j*yStep+at:][:len(sum)], x[int(t[0])+j*xStep+at:][:len(sum)]
				for i, v := range from {
					sum[i] += float32(d[i] * v)
				}
			}
			to := dw[int(t[1])+at:][:len(sum)]
			for i, v := range sum {
				to[i] += v
			}
		}
	}
}
