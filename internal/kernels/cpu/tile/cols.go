package tile

// Cols is c[i,j] (+)= Σ_k a[k,i]·b[k,j] for M rows and N columns. The k run
// through Images of Rows of Len.
type Cols struct {
	A, B, C *float32

	AStep, BStep   int // bytes from one k to the next
	Len            int // of a row
	ARow, BRow     int // bytes from behind a row to the next
	Rows           int // of an image
	AImage, BImage int // bytes from behind an image to the next
	Images         int
	CStep          int // bytes from one row of c to the next
	M, Width       int // the tile; N is at most Width
	mask           uint64
	lanes          *uint32
	Add            uint64 // 1: to what c holds
	N              int
}

// Cols computes t.
func (s *Set) Cols(t *Cols) {
	if s.kind != portable {
		t.mask, t.lanes = s.valid(t.N, t.Width)
	}
	s.cols(t)
}
