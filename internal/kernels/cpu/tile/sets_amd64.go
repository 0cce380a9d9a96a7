//go:build !noasm

package tile

import "golang.org/x/sys/cpu"

var (
	avx512Set = Set{Name: "avx512", Tall: 12, Widths: []int{32, 16, 8}, TallCols: []int{12, 16, 16}, DotTall: 4, DotWide: 6, kind: avx512}
	avx2Set   = Set{Name: "avx2", Tall: 6, Widths: []int{16, 8}, DotTall: 2, DotWide: 3, kind: avx2}
)

func native() (sets []*Set) {
	has := cpu.X86
	if has.HasAVX512F && has.HasAVX512VL && has.HasAVX512DQ {
		sets = append(sets, &avx512Set)
	}
	if has.HasAVX2 && has.HasFMA {
		sets = append(sets, &avx2Set)
	}
	return sets
}

func (s *Set) cols(t *Cols) {
	switch s.kind {
	case avx512:
		colsAVX512(t)
	case avx2:
		colsAVX2(t)
	default:
		gonumCols(t)
	}
}

func (s *Set) rows(t *Rows) {
	if s.kind == avx512 {
		rowsAVX512(t)
		return
	}
	rowsAVX2(t)
}

func (s *Set) dot(t *Dot) {
	switch s.kind {
	case avx512:
		dotAVX512(t)
	case avx2:
		dotAVX2(t)
	default:
		gonumDot(t)
	}
}

//go:noescape
func rowsAVX512(t *Rows)

//go:noescape
func colsAVX512(t *Cols)

//go:noescape
func dotAVX512(t *Dot)

//go:noescape
func rowsAVX2(t *Rows)

//go:noescape
func colsAVX2(t *Cols)

//go:noescape
func dotAVX2(t *Dot)

func (s *Set) spread(t *Spread) {
	switch s.kind {
	case avx512:
		spreadAVX512(t)
	case avx2:
		spreadAVX2(t)
	default:
		gonumSpread(t)
	}
}

//go:noescape
func spreadAVX512(t *Spread)

//go:noescape
func spreadAVX2(t *Spread)
