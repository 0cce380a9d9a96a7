package vec

// Finite reports whether no element of x is NaN or infinite.
func Finite(x []float32) bool { return active.finite(x) }

// For NaN and infinity x·0 is NaN, and for all others a zero.
func finite(x []float32) bool {
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

// SGD holds the factors of stochastic gradient descent. An element of a
// parameter p with gradient dp and momentum v becomes
//
//	d = dp + Decay·p
//	v = Momentum·v + d
//	p = p − LR·v, with Nesterov p − LR·(d + Momentum·v)
//
// where every product and every sum is rounded.
type SGD struct {
	LR, Momentum, Decay float32
	Nesterov            bool
}

// Finite reports whether Update would leave p and v finite. It looks at the new
// p alone, which a v that is NaN or infinite spoils at any rate, even 0.
func (s SGD) Finite(p, dp, v []float32) bool {
	run := active.sgdFinite
	if s.Nesterov {
		run = active.nesterovFinite
	}
	return run(p, dp[:len(p)], v[:len(p)], s.LR, s.Momentum, s.Decay)
}

// Update changes p and v by dp.
func (s SGD) Update(p, dp, v []float32) {
	run := active.sgdUpdate
	if s.Nesterov {
		run = active.nesterovUpdate
	}
	run(p, dp[:len(p)], v[:len(p)], s.LR, s.Momentum, s.Decay)
}

func sgdFinite(p, dp, v []float32, lr, momentum, decay float32) bool {
	for i := range p {
		_, next := velocity(p[i], dp[i], v[i], momentum, decay)
		if (p[i]-float32(lr*next))*0 != 0 { // NaN
			return false
		}
	}
	return true
}

func sgdUpdate(p, dp, v []float32, lr, momentum, decay float32) {
	for i := range p {
		_, v[i] = velocity(p[i], dp[i], v[i], momentum, decay)
		p[i] -= float32(lr * v[i])
	}
}

func nesterovFinite(p, dp, v []float32, lr, momentum, decay float32) bool {
	for i := range p {
		d, next := velocity(p[i], dp[i], v[i], momentum, decay)
		if (p[i]-float32(lr*(d+float32(momentum*next))))*0 != 0 { // NaN
			return false
		}
	}
	return true
}

func nesterovUpdate(p, dp, v []float32, lr, momentum, decay float32) {
	for i := range p {
		d, next := velocity(p[i], dp[i], v[i], momentum, decay)
		v[i] = next
		p[i] -= float32(lr * (d + float32(momentum*next)))
	}
}

// velocity returns d and the new v.
func velocity(p, dp, v, momentum, decay float32) (d, next float32) {
	d = dp + float32(decay*p)
	return d, float32(momentum*v) + d
}
