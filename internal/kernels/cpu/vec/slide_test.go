package vec

func init() {
	for _, c := range normChannels {
		for _, taps := range []int{0, 1, 9} {
			// Taps lie apart, and so do places, on both sides; n are the places.
			run := func(m *memory, n int, call func(s *Slide, y, x, w []float32)) {
				s := &Slide{Places: n + 1, YStep: c + n%2, XStep: 2*c + n%3}
				for t := range taps {
					s.Taps = append(s.Taps, Tap{int32(3 * t % 5), int32(t * (c + 1))})
				}
				call(s, m.f32(n*s.YStep+c, 99), m.f32(n*s.XStep+c+4, 99), m.f32(taps*(c+1), 99))
			}
			calls = append(calls,
				call{"Slide.Sum", func(m *memory, n int) {
					if n < 11 {
						run(m, n, func(s *Slide, y, x, w []float32) { s.Sum(y, x, w, m.f32(c, 99)) })
					}
				}})
			calls = append(calls, call{"SlideProducts", func(m *memory, n int) {
				if n >= 11 {
					return
				}
				yStep, xStep := c+n%2, 2*c+n%3
				var stretches []Stretch
				for t := range taps {
					places := 1 + (n+t)%(n+1)
					stretches = append(stretches, Stretch{int32(3 * t % 5), int32(t * (c + 1)), int32((n + 1 - places) * yStep), int32(places)})
				}
				SlideProducts(m.f32(taps*(c+1), 99), m.f32(n*xStep+c+4, 99), m.f32(n*yStep+c, 99), stretches, yStep, xStep, c)
			}})
		}
	}
}
