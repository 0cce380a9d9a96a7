package cpu

import "math"

// AdamW holds the factors of Adam with decoupled weight decay; see graph.AdamW.
// Rest1 and Rest2 are 1 − Beta1 and 1 − Beta2, rounded once.
type AdamW struct {
	Keep, Rate, Root, Beta1, Rest1, Beta2, Rest2, Eps float32
}

// Finite reports whether Update would leave p, m and v finite.
func (a AdamW) Finite(p, dp, m, v []float32) bool {
	for i := range p {
		// 0 times a NaN or an infinity is NaN.
		x, y, z := a.next(p[i], dp[i], m[i], v[i])
		if x*0+y*0+z*0 != 0 {
			return false
		}
	}
	return true
}

// Update changes p, m and v by dp.
func (a AdamW) Update(p, dp, m, v []float32) {
	for i := range p {
		p[i], m[i], v[i] = a.next(p[i], dp[i], m[i], v[i])
	}
}

// next returns what an element becomes; every product and every sum is rounded.
func (a AdamW) next(p, dp, m, v float32) (float32, float32, float32) {
	m = float32(a.Beta1*m) + float32(a.Rest1*dp)
	v = float32(a.Beta2*v) + float32(a.Rest2*float32(dp*dp))
	root := float32(a.Root * float32(math.Sqrt(float64(v))))
	return float32(a.Keep*p) - float32(a.Rate*m)/(root+a.Eps), m, v
}
