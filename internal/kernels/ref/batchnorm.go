package ref

import "math"

// Statistics finds mean and biased variance of each channel of x [..., C].
func Statistics(mean, variance, x []float64) {
	c := len(mean)
	places := float64(len(x) / c)
	clear(mean)
	for i, v := range x {
		mean[i%c] += v
	}
	for i := range mean {
		mean[i] /= places
	}
	clear(variance)
	for i, v := range x {
		d := v - mean[i%c]
		variance[i%c] += float64(d * d)
	}
	for i := range variance {
		variance[i] /= places
	}
}

// BatchNorm is y = (x − mean) / √(var + eps) · weight + bias by channels.
func BatchNorm(y, x, weight, bias, mean, variance []float64, eps float64) {
	c := len(weight)
	for i, v := range x {
		j := i % c
		y[i] = float64((v-mean[j])/math.Sqrt(variance[j]+eps)*weight[j]) + bias[j]
	}
}

// BatchNormBack is the gradient of BatchNorm; with running mean and variance do not
// depend on x. dx may be nil.
func BatchNormBack(dx, dweight, dbias, x, weight, mean, variance, dy []float64, eps float64, running bool) {
	c := len(weight)
	places := float64(len(x) / c)
	z := func(i int) float64 { return (x[i] - mean[i%c]) / math.Sqrt(variance[i%c]+eps) }
	clear(dweight)
	clear(dbias)
	for i, d := range dy {
		dweight[i%c] += float64(d * z(i))
		dbias[i%c] += d
	}
	for i := range dx {
		j, d := i%c, dy[i]
		if !running {
			d -= dbias[j]/places + float64(z(i)*dweight[j])/places
		}
		dx[i] = weight[j] / math.Sqrt(variance[j]+eps) * d
	}
}

// Track moves running towards batch·factor.
func Track(running, batch []float64, momentum, factor float64) {
	for i, v := range batch {
		running[i] += float64(momentum * (float64(v*factor) - running[i]))
	}
}
