package cpu

import "math"

// A Norm is a batch norm of x [places, C] with what is known of each channel.
// Sums are kept in float64, and each result is rounded once.
type Norm struct {
	C, Places    int
	Mean, Rate   []float64 // [C]; Rate is 1/√(var + eps)
	scale, slope []float64 // [C], of the gradient: what dy and x − mean are multiplied with
	shift        []float64
}

// NewNorm makes the room that a batch norm works in.
func NewNorm(channels, places int) *Norm {
	room := func() []float64 { return make([]float64, channels) }
	return &Norm{C: channels, Places: places, Mean: room(), Rate: room(), scale: room(), slope: room(), shift: room()}
}

// Moments leaves in partial [2·C] the sums of the rows x and of their squared
// distances from their own mean.
func (n *Norm) Moments(partial []float64, x []float32) {
	c := n.C
	sum, squares := partial[:c], partial[c:2*c]
	clear(partial)
	for at := 0; at < len(x); at += c {
		for i, v := range x[at : at+c] {
			sum[i] += float64(v)
		}
	}
	rows := float64(len(x) / c)
	for at := 0; at < len(x); at += c {
		for i, v := range x[at : at+c] {
			d := float64(v) - sum[i]/rows
			squares[i] += float64(d * d)
		}
	}
}

// Statistics adds up the partials of chunks of so many rows, and stores mean and
// variance, which may be nil.
func (n *Norm) Statistics(mean, variance []float32, partials []float64, rows []int, eps float64) {
	places := float64(n.Places)
	for i := range n.C {
		sum, squares := 0.0, 0.0
		for k := range rows {
			sum += partials[2*n.C*k+i]
		}
		n.Mean[i] = sum / places
		for k, r := range rows {
			d := partials[2*n.C*k+i]/float64(r) - n.Mean[i]
			squares += partials[2*n.C*k+n.C+i] + float64(float64(d*d)*float64(r))
		}
		n.Rate[i] = 1 / math.Sqrt(squares/places+eps)
		if mean != nil {
			mean[i] = float32(n.Mean[i])
		}
		if variance != nil {
			variance[i] = float32(squares / places)
		}
	}
}

// Given takes mean and variance from elsewhere.
func (n *Norm) Given(mean, variance []float32, eps float64) {
	for i := range n.C {
		n.Mean[i], n.Rate[i] = float64(mean[i]), 1/math.Sqrt(float64(variance[i])+eps)
	}
}

// Apply is y = (x − mean)·rate·weight + bias for whole rows.
func (n *Norm) Apply(y, x, weight, bias []float32) {
	c := n.C
	mean, rate := n.Mean[:c], n.Rate[:c]
	for at := 0; at < len(x); at += c {
		to := y[at : at+c]
		for i, v := range x[at : at+c] {
			to[i] = float32(float64(float64(float64(float64(v)-mean[i])*rate[i])*float64(weight[i])) + float64(bias[i]))
		}
	}
}

// Products leaves in partial [2·C] the sums of dy and of dy·(x − mean).
func (n *Norm) Products(partial []float64, x, dy []float32) {
	c := n.C
	sum, products, mean := partial[:c], partial[c:2*c], n.Mean[:c]
	clear(partial)
	for at := 0; at < len(x); at += c {
		row := x[at : at+c]
		for i, d := range dy[at : at+c] {
			sum[i] += float64(d)
			products[i] += float64(float64(d) * (float64(row[i]) - mean[i]))
		}
	}
}

// Gradients adds up the partials, stores dweight and dbias, which may be nil, and
// prepares Back. With running, mean and variance do not depend on x.
func (n *Norm) Gradients(dweight, dbias, weight []float32, partials []float64, running bool) {
	places := float64(n.Places)
	for i := range n.C {
		sum, products := 0.0, 0.0
		for k := 0; k < len(partials); k += 2 * n.C {
			sum += partials[k+i]
			products += partials[k+n.C+i]
		}
		products *= n.Rate[i]
		if dweight != nil {
			dweight[i] = float32(products)
		}
		if dbias != nil {
			dbias[i] = float32(sum)
		}
		n.scale[i], n.slope[i], n.shift[i] = float64(weight[i])*n.Rate[i], 0, 0
		if !running {
			n.slope[i], n.shift[i] = n.Rate[i]*products/places, sum/places
		}
	}
}

// Back is dx = scale·(dy − (x − mean)·slope − shift) for whole rows; with running it
// is scale·dy.
func (n *Norm) Back(dx, x, dy []float32, running bool) {
	c := n.C
	mean, scale, slope, shift := n.Mean[:c], n.scale[:c], n.slope[:c], n.shift[:c]
	for at := 0; at < len(dx); at += c {
		to, row := dx[at:at+c], x[at:at+c]
		for i, v := range dy[at : at+c] {
			d := float64(v)
			if !running {
				d -= shift[i] + float64((float64(row[i])-mean[i])*slope[i])
			}
			to[i] = float32(scale[i] * d)
		}
	}
}

// Track moves running towards batch·factor.
func Track(running, batch []float32, momentum, factor float64) {
	for i, v := range batch {
		r := float64(running[i])
		running[i] = float32(r + float64(momentum*(float64(float64(v)*factor)-r)))
	}
}
