package tile

// Dot is c[i,j] = Σ_k a[i,k]·b[j,k] for M rows and N columns.
type Dot struct {
	A, B, C             *float32
	AStep, BStep, CStep int // bytes from one row to the next
	K                   int
	M, N                int
	mask                uint64
	lanes               *uint32
}

// Dot computes t.
func (s *Set) Dot(t *Dot) {
	const parts = 16
	rest := t.K % parts
	t.mask, t.lanes = 1<<rest-1, nil
	if rest > 0 {
		t.lanes = &laneMasks[parts-rest]
	}
	s.dot(t)
}
