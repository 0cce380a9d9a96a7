//go:build !noasm

package tile

// Every arm64 processor that Go runs on has NEON.
var neonSet = Set{Name: "neon", Tall: 12, Widths: []int{8, 4}, DotTall: 2, DotWide: 3, Overlap: true, kind: neon}

func native() []*Set { return []*Set{&neonSet} }

func (s *Set) cols(t *Cols) {
	if s.kind == neon {
		colsNEON(t)
		return
	}
	gonumCols(t)
}

func (s *Set) rows(t *Rows) { rowsNEON(t) }

func (s *Set) dot(t *Dot) {
	if s.kind == neon {
		dotNEON(t)
		return
	}
	gonumDot(t)
}

func transpose(rows int, dst, src *float32, dstStep, srcStep, blocks int) {
	if rows == 4 {
		transpose4(dst, src, dstStep, srcStep, blocks)
		return
	}
	transpose2(dst, src, dstStep, srcStep, blocks)
}

//go:noescape
func rowsNEON(t *Rows)

//go:noescape
func colsNEON(t *Cols)

//go:noescape
func dotNEON(t *Dot)

//go:noescape
func transpose4(dst, src *float32, dstStep, srcStep, blocks int)

//go:noescape
func transpose2(dst, src *float32, dstStep, srcStep, blocks int)
