package cpu

import (
	"math"

	"imgcls/internal/kernels/cpu/vec"
)

// A Norm is a batch norm of x [places, C] with what is known of each channel. Sums are
// kept in float64; elements are computed in float32.
type Norm struct {
	C, Places  int
	mean, rate []float64 // [C]; rate is 1/√(var + eps)
	forward    vec.Affinity
	back       vec.Slope
	act        func(y, x []float32) // what is not a bound, or nil
}

// NewNorm makes the room that a batch norm works in.
func NewNorm(channels, places int) *Norm {
	wide := func() []float64 { return make([]float64, channels) }
	room := func() []float32 { return make([]float32, channels) }
	n := &Norm{C: channels, Places: places, mean: wide(), rate: wide()}
	n.forward = vec.Affinity{Mean: room(), Scale: room(), Bias: room()}
	n.back = vec.Slope{Mean: n.forward.Mean, Scale: room(), Slope: room(), Shift: room()}
	return n
}

// Bound lets what Apply gives, and dy before Products and Back, pass ReLU or, with a
// ceiling that is a number, ReLU6.
func (n *Norm) Bound(ceiling float32) {
	n.forward.Bounded = true
	n.forward.Ceiling, n.back.Ceiling = ceiling, ceiling
}

// Then lets what Apply gives pass an activation that is no bound.
func (n *Norm) Then(act func(y, x []float32)) { n.act = act }

// Moments leaves in partial [3·C] the sums of the channels j to end of rows of x, of
// their squared distances from their own mean, and that mean.
func (n *Norm) Moments(partial []float64, x []float32, j, end int) {
	c := n.C
	sum, squares, mean := partial[j:end], partial[c+j:c+end], partial[2*c+j:2*c+end]
	clear(sum)
	clear(squares)
	rows := len(x) / c
	vec.Sums(sum, x[j:], rows, c)
	for i, s := range sum {
		mean[i] = s / float64(rows)
	}
	vec.Squares(squares, x[j:], mean, rows, c)
}

// PartialSize is how many numbers of a channel Moments and Products leave.
const PartialSize = 3

// Statistics adds up the partials of chunks of so many rows, for the channels lo to hi,
// and stores mean and variance, which may be nil.
func (n *Norm) Statistics(mean, variance []float32, partials []float64, rows []int, eps float64, lo, hi int) {
	places := float64(n.Places)
	for i := lo; i < hi; i++ {
		sum, squares := 0.0, 0.0
		for k := range rows {
			sum += partials[PartialSize*n.C*k+i]
		}
		n.mean[i] = sum / places
		for k, r := range rows {
			of := partials[PartialSize*n.C*k:]
			d := of[2*n.C+i] - n.mean[i]
			squares += of[n.C+i] + float64(float64(d*d)*float64(r))
		}
		n.rate[i] = 1 / math.Sqrt(squares/places+eps)
		if mean != nil {
			mean[i] = float32(n.mean[i])
		}
		if variance != nil {
			variance[i] = float32(squares / places)
		}
	}
}

// Given takes mean and variance from elsewhere.
func (n *Norm) Given(mean, variance []float32, eps float64) {
	for i := range n.C {
		n.mean[i], n.rate[i] = float64(mean[i]), 1/math.Sqrt(float64(variance[i])+eps)
	}
}

// Prepare makes Apply ready for weight and bias.
func (n *Norm) Prepare(weight, bias []float32) {
	for i := range n.C {
		n.forward.Mean[i] = float32(n.mean[i])
		n.forward.Scale[i] = float32(n.rate[i] * float64(weight[i]))
	}
	copy(n.forward.Bias, bias)
}

// Apply is y = (x − mean)·(rate·weight) + bias for whole rows, plus those of plus
// where that is not nil, and what follows it.
func (n *Norm) Apply(y, x, plus []float32) { n.apply(n.forward, y, x, plus) }

func (n *Norm) apply(forward vec.Affinity, y, x, plus []float32) {
	forward.Plus = plus
	forward.Apply(y, x)
	if n.act != nil {
		n.act(y, y)
	}
}

// ApplyTo is Apply in place, to the channels j to end of rows.
func (n *Norm) ApplyTo(y, plus []float32, j, end int) {
	if j == 0 && end == n.C {
		n.Apply(y, y, plus)
		return
	}
	forward := n.forward
	forward.Mean, forward.Scale, forward.Bias = forward.Mean[j:end], forward.Scale[j:end], forward.Bias[j:end]
	var more []float32
	for at := 0; at < len(y); at += n.C {
		if plus != nil {
			more = plus[at+j : at+end]
		}
		row := y[at+j : at+end]
		n.apply(forward, row, row, more)
	}
}

// Products leaves in partial [3·C] the sums of dy and of dy·(x − mean). What was
// bounded is y, else nil.
func (n *Norm) Products(partial []float64, x, dy, y []float32) {
	clear(partial)
	vec.Products(partial[:n.C], partial[n.C:2*n.C], x, dy, y, n.mean, n.back.Ceiling)
}

// Gradients adds up the partials, stores dweight and dbias, which may be nil, and
// prepares Back. With running, mean and variance do not depend on x.
func (n *Norm) Gradients(dweight, dbias, weight []float32, partials []float64, running bool) {
	places := float64(n.Places)
	for i := range n.C {
		sum, products := 0.0, 0.0
		for k := 0; k < len(partials); k += PartialSize * n.C {
			sum += partials[k+i]
			products += partials[k+n.C+i]
		}
		products *= n.rate[i]
		if dweight != nil {
			dweight[i] = float32(products)
		}
		if dbias != nil {
			dbias[i] = float32(sum)
		}
		n.back.Mean[i], n.back.Scale[i] = float32(n.mean[i]), float32(float64(weight[i])*n.rate[i])
		n.back.Slope[i], n.back.Shift[i] = 0, 0
		if !running {
			n.back.Slope[i], n.back.Shift[i] = float32(n.rate[i]*products/places), float32(sum/places)
		}
	}
}

// Back is dx = scale·((dy − shift) − (x − mean)·slope) for whole rows.
func (n *Norm) Back(dx, x, dy, y []float32) { n.back.Apply(dx, x, dy, y) }

// BackRunning is dx = scale·dy for whole rows.
func (n *Norm) BackRunning(dx, dy []float32) {
	zero := n.back.Shift // as Gradients leaves it
	(&vec.Affinity{Mean: zero, Scale: n.back.Scale, Bias: zero}).Apply(dx, dy)
}

// Track moves running towards batch·factor.
func Track(running, batch []float32, momentum, factor float64) {
	for i, v := range batch {
		r := float64(running[i])
		running[i] = float32(r + float64(momentum*(float64(float64(v)*factor)-r)))
	}
}
