package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transposeKernel writes a function that turns rows of four times blocks
// elements into columns.
func transposeKernel(ctx *build.Context, rows int) {
	ctx.Function(fmt.Sprintf("transpose%d", rows))
	ctx.Attributes(build.NOSPLIT)
	ctx.SignatureExpr("func(dst, src *float32, dstStep, srcStep, blocks int)")
	dst, src, dstStep, srcStep, blocks := reg.RDI, reg.RSI, reg.R8, reg.R9, reg.RCX
	for i, r := range []reg.Register{dst, src, dstStep, srcStep, blocks} {
		ctx.MOVQ(NewParamAddr([]string{"dst", "src", "dstStep", "srcStep", "blocks"}[i], 8*i), r)
	}
	srcStep3, dstStep3 := reg.RAX, reg.RBX
	ctx.LEAQ(Mem{Base: srcStep, Index: srcStep, Scale: 2}, srcStep3)
	ctx.LEAQ(Mem{Base: dstStep, Index: dstStep, Scale: 2}, dstStep3)
	from := []Mem{{Base: src}, {Base: src, Index: srcStep, Scale: 1}, {Base: src, Index: srcStep, Scale: 2}, {Base: src, Index: srcStep3, Scale: 1}}
	to := []Mem{{Base: dst}, {Base: dst, Index: dstStep, Scale: 1}, {Base: dst, Index: dstStep, Scale: 2}, {Base: dst, Index: dstStep3, Scale: 1}}
	name := fmt.Sprintf("transpose%d_block", rows)
	ctx.Label(name)
	for i := range rows {
		ctx.VMOVUPS(from[i], xmm[i])
	}
	if rows == 4 {
		ctx.VUNPCKLPS(xmm[1], xmm[0], xmm[4]) // a0 b0 a1 b1
		ctx.VUNPCKHPS(xmm[1], xmm[0], xmm[5]) // a2 b2 a3 b3
		ctx.VUNPCKLPS(xmm[3], xmm[2], xmm[6]) // c0 d0 c1 d1
		ctx.VUNPCKHPS(xmm[3], xmm[2], xmm[7])
		for i, pair := range [][2]int{{4, 6}, {5, 7}} {
			ctx.VUNPCKLPD(xmm[pair[1]], xmm[pair[0]], xmm[8])
			ctx.VUNPCKHPD(xmm[pair[1]], xmm[pair[0]], xmm[9])
			ctx.VMOVUPS(xmm[8], to[2*i])
			ctx.VMOVUPS(xmm[9], to[2*i+1])
		}
	} else {
		ctx.VUNPCKLPS(xmm[1], xmm[0], xmm[4])
		ctx.VUNPCKHPS(xmm[1], xmm[0], xmm[5])
		for i := range 2 {
			ctx.VMOVLPS(xmm[4+i], to[2*i])
			ctx.VMOVHPS(xmm[4+i], to[2*i+1])
		}
	}
	ctx.ADDQ(U8(16), src)
	ctx.LEAQ(Mem{Base: dst, Index: dstStep, Scale: 4}, dst)
	ctx.DECQ(blocks)
	ctx.JNE(LabelRef(name))
	ctx.RET()
}
