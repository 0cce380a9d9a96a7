package cpu

import (
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/kernels/cpu/vec"
)

// A Winograd computes a convolution by 3×3 filters at stride 1 in patches of 2×2
// places of the output, from 4×4 of the input, with 16 products where the sums have
// 36: Winograd's F(2×2,3×3), whose transforms are in package vec. Between them stand
// sixteen products of matrices, [patches,C]·[C,O]. It is the same for every image.
//
// A sum of products is rounded otherwise than in a Walk, by about as much; an infinite
// input makes its whole patch NaN.
type Winograd struct {
	patches
	set  *tile.Set
	o    int  // channels of the output
	back bool // it computes dx from dy

	shares [][]tile.Places // tiles of so many patches
	runs   []int32         // of all of them, as in a Walk
	coff   []int32
	noBias []float32
}

const (
	// winogradColumns are those of the output that share a transform of the input; every
	// set's panels end there.
	winogradColumns = 64
	// winogradBlock are the patches that are transformed at once: some tall tiles of
	// every set, so that a product reads its filters for many rows, and so few that a
	// plane of both transforms, [block,C] and [block,winogradColumns], stays in the
	// nearest caches while it is multiplied.
	winogradBlock = 36
	// planeGap are elements between planes, so that they do not meet in one set of a cache.
	planeGap = 16
)

// InPatches reports whether c, and its gradients, are computed by a Winograd and a
// WinogradBack, which are quicker then. That follows from the extents of one image, so
// that bits depend neither on the batch nor on the set.
func (c Conv) InPatches() bool {
	const fewest = 24
	return c.R == 3 && c.S == 3 && c.Stride == 1 && c.Pad <= 2 && c.groups() == 1 &&
		c.I%8 == 0 && c.O%8 == 0 && min(c.I, c.O) >= fewest && min(c.H, c.W, c.P, c.Q) >= 7
}

// ForwardWinograd returns what computes y from x [H,W,I] for each image, or nil.
func (c Conv) ForwardWinograd(set *tile.Set) *Winograd {
	if !c.InPatches() {
		return nil
	}
	return newWinograd(&Winograd{set: set, patches: c.patches(), o: c.O})
}

// BackDataWinograd returns what computes dx from dy [P,Q,O] for each image, or nil:
// the convolution of dy by the filters turned, of which one goes to each channel of x.
func (c Conv) BackDataWinograd(set *tile.Set) *Winograd {
	if !c.InPatches() {
		return nil
	}
	turned := Conv{H: c.P, W: c.Q, I: c.O, P: c.H, Q: c.W, Pad: 2 - c.Pad}
	return newWinograd(&Winograd{set: set, patches: turned.patches(), o: c.I, back: true})
}

func newWinograd(w *Winograd) *Winograd {
	w.noBias = make([]float32, w.o)
	rows := winogradBlock + w.set.Tall
	for row := range rows {
		w.coff = append(w.coff, int32(4*row*winogradColumns))
	}
	w.shares = make([][]tile.Places, w.set.Tall+1)
	for m := 1; m <= w.set.Tall; m++ {
		for row := 0; row < winogradBlock; row += m {
			w.shares[m] = append(w.shares[m], tile.Places{M: int32(m), Taps: 1, Runs: int32(4 * len(w.runs)), COff: int32(4 * row)})
			words := make([]int32, w.set.RunWords())
			for i := range m {
				words[i] = int32(4 * (row + i) * w.c)
			}
			w.runs = append(w.runs, words...)
		}
	}
	return w
}

// Height returns the lines of a band.
func (w *Winograd) Height() int { return 2 }

// Least returns how many bands are best computed in one call: those of a tall tile.
func (w *Winograd) Least() int { return (12 + w.across() - 1) / w.across() }

// Packed returns the elements of the packed filters.
func (w *Winograd) Packed() int { return 16 * w.set.Packed(w.c, w.o) }

// Panels returns where the panels of the output's columns begin, and their end.
func (w *Winograd) Panels() []int { return w.set.Panels(w.o) }

// The planes of an input's transform and of the products.
func (w *Winograd) inputPlane() int   { return (winogradBlock+w.set.Tall)*w.c + planeGap }
func (w *Winograd) productPlane() int { return (winogradBlock+w.set.Tall)*winogradColumns + planeGap }

// Scratch returns the elements of the scratch that Pack and ComputeBands work in.
func (w *Winograd) Scratch() int {
	room := 16*(w.inputPlane()+w.productPlane()+w.c) + 4*winogradColumns
	if !w.set.Native() {
		room += w.set.Tall * w.c
	}
	return max(room, 16*w.c*w.set.Widths[0])
}

// Pack packs the columns lo to hi of the output, of the filters f [O,3,3,I].
func (w *Winograd) Pack(packed, f []float32, lo, hi int, scratch []float32) {
	for j := lo; j < hi; {
		width := w.set.Width(w.o - j)
		n := min(width, w.o-j)
		panel := packed[16*w.set.Packed(w.c, j):]
		if w.back {
			w.packTurned(panel, f, j, n, width, scratch)
		} else {
			for i := range n {
				vec.WinogradFilter(scratch[i*16*w.c:], f[(j+i)*9*w.c:], w.c, 0, w.c, w.c)
			}
			for k := range 16 {
				w.set.PackColumns(panel[k*w.c*width:], scratch[k*w.c:], 16*w.c, width, w.c, n)
			}
		}
		j += n
	}
}

