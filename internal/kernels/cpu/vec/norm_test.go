package vec

// Channels of which every function over rows is tried, beside numbers of rows up to n.
var normChannels = []int{1, 3, 4, 7, 8, 9, 12, 15, 16, 17, 31, 32, 45}

func init() {
	ceilings := map[string]float32{"ReLU": Unbounded, "ReLU6": 6}
	for _, c := range normChannels {
		rows := func(n int) int { return n % 9 }
		add := func(name string, run func(m *memory, rows int)) {
			calls = append(calls, call{name, func(m *memory, n int) {
				if n < 18 {
					run(m, rows(n))
				}
			}})
		}
		norm := func(m *memory, rows int, plus bool) *Affinity {
			a := &Affinity{Mean: m.f32(c, 30), Scale: m.f32(c, 30), Bias: m.f32(c, 30)}
			if plus {
				a.Plus = m.f32(rows*c, 9)
			}
			return a
		}
		for _, plus := range []bool{false, true} {
			add("Affinity", func(m *memory, rows int) { norm(m, rows, plus).Apply(m.f32(rows*c, 9), m.f32(rows*c, 9)) })
			for name, ceiling := range ceilings {
				add("Affinity"+name, func(m *memory, rows int) {
					a := norm(m, rows, plus)
					a.Bounded, a.Ceiling = true, ceiling
					a.Apply(m.f32(rows*c, 9), m.f32(rows*c, 9))
				})
				add("AffinityOfZeros"+name, func(m *memory, rows int) {
					a := norm(m, rows, plus)
					for _, x := range m.floats {
						m.zeros(x)
					}
					a.Bounded, a.Ceiling = true, ceiling
					x := m.f32(rows*c, 0)
					m.zeros(x)
					a.Apply(m.f32(rows*c, 9), x)
				})
			}
		}
		slope := func(m *memory, ceiling float32) *Slope {
			return &Slope{m.f32(c, 30), m.f32(c, 30), m.f32(c, 30), m.f32(c, 30), ceiling}
		}
		add("Slope", func(m *memory, rows int) {
			slope(m, 0).Apply(m.f32(rows*c, 9), m.f32(rows*c, 9), m.f32(rows*c, 9), nil)
		})
		add("Products", func(m *memory, rows int) {
			Products(m.f64(c, 99), m.f64(c, 99), m.f32(rows*c, 30), m.f32(rows*c, 30), nil, m.f64(c, 99), 0)
		})
		for name, ceiling := range ceilings {
			add("Slope"+name, func(m *memory, rows int) {
				slope(m, ceiling).Apply(m.f32(rows*c, 9), m.f32(rows*c, 9), m.f32(rows*c, 9), m.f32(rows*c, 9))
			})
			add("Products"+name, func(m *memory, rows int) {
				Products(m.f64(c, 99), m.f64(c, 99), m.f32(rows*c, 30), m.f32(rows*c, 30), m.f32(rows*c, 5), m.f64(c, 99), ceiling)
			})
		}
		add("Sums", func(m *memory, rows int) {
			gap := rows % 3
			Sums(m.f64(c, 99), m.f32(max(0, (rows-1)*(c+gap)+c), 30), rows, c+gap)
		})
		add("Squares", func(m *memory, rows int) {
			gap := rows % 3
			Squares(m.f64(c, 99), m.f32(max(0, (rows-1)*(c+gap)+c), 30), m.f64(c, 99), rows, c+gap)
		})
	}
}

// zeros makes x zeros of either sign.
func (m *memory) zeros(x []float32) {
	for i := range x {
		x[i] = special[4+m.random.IntN(2)]
	}
}
