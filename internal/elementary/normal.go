package elementary

import "math"

// Normal returns the number that a standard normal variable is below with probability
// p, 0 < p < 1, to within 1e-6 of its size: algorithm AS 241 (PPND7), M. J. Wichura,
// Applied Statistics 37 (1988).
func Normal(p float64) float64 {
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * ratio(r, [4]float64{3.3871327179, 50.434271938, 159.29113202, 59.109374720},
			[4]float64{1, 17.895169469, 78.757757664, 67.187563600})
	}
	r := math.Sqrt(-Log(min(p, 1-p)))
	x := 0.0
	if r <= 5 {
		x = ratio(r-1.6, [4]float64{1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103},
			[4]float64{1, 0.73700164250, 0.12021132975})
	} else {
		x = ratio(r-5, [4]float64{6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997},
			[4]float64{1, 0.24197894225, 0.012258202635})
	}
	return math.Copysign(x, q)
}

// ratio is the quotient of two polynomials.
func ratio(x float64, above, below [4]float64) float64 {
	horner := func(c [4]float64) float64 {
		return float64((float64((float64(c[3]*x)+c[2])*x)+c[1])*x) + c[0]
	}
	return horner(above) / horner(below)
}