// packTurned packs the n columns from j on of the turned filters.
func (w *Winograd) packTurned(panel, f []float32, j, n, width int, scratch []float32) {
	for c := range w.c {
		vec.WinogradFilter(scratch, f[c*9*w.o+j:], width, 8*w.o, -w.o, n)
		for k := range 16 {
			w.set.PackRow(panel[k*w.c*width:], scratch[k*width:][:n], width, w.c, c)
		}
	}
}

// ComputeBands computes the bands lo to hi, counted over all images, of the output's
// columns j to end, which are whole panels.
func (w *Winograd) ComputeBands(l Layer, lo, hi, j, end int, scratch []float32) {
	w.compute(l, lo, hi, j, end, 0, scratch)
}

// ComputeInto computes the bands lo to hi of the image x with all columns into l.Y,
// which begins with band lo.
func (w *Winograd) ComputeInto(l Layer, x []float32, lo, hi int, scratch []float32) {
	l.X = x
	w.compute(l, lo, hi, 0, w.o, w.Rows(lo), scratch)
}

// compute is ComputeBands where l.Y begins so many places after the output does.
func (w *Winograd) compute(l Layer, lo, hi, j, end, before int, scratch []float32) {
	r := winogradRun{Winograd: w, l: l, before: before}
	planes := 16 * w.inputPlane()
	r.v, scratch = scratch[:planes], scratch[planes:]
	planes = 16 * w.productPlane()
	r.m, scratch = scratch[:planes], scratch[planes:]
	r.patch, scratch = scratch[:16*w.c], scratch[16*w.c:]
	r.corner, r.scratch = scratch[:4*winogradColumns], scratch[4*winogradColumns:]
	if r.l.Bias == nil {
		r.l.Bias = w.noBias
	}
	across := w.across()
	for at := lo * across; at < hi*across; at += winogradBlock {
		n := min(winogradBlock, hi*across-at)
		r.inputs(transform{r.v, w.inputPlane(), 0, w.c, r.patch}, l.X, at, n)
		for column := j; column < end; column += winogradColumns {
			columns := min(winogradColumns, end-column)
			r.multiply(n, column, columns)
			r.outputs(at, n, column, columns)
		}
	}
	if l.ReLU {
		for row := w.Rows(lo) - before; row < w.Rows(hi)-before; row++ {
			y := l.Y[row*w.o+j : row*w.o+end]
			vec.ReLU(y, y)
		}
	}
}

// A winogradRun is one call of ComputeBands.
type winogradRun struct {
	*Winograd
	l             Layer
	before        int       // places of the output before l.Y
	v, m          []float32 // sixteen planes each: of the input's transform [winogradBlock,C], of the products [winogradBlock,winogradColumns]
	patch, corner []float32 // an input patch with its zeros [4,4,C], an output patch [2,2,winogradColumns]
	scratch       []float32
}

// multiply computes the products of n patches for some columns.
func (r *winogradRun) multiply(n, column, columns int) {
	share := r.set.Share(n)
	for k := range 16 {
		for j := 0; j < columns; {
			width := r.set.Width(r.o - column - j)
			t := tile.Rows{
				A: &r.v[k*r.inputPlane()], B: &r.l.Packed[16*r.set.Packed(r.c, column+j)+k*r.c*width], C: &r.m[k*r.productPlane()+j],
				Places: &r.shares[share][0], Runs: &r.runs[0], COff: &r.coff[0], Count: (n + share - 1) / share,
				K: r.c, Width: width, N: min(width, columns-j), Depth: r.c, Scratch: r.scratch,
			}
			r.set.Rows(&t)
			j += t.N
		}
	}
}

// outputs transforms the products of n patches, of which the first is at, to some
// columns of the output.
func (r *winogradRun) outputs(at, n, column, columns int) {
	across := r.across()
	for done := 0; done < n; {
		band, first := (at+done)/across, (at+done)%across
		count := min(across-first, n-done)
		m := r.m[done*winogradColumns:]
		whole := r.whole(band, first, count)
		from := (r.Rows(band) - r.before + 2*first) * r.o
		if whole > 0 {
			y := [2][]float32{r.l.Y[from+column:], r.l.Y[from+r.q*r.o+column:]}
			vec.WinogradOutput(&y, m, r.l.Bias[column:], r.productPlane(), winogradColumns, r.o, whole, columns)
		}
		for i := whole; i < count; i++ {
			r.outputPart(m[i*winogradColumns:], band, first+i, column, columns)
		}
		done += count
	}
}

// outputPart transforms a patch that reaches over the end of its image.
func (r *winogradRun) outputPart(m []float32, band, patch, column, columns int) {
	y := [2][]float32{r.corner, r.corner[2*columns:]}
	vec.WinogradOutput(&y, m, r.l.Bias[column:], r.productPlane(), winogradColumns, columns, 1, columns)
	for i := range min(2, r.p-band%r.Bands()*2) {
		for j := range min(2, r.q-2*patch) {
			to := (r.Rows(band) - r.before + i*r.q + 2*patch + j) * r.o
			copy(r.l.Y[to+column:][:columns], y[i][j*columns:])
		}
	}
}
