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
				}},
				call{"Slide.Products", func(m *memory, n int) {
					if n < 11 {
						run(m, n, func(s *Slide, dy, x, dw []float32) { s.Products(dw, x, dy, c) })
					}
				}})
		}
	}
}
