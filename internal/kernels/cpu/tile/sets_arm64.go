//go:build !noasm

package tile

import (
	"runtime"
	"unsafe"
)

// Every arm64 processor that Go runs on has NEON.
var neonSet = Set{Name: "neon", Tall: 12, Widths: []int{8, 4}, DotTall: 2, DotWide: 3, kind: neon}

func native() []*Set { return []*Set{&neonSet} }

func (s *Set) cols(t *Cols) {
	if s.kind == neon {
		colsNEON(t)
		return
	}
	gonumCols(t)
}

// A oneTile is a tile of a list of Rows.
type oneTile struct {
	a, b       *float32
	c          uintptr // where offset 0 would be
	bias       *float32
	runs, coff *int32
	taps, k    int
	m, n       int
	relu       uint64
}

func (s *Set) rows(t *Rows) {
	one := oneTile{a: t.A, b: t.B, c: uintptr(unsafe.Pointer(t.C)) - uintptr(t.CShift), bias: t.Bias, k: t.K, n: t.N, relu: t.ReLU}
	for _, at := range unsafe.Slice(t.Places, t.Count) {
		one.m, one.taps = int(at.M), int(at.Taps)
		one.runs = (*int32)(unsafe.Add(unsafe.Pointer(t.Runs), at.Runs))
		one.coff = (*int32)(unsafe.Add(unsafe.Pointer(t.COff), at.COff))
		oneNEON(&one)
	}
	runtime.KeepAlive(t.C)
}

func (s *Set) spread(t *Spread) {
	if s.kind == neon {
		spreadNEON(t)
		return
	}
	gonumSpread(t)
}

func (s *Set) dot(t *Dot) {
	if s.kind == neon {
		dotNEON(t)
		return
	}
	gonumDot(t)
}

//go:noescape
func oneNEON(t *oneTile)

//go:noescape
func colsNEON(t *Cols)

//go:noescape
func dotNEON(t *Dot)

//go:noescape
func spreadNEON(t *Spread)
