package tile

import (
	"testing"
	"unsafe"
)

// The assembly finds the fields of its arguments by these offsets, which
// ../_asm/tile.go holds.
func TestLayout(t *testing.T) {
	var r Rows
	var c Cols
	var d Dot
	var p Spread
	var l Places
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"Rows.A", unsafe.Offsetof(r.A), 0}, {"Rows.B", unsafe.Offsetof(r.B), 8}, {"Rows.C", unsafe.Offsetof(r.C), 16},
		{"Rows.Bias", unsafe.Offsetof(r.Bias), 24}, {"Rows.Places", unsafe.Offsetof(r.Places), 32}, {"Rows.Runs", unsafe.Offsetof(r.Runs), 40},
		{"Rows.COff", unsafe.Offsetof(r.COff), 48}, {"Rows.Count", unsafe.Offsetof(r.Count), 56}, {"Rows.CShift", unsafe.Offsetof(r.CShift), 64},
		{"Rows.K", unsafe.Offsetof(r.K), 72}, {"Rows.Width", unsafe.Offsetof(r.Width), 80}, {"Rows.mask", unsafe.Offsetof(r.mask), 88},
		{"Rows.lanes", unsafe.Offsetof(r.lanes), 96}, {"Rows.ReLU", unsafe.Offsetof(r.ReLU), 104},
		{"Places.M", unsafe.Offsetof(l.M), 0}, {"Places.Taps", unsafe.Offsetof(l.Taps), 4}, {"Places.Runs", unsafe.Offsetof(l.Runs), 8},
		{"Places.COff", unsafe.Offsetof(l.COff), 12}, {"Places", unsafe.Sizeof(l), 16},
		{"Cols.A", unsafe.Offsetof(c.A), 0}, {"Cols.B", unsafe.Offsetof(c.B), 8}, {"Cols.C", unsafe.Offsetof(c.C), 16},
		{"Cols.AStep", unsafe.Offsetof(c.AStep), 24}, {"Cols.BStep", unsafe.Offsetof(c.BStep), 32}, {"Cols.Len", unsafe.Offsetof(c.Len), 40},
		{"Cols.ARow", unsafe.Offsetof(c.ARow), 48}, {"Cols.BRow", unsafe.Offsetof(c.BRow), 56}, {"Cols.Rows", unsafe.Offsetof(c.Rows), 64},
		{"Cols.AImage", unsafe.Offsetof(c.AImage), 72}, {"Cols.BImage", unsafe.Offsetof(c.BImage), 80}, {"Cols.Images", unsafe.Offsetof(c.Images), 88},
		{"Cols.CStep", unsafe.Offsetof(c.CStep), 96}, {"Cols.M", unsafe.Offsetof(c.M), 104}, {"Cols.Width", unsafe.Offsetof(c.Width), 112},
		{"Cols.mask", unsafe.Offsetof(c.mask), 120}, {"Cols.lanes", unsafe.Offsetof(c.lanes), 128}, {"Cols.Add", unsafe.Offsetof(c.Add), 136}, {"Cols.N", unsafe.Offsetof(c.N), 144},
		{"Dot.A", unsafe.Offsetof(d.A), 0}, {"Dot.B", unsafe.Offsetof(d.B), 8}, {"Dot.C", unsafe.Offsetof(d.C), 16},
		{"Dot.AStep", unsafe.Offsetof(d.AStep), 24}, {"Dot.BStep", unsafe.Offsetof(d.BStep), 32}, {"Dot.CStep", unsafe.Offsetof(d.CStep), 40},
		{"Dot.K", unsafe.Offsetof(d.K), 48}, {"Dot.M", unsafe.Offsetof(d.M), 56}, {"Dot.N", unsafe.Offsetof(d.N), 64},
		{"Spread.DY", unsafe.Offsetof(p.DY), 0}, {"Spread.Window", unsafe.Offsetof(p.Window), 8}, {"Spread.W", unsafe.Offsetof(p.W), 16},
		{"Spread.Offsets", unsafe.Offsetof(p.Offsets), 24}, {"Spread.Masks", unsafe.Offsetof(p.Masks), 32},
		{"Spread.FilterMasks", unsafe.Offsetof(p.FilterMasks), 40}, {"Spread.DYStep", unsafe.Offsetof(p.DYStep), 48},
		{"Spread.WindowStep", unsafe.Offsetof(p.WindowStep), 56}, {"Spread.FilterStep", unsafe.Offsetof(p.FilterStep), 64},
		{"Spread.Places", unsafe.Offsetof(p.Places), 72}, {"Spread.Filters", unsafe.Offsetof(p.Filters), 80},
		{"Spread.Vectors", unsafe.Offsetof(p.Vectors), 88},
		{"Dot.mask", unsafe.Offsetof(d.mask), 72}, {"Dot.lanes", unsafe.Offsetof(d.lanes), 80},
	} {
		if f.got != f.want {
			t.Errorf("%s is at %d, the assembly looks at %d", f.name, f.got, f.want)
		}
	}
}

// TestTranspose compares with the definition, in all rests of fours.
func TestTranspose(t *testing.T) {
	for _, s := range Sets() {
		for rows := 1; rows <= 12; rows++ {
			for cols := 1; cols <= 9; cols++ {
				src, dst := make([]float32, 20*rows), make([]float32, 16*cols)
				for i := range src {
					src[i] = float32(i + 1)
				}
				s.Transpose(dst, 16, src, 20, rows, cols)
				for i, got := range dst {
					r, c := i%16, i/16
					want := float32(0) // nothing is written there
					if r < rows {
						want = src[r*20+c]
					}
					if got != want {
						t.Fatalf("%s: %d×%d: element %d, %d is %v, want %v", s.Name, rows, cols, c, r, got, want)
					}
				}
			}
		}
	}
}

func TestWidths(t *testing.T) {
	for _, s := range Sets() {
		for n := 1; n < 200; n++ {
			panels := s.Panels(n)
			if panels[0] != 0 || panels[len(panels)-1] != n {
				t.Errorf("%s: panels of %d are %v", s.Name, n, panels)
			}
			for i := range panels[1:] {
				if width := s.Width(n - panels[i]); panels[i+1]-panels[i] > width {
					t.Errorf("%s: panels of %d are %v, wider than %d", s.Name, n, panels, width)
				}
			}
		}
		for n := 1; n < 100; n++ {
			if m := s.Share(n); m < 1 || m > s.Tall || (n <= s.Tall && m != n) {
				t.Errorf("%s: a tile of %d of %d rows", s.Name, m, n)
			}
			for i, width := range s.Widths[:len(s.TallCols)] {
				if m, most := s.ShareCols(n, width), s.TallCols[i]; m < 1 || m > most || (n <= most && m != n) {
					t.Errorf("%s: a tile of Cols of %d of %d rows, %d wide", s.Name, m, n, width)
				}
			}
		}
	}
}
