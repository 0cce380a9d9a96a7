package cpu

// Finite reports whether no element of x is NaN or infinite: for those x·0 is
// NaN, and for all others a zero.
func Finite(x []float32) bool {
	var a, b, c, d float32
	for ; len(x) >= 4; x = x[4:] {
		a += x[0] * 0
		b += x[1] * 0
		c += x[2] * 0
		d += x[3] * 0
	}
	for _, v := range x {
		a += v * 0
	}
	return a+b+c+d == 0
}

// SGD holds the factors of stochastic gradient descent; see graph.SGD.
type SGD struct {
	LR, Momentum, Decay float32
	Nesterov            bool
}

// next returns what an element of a parameter and its momentum become.
func (s SGD) next(p, dp, v float32) (float32, float32) {
	d := dp + float32(s.Decay*p)
	v = float32(s.Momentum*v) + d
	step := v
	if s.Nesterov {
		step = d + float32(s.Momentum*v)
	}
	return p - float32(s.LR*step), v
}

// Finite reports whether Update would leave p and v finite. It looks at the new
// p alone, which a v that is NaN or infinite spoils at any rate, even 0.
func (s SGD) Finite(p, dp, v []float32) bool {
	dp, v = dp[:len(p)], v[:len(p)]
	for i := range p {
		if next, _ := s.next(p[i], dp[i], v[i]); next*0 != 0 { // NaN
			return false
		}
	}
	return true
}

// Update changes the parameter p and its momentum v by the gradient dp.
func (s SGD) Update(p, dp, v []float32) {
	dp, v = dp[:len(p)], v[:len(p)]
	for i := range p {
		p[i], v[i] = s.next(p[i], dp[i], v[i])
	}
}

// Record writes loss to its place in the ring.
func Record(ring []float32, step int64, loss float32) {
	ring[step%int64(len(ring))] = loss
}

// Tick counts a step of batch samples and copies the next one's row of table
// to scalars.
func Tick(step, cursor *int64, scalars, table []float32, batch int) {
	*step++
	*cursor += int64(batch)
	rows := len(table) / len(scalars)
	next := int(min(*step, int64(rows-1)))
	copy(scalars, table[next*len(scalars):])
}
