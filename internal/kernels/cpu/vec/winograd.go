package vec

// The transforms of Winograd's F(2×2,3×3) in the form of Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2015: with the filter g [3,3] and the
// input d [4,4] the output [2,2] is
//
//	Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//
// and, with the gradient y [2,2] of the output, that of the filter
//
//	Gᵀ [ (A y Aᵀ) ⊙ (Bᵀ d B) ] G
//
//	     1   0   0          1  0 −1  0
//	G =  ½   ½   ½     Bᵀ = 0  1  1  0     Aᵀ = 1  1  1  0
//	     ½  −½   ½          0 −1  1  0          0  1 −1 −1
//	     0   0   1          0  1  0 −1
//
// where the signs of the last row of A and of the last column of Gᵀ are both turned.
//
// Channels lie side by side, a multiple of eight of them. Of the sixteen elements of a
// transform each has a plane of its own, step elements after the one before.

// winogradLanes divides the channels of all transforms.
const winogradLanes = 8

// WinogradFilter sets u[k·step + c], for the n channels c and the elements k of
// G g Gᵀ, from the filter whose tap t begins at w[first + t·next]; with next below
// zero that is the filter turned by half a turn.
func WinogradFilter(u, w []float32, step, first, next, n int) {
	last := first + 8*next
	if n < 1 || n%winogradLanes != 0 || min(first, last) < 0 || max(first, last)+n > len(w) || 15*step+n > len(u) {
		panic("vec: a filter lies outside, or its channels are not eight and eight")
	}
	active.winogradFilter(u, w, step, first, next, n)
}

func winogradFilter(u, w []float32, step, first, next, n int) {
	for c := range n {
		var t [4][3]float32
		for s := range 3 {
			g := func(r int) float32 { return w[first+(3*r+s)*next+c] }
			t[0][s], t[1][s], t[2][s], t[3][s] = filterColumn(g(0), g(1), g(2))
		}
		for i, row := range t {
			at := u[4*i*step+c:]
			at[0], at[step], at[2*step], at[3*step] = filterColumn(row[0], row[1], row[2])
		}
	}
}

func filterColumn(a, b, c float32) (float32, float32, float32, float32) {
	return a, float32(((a + c) + b) * 0.5), float32(((a + c) - b) * 0.5), c
}

// WinogradInput sets v[k·step + p·n + c], for n channels c and the elements k of
// Bᵀ d B, for so many patches p. Row r of the patch p begins at x[r][2·p·next], and its
// four columns lie next elements apart.
func WinogradInput(v []float32, x *[4][]float32, step, next, patches, n int) {
	for _, row := range x {
		if patches < 1 || n < 1 || n%winogradLanes != 0 || (2*patches+1)*next+n > len(row) || 15*step+patches*n > len(v) {
			panic("vec: a patch lies outside, or its channels are not eight and eight")
		}
	}
	active.winogradInput(v, x[0], x[1], x[2], x[3], step, next, patches, n)
}

func winogradInput(v, x0, x1, x2, x3 []float32, step, next, patches, n int) {
	for p := range patches {
		for c := range n {
			from, to := 2*p*next+c, v[p*n+c:]
			var t [4][4]float32
			for s := range 4 {
				at := from + s*next
				t[0][s], t[1][s], t[2][s], t[3][s] = inputColumn(x0[at], x1[at], x2[at], x3[at])
			}
			for i, row := range t {
				at := to[4*i*step:]
				at[0], at[step], at[2*step], at[3*step] = inputColumn(row[0], row[1], row[2], row[3])
			}
		}
	}
}

func inputColumn(a, b, c, d float32) (float32, float32, float32, float32) {
	return a - c, b + c, c - b, b - d
}

