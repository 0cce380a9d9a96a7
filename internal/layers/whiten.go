package layers

import (
	"math"
	"slices"

	"imgcls/internal/graph"
)

// Whiten is a convolution whose filters make patches of pictures uncorrelated and of
// variance 1: the eigenvectors of the patches' second moments, divided by the roots of
// their eigenvalues, and the same with the other sign. They are fitted to training
// pictures (Scope.Whiten) and not learnt. Buffer: weight [2·Kernel²·I,Kernel,Kernel,I].
// Parameter: bias.
type Whiten struct{ Kernel int }

// Apply maps [N,H,W,I] to [N,H−Kernel+1,W−Kernel+1,2·Kernel²·I].
func (w Whiten) Apply(s *Scope, x graph.Value) graph.Value {
	in := channels(s, x)
	size := w.Kernel * w.Kernel * in
	weight := s.Buffer("weight", FanIn(size), 2*size, w.Kernel, w.Kernel, in)
	s.whitens = append(s.whitens, weight)
	return s.Add(graph.Conv{Stride: 1}, x, weight, s.Param("bias", FanIn(size), 2*size))
}

// whitenEps is added to eigenvalues, so that what hardly varies is not blown up.
const whitenEps = 5e-4

// Pictures are bytes [N,H,W,C], which become numbers by mean and deviation of each
// channel of pixels scaled to 0 … 1.
type Pictures struct {
	H, W, C   int
	Bytes     []byte
	Mean, Std []float64
}

// Whiten returns the filters of every Whiten layer, fitted to the pictures.
func (s *Scope) Whiten(p Pictures) map[graph.Value][]float32 {
	fitted := map[graph.Value][]float32{}
	for _, v := range s.whitens {
		fitted[v] = p.whiten(s.Shape(v)[1])
	}
	return fitted
}

// whiten returns filters [2·d,k,k,C], d = k·k·C. Eigenvalues rise, and the largest
// component of each eigenvector is positive, then all of it is negative.
func (p Pictures) whiten(k int) []float32 {
	d := k * k * p.C
	values, vectors := eigen(p.moments(k), d)
	order := make([]int, d)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if values[a] < values[b] {
			return -1
		}
		return 1
	})
	filters := make([]float32, 2*d*d)
	for row, at := range order {
		largest := 0.0
		for i := range d {
			if v := vectors[i*d+at]; math.Abs(v) > math.Abs(largest) {
				largest = v
			}
		}
		scale := math.Copysign(1/math.Sqrt(max(values[at], 0)+whitenEps), largest)
		for i := range d {
			v := float32(vectors[i*d+at] * scale)
			filters[row*d+i], filters[(d+row)*d+i] = v, -v
		}
	}
	return filters
}

// moments returns the mean of x xᵀ, [d,d], over all patches x of k×k pixels. Sums are
// of whole numbers, and so the same in any order.
func (p Pictures) moments(k int) []float64 {
	d, row := k*k*p.C, p.W*p.C
	sums, products := make([]int64, d), make([]int64, d*d)
	patch, n := make([]int64, d), 0
	for at := 0; at+p.H*row <= len(p.Bytes); at += p.H * row {
		for y := range p.H - k + 1 {
			for x := range p.W - k + 1 {
				for r := range k {
					for i, b := range p.Bytes[at+(y+r)*row+x*p.C:][:k*p.C] {
						patch[r*k*p.C+i] = int64(b)
					}
				}
				for i, v := range patch {
					sums[i] += v
					to := products[i*d:][:i+1]
					for j := range to {
						to[j] += v * patch[j]
					}
				}
				n++
			}
		}
	}
	moments := make([]float64, d*d)
	for i := range d {
		for j := range i + 1 {
			ci, cj := i%p.C, j%p.C
			mi, mj := 255*p.Mean[ci], 255*p.Mean[cj]
			sum := float64(products[i*d+j]) - float64(mi*float64(sums[j])) - float64(mj*float64(sums[i])) + float64(float64(n)*float64(mi*mj))
			moments[i*d+j] = sum / float64(n) / (255 * 255 * p.Std[ci] * p.Std[cj])
			moments[j*d+i] = moments[i*d+j]
		}
	}
	return moments
}

// eigen returns the eigenvalues of the symmetric matrix a [d,d], which it overwrites,
// and its eigenvectors as columns, by Jacobi's rotations; the same bits on every
// processor, as each product is rounded.
func eigen(a []float64, d int) (values, vectors []float64) {
	vectors = make([]float64, d*d)
	for i := range d {
		vectors[i*d+i] = 1
	}
	const sweeps = 30 // of which a few are needed
	for range sweeps {
		done := true
		for p := range d {
			for q := p + 1; q < d; q++ {
				if math.Abs(a[p*d+q]) > 1e-18*math.Abs(a[p*d+p]+a[q*d+q]) {
					done = false
					rotate(a, vectors, p, q, d)
				}
			}
		}
		if done {
			break
		}
	}
	for i := range d {
		values = append(values, a[i*d+i])
	}
	return values, vectors
}

// rotate turns the plane of p and q so that a[p,q] becomes 0.
func rotate(a, vectors []float64, p, q, d int) {
	theta := (a[q*d+q] - a[p*d+p]) / (2 * a[p*d+q])
	t := math.Copysign(1/(math.Abs(theta)+math.Sqrt(float64(theta*theta)+1)), theta)
	c := 1 / math.Sqrt(float64(t*t)+1)
	s := t * c
	turn := func(x, y *float64) {
		*x, *y = float64(c**x)-float64(s**y), float64(s**x)+float64(c**y)
	}
	for k := range d {
		turn(&a[k*d+p], &a[k*d+q])
	}
	for k := range d {
		turn(&a[p*d+k], &a[q*d+k])
		turn(&vectors[k*d+p], &vectors[k*d+q])
	}
	a[p*d+q], a[q*d+p] = 0, 0
}
