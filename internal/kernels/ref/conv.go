package ref

// A ConvShape holds the extents of a convolution of x [N,H,W,I] with w
// [O,R,S,I/G] in G groups into y [N,P,Q,O], by Stride, over Pad rows and columns of zeros on
// every side of x.
type ConvShape struct {
	N, H, W, I  int
	O, R, S     int
	P, Q        int
	Stride, Pad int
	G           int
}

// runs calls f for each run of products x·w that are added to an element of y, those
// with the channels of one place of x: it begins at the places x and w in memory and
// is as long as a group. Products with the zeros outside x are left out.
func (k ConvShape) runs(f func(x, w, y int)) {
	each := k.I / k.G
	for n := range k.N {
		for p := range k.P {
			for q := range k.Q {
				for o := range k.O {
					y := ((n*k.P+p)*k.Q+q)*k.O + o
					group := o / (k.O / k.G)
					for r := range k.R {
						for s := range k.S {
							h, v := p*k.Stride+r-k.Pad, q*k.Stride+s-k.Pad
							if h < 0 || h >= k.H || v < 0 || v >= k.W {
								continue
							}
							f(((n*k.H+h)*k.W+v)*k.I+group*each, ((o*k.R+r)*k.S+s)*each, y)
						}
					}
				}
			}
		}
	}
}

// Conv is the cross-correlation of x with w plus the bias b [O], which may be
// nil:
//
//	y[n,p,q,o] = b[o] + Σ_{r,s,i} x[n, p·Stride+r−Pad, q·Stride+s−Pad, g·I/G + i] · w[o,r,s,i]
func Conv(y, x, w, b []float64, k ConvShape) {
	for i := range y {
		y[i] = 0
		if b != nil {
			y[i] = b[i%k.O]
		}
	}
	each := k.I / k.G
	k.runs(func(ix, iw, iy int) {
		sum, w := y[iy], w[iw:][:each]
		for i, v := range x[ix:][:each] {
			sum += float64(v * w[i])
		}
		y[iy] = sum
	})
}

// ConvBackData is the gradient of Conv with respect to x.
func ConvBackData(dx, w, dy []float64, k ConvShape) {
	clear(dx)
	each := k.I / k.G
	k.runs(func(ix, iw, iy int) { addScaled(dx[ix:][:each], w[iw:][:each], dy[iy]) })
}

// ConvBackFilter is the gradient of Conv with respect to w.
func ConvBackFilter(dw, x, dy []float64, k ConvShape) {
	clear(dw)
	each := k.I / k.G
	k.runs(func(ix, iw, iy int) { addScaled(dw[iw:][:each], x[ix:][:each], dy[iy]) })
}