// WinogradOutput sets the n channels c of the outputs of patches: those of patch p lie
// at 2·p·next and (2·p+1)·next of y[0] and of y[1], and are Aᵀ m A + bias[c] with the
// element k of m at m[k·step + p·stride + c].
func WinogradOutput(y *[2][]float32, m, bias []float32, step, stride, next, patches, n int) {
	for _, row := range y {
		if patches < 1 || n < 1 || n%winogradLanes != 0 || n > len(bias) || (2*patches-1)*next+n > len(row) || 15*step+(patches-1)*stride+n > len(m) {
			panic("vec: an output lies outside, or its channels are not eight and eight")
		}
	}
	active.winogradOutput(y[0], y[1], m, bias, step, stride, next, patches, n)
}

func winogradOutput(y0, y1, m, bias []float32, step, stride, next, patches, n int) {
	for p := range patches {
		for c, b := range bias[:n] {
			from := m[p*stride+c:]
			var s [2][4]float32
			for j := range 4 {
				s[0][j], s[1][j] = outputColumn(from[j*step], from[(4+j)*step], from[(8+j)*step], from[(12+j)*step])
			}
			at := 2*p*next + c
			left, right := outputColumn(s[0][0], s[0][1], s[0][2], s[0][3])
			y0[at], y0[at+next] = left+b, right+b
			left, right = outputColumn(s[1][0], s[1][1], s[1][2], s[1][3])
			y1[at], y1[at+next] = left+b, right+b
		}
	}
}

func outputColumn(a, b, c, d float32) (float32, float32) { return (a + b) + c, (b - c) - d }

// WinogradGradient sets z[k·step + p·n + c], for n channels c and the elements k of
// A d Aᵀ, for so many patches p of gradients d [2,2]: those of patch p begin at
// 2·p·next and (2·p+1)·next of y[0] and of y[1].
func WinogradGradient(z []float32, y *[2][]float32, step, next, patches, n int) {
	for _, row := range y {
		if patches < 1 || n < 1 || n%winogradLanes != 0 || (2*patches-1)*next+n > len(row) || 15*step+patches*n > len(z) {
			panic("vec: a gradient lies outside, or its channels are not eight and eight")
		}
	}
	active.winogradGradient(z, y[0], y[1], step, next, patches, n)
}

func winogradGradient(z, y0, y1 []float32, step, next, patches, n int) {
	for p := range patches {
		for c := range n {
			from, to := 2*p*next+c, z[p*n+c:]
			var t [4][2]float32
			for s := range 2 {
				t[0][s], t[1][s], t[2][s], t[3][s] = gradientColumn(y0[from+s*next], y1[from+s*next])
			}
			for i, row := range t {
				at := to[4*i*step:]
				at[0], at[step], at[2*step], at[3*step] = gradientColumn(row[0], row[1])
			}
		}
	}
}

func gradientColumn(a, b float32) (float32, float32, float32, float32) { return a, a + b, a - b, b }

// WinogradFilterBack sets w[t·next + c], for the n channels c and the taps t of
// Gᵀ u G, from the element k of u at u[k·step + c].
func WinogradFilterBack(w, u []float32, next, step, n int) {
	if n < 1 || n%winogradLanes != 0 || 8*next+n > len(w) || 15*step+n > len(u) {
		panic("vec: a filter lies outside, or its channels are not eight and eight")
	}
	active.winogradFilterBack(w, u, next, step, n)
}

func winogradFilterBack(w, u []float32, next, step, n int) {
	for c := range n {
		var t [3][4]float32
		for j := range 4 {
			t[0][j], t[1][j], t[2][j] = filterBackColumn(u[j*step+c], u[(4+j)*step+c], u[(8+j)*step+c], u[(12+j)*step+c])
		}
		for r, row := range t {
			at := w[3*r*next+c:]
			at[0], at[next], at[2*next] = filterBackColumn(row[0], row[1], row[2], row[3])
		}
	}
}

func filterBackColumn(a, b, c, d float32) (float32, float32, float32) {
	half := float32((b + c) * 0.5)
	return a + half, float32((b - c) * 0.5), half - d
}
