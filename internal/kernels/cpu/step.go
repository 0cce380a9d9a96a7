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

// Update changes the parameter p and its momentum v by the gradient dp.
func (s SGD) Update(p, dp, v []float32) {
	dp, v = dp[:len(p)], v[:len(p)]
	if s.Nesterov {
		for i := range p {
			d := dp[i] + float32(s.Decay*p[i])
			v[i] = float32(s.Momentum*v[i]) + d
			p[i] -= float32(s.LR * (d + float32(s.Momentum*v[i])))
		}
		return
	}
	for i := range p {
		d := dp[i] + float32(s.Decay*p[i])
		v[i] = float32(s.Momentum*v[i]) + d
		p[i] -= float32(s.LR * v[i])
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
