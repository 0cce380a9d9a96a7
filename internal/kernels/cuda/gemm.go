package cuda

import "imgcls/internal/graph"

// A block holds the sums of a block of threads, as gemm.cuh has them.
type block struct {
	name          string
	rows, columns int
}

var (
	large = block{"128x64", 128, 64}
	small = block{"64x32", 64, 32}
)

// threads is a warp for each 32×32 sums.
func (b block) threads() int { return b.rows * b.columns / 32 }

// tiles returns how many blocks rows×columns sums take.
func (b block) tiles(rows, columns int) int { return ceil(rows, b.rows) * ceil(columns, b.columns) }

// blockFor chooses the block by what would be left empty, and so that a small
// product is still spread over many.
func blockFor(rows, columns int) block {
	const enough = 64 // large blocks
	if columns > small.columns && large.tiles(rows, columns) >= enough {
		return large
	}
	return small
}

// deep is the depth of a tile, in gemm.cuh's words.
func deep(t graph.DType) int {
	if t == graph.F32 {
		return 16
	}
	return 32
}

// splitsFor returns into how many parts a sum of k terms is cut, so that about
// 256 blocks run, each with at least 16 tiles to go through.
func splitsFor(tiles, k, deep int) int {
	const blocks, least = 256, 16
	return max(1, min(ceil(blocks, tiles), k/(deep*least)))
}

// sumParts is a launch of sum_parts_f32.
func sumParts(y, parts Addr, splits, n int) Launch {
	return elements("sum_parts_f32", n, 1, with(pointers(y, parts), splits, n)...)
}

// actKind is an activation as kernels take it: −1 for none.
func actKind(a *graph.Act) int {
	if a == nil {
		return -1
	}
	return int(a.Kind)
}
