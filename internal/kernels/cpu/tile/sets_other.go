//go:build !amd64 || noasm

package tile

func native() []*Set { return nil }

func (s *Set) cols(t *Cols) { gonumCols(t) }

func (s *Set) rows(t *Rows) { s.gather(t) }

func (s *Set) dot(t *Dot) { gonumDot(t) }

// transpose serves sets in assembly alone.
func transpose(int, *float32, *float32, int, int, int) {}

func (s *Set) spread(t *Spread) { gonumSpread(t) }
