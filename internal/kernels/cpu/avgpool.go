package cpu

// An AvgPool holds the extents of the means of R×S windows of x [N,H,W,C], which give
// y [N,P,Q,C]; see graph.AvgPool. Sums are kept in float64 and rounded once.
type AvgPool struct {
	N, H, W, C  int
	P, Q        int
	R, S        int
	Stride, Pad int
}

// Forward computes the lines lo to hi of all N·P of y.
func (k AvgPool) Forward(y, x []float32, lo, hi int) {
	for at := lo * k.Q; at < hi*k.Q; at++ {
		line, q := at/k.Q, at%k.Q
		n, top, side := line/k.P, line%k.P*k.Stride-k.Pad, q*k.Stride-k.Pad
		for c := range k.C {
			sum := 0.0
			for h := max(0, top); h < min(k.H, top+k.R); h++ {
				for w := max(0, side); w < min(k.W, side+k.S); w++ {
					sum += float64(x[((n*k.H+h)*k.W+w)*k.C+c])
				}
			}
			y[at*k.C+c] = float32(sum / float64(k.R*k.S))
		}
	}
}

// Back computes the lines lo to hi of all N·H of dx.
func (k AvgPool) Back(dx, dy []float32, lo, hi int) {
	for at := lo * k.W; at < hi*k.W; at++ {
		line, w := at/k.W, at%k.W
		n, h := line/k.H, line%k.H
		p0, p1 := k.over(h, k.R, k.P)
		q0, q1 := k.over(w, k.S, k.Q)
		for c := range k.C {
			sum := 0.0
			for p := p0; p < p1; p++ {
				for q := q0; q < q1; q++ {
					sum += float64(dy[((n*k.P+p)*k.Q+q)*k.C+c])
				}
			}
			dx[at*k.C+c] = float32(sum / float64(k.R*k.S))
		}
	}
}

// over returns the windows lo to hi of most that cover a place.
func (k AvgPool) over(place, size, most int) (lo, hi int) {
	lo = max(0, (place+k.Pad-size)/k.Stride+1)
	if place+k.Pad < size {
		lo = 0
	}
	return lo, min(most, (place+k.Pad)/k.Stride+1)
}
