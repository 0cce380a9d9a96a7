package cpu

import (
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/kernels/cpu/vec"
)

// A WinogradBack computes the gradient of the filters of a convolution that a
// Winograd computes, with as many products less: for each patch of places those of
// the transforms of dy and of x, summed over patches in sixteen products of matrices,
// [O,patches]·[patches,I], and transformed to taps at the end.
type WinogradBack struct {
	patches
	set    *tile.Set
	o      int
	panels []winogradPanel
	size   int // elements of the sums of all panels
}

// A winogradPanel is some filters and some channels of the sums.
type winogradPanel struct {
	o, rows    int // filters
	c, columns int // channels
	at         int // where its sums [16,rows,columns] begin
}

// BackFilterWinograd returns what computes dw, or nil. Panels are so many filters and
// channels, at most PanelSide; how many they are shows in no bit.
func (c Conv) BackFilterWinograd(set *tile.Set, side int) *WinogradBack {
	if !c.InPatches() {
		return nil
	}
	w := &WinogradBack{patches: c.patches(), set: set, o: c.O}
	for o := 0; o < c.O; o += side {
		for i := 0; i < c.I; i += side {
			p := winogradPanel{o: o, rows: min(side, c.O-o), c: i, columns: min(side, c.I-i), at: w.size}
			w.panels = append(w.panels, p)
			w.size += 16 * p.rows * p.columns
		}
	}
	return w
}

// Panels returns the number of panels.
func (w *WinogradBack) Panels() int { return len(w.panels) }

// Size returns the elements of the sums.
func (w *WinogradBack) Size() int { return w.size }

// Scratch returns the elements of the scratch that Sum works in.
func (w *WinogradBack) Scratch() int {
	return 16*(2*(winogradBlock*PanelSide+planeGap)) + 16*PanelSide
}

// Sum computes the sums of the panels from to until over that many images of x and dy.
// With add it adds to what is there.
func (w *WinogradBack) Sum(sums, x, dy []float32, from, until, images int, add bool, scratch []float32) {
	const plane = winogradBlock*PanelSide + planeGap
	v, z, patch := scratch[:16*plane], scratch[16*plane:32*plane], scratch[32*plane:][:16*PanelSide]
	all := images * w.Bands() * w.across()
	for _, p := range w.panels[from:until] {
		for at := 0; at < all; at += winogradBlock {
			n := min(winogradBlock, all-at)
			w.inputs(transform{v, plane, p.c, p.columns, patch[:16*p.columns]}, x, at, n)
			w.gradients(transform{z, plane, p.o, p.rows, patch[:16*p.rows]}, dy, at, n)
			for k := range 16 {
				w.multiply(sums[p.at+k*p.rows*p.columns:], z[k*plane:], v[k*plane:], p, n, add || at > 0)
			}
		}
	}
}

// gradients transforms those of n patches of dy, of which the first is at, counted
// over all images.
func (w *WinogradBack) gradients(t transform, dy []float32, at, n int) {
	across, bands := w.across(), w.Bands()
	for done := 0; done < n; {
		band, first := (at+done)/across, (at+done)%across
		count := min(across-first, n-done)
		begin := (w.Rows(band)+2*first)*w.o + t.first
		whole := w.whole(band, first, count)
		if whole > 0 {
			y := [2][]float32{dy[begin:], dy[begin+w.q*w.o:]}
			vec.WinogradGradient(t.to[done*t.channels:], &y, t.plane, w.o, whole, t.channels)
		}
		for i := whole; i < count; i++ { // over the end of the image
			clear(t.patch)
			y := [2][]float32{t.patch, t.patch[2*t.channels:]}
			for p := range min(2, w.p-band%bands*2) {
				for q := range min(2, w.q-2*(first+i)) {
					copy(y[p][q*t.channels:][:t.channels], dy[begin+(p*w.q+2*i+q)*w.o:])
				}
			}
			vec.WinogradGradient(t.to[(done+i)*t.channels:], &y, t.plane, t.channels, 1, t.channels)
		}
		done += count
	}
}

// multiply computes sum [rows,columns], or adds to it, from z [n,rows] and v [n,columns].
func (w *WinogradBack) multiply(sum, z, v []float32, p winogradPanel, n int, add bool) {
	t := tile.Cols{AStep: bytes * p.rows, BStep: bytes * p.columns, CStep: bytes * p.columns, Len: n, Rows: 1, Images: 1}
	if add {
		t.Add = 1
	}
	for j := 0; j < p.columns; j += t.N {
		t.Width = w.set.Width(p.columns - j)
		t.N = min(t.Width, p.columns-j)
		t.B = &v[j]
		for i := 0; i < p.rows; i += t.M {
			t.M = w.set.ShareCols(p.rows-i, t.Width)
			t.A, t.C = &z[i], &sum[i*p.columns+j]
			w.set.Cols(&t)
		}
	}
}

// Finish adds up to the panels from to until of dw [O,3,3,I] what Sum left in parts
// [parts, Size], from the first to the last.
func (w *WinogradBack) Finish(dw, parts []float32, from, until int) {
	for _, p := range w.panels[from:until] {
		size := 16 * p.rows * p.columns
		sums := parts[p.at:][:size]
		for part := w.size; part < len(parts); part += w.size {
			Add(sums, sums, parts[part+p.at:][:size])
		}
		for o := range p.rows {
			vec.WinogradFilterBack(dw[(p.o+o)*9*w.c+p.c:], sums[o*p.columns:], w.c, p.rows*p.columns, p.columns)
		}
	}
}
