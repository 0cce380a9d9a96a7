//go:build (amd64 || arm64) && !noasm

package tile

func transpose(rows int, dst, src *float32, dstStep, srcStep, blocks int) {
	if rows == 4 {
		transpose4(dst, src, dstStep, srcStep, blocks)
		return
	}
	transpose2(dst, src, dstStep, srcStep, blocks)
}

//go:noescape
func transpose4(dst, src *float32, dstStep, srcStep, blocks int)

//go:noescape
func transpose2(dst, src *float32, dstStep, srcStep, blocks int)
