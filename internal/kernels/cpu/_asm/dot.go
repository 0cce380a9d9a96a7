package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotKernel writes the products of rows with rows. A sum has sixteen parts, of
// the elements that are equal modulo 16, whatever the vectors' width.
func dotKernel(ctx *build.Context, i isa) {
	function(ctx, "dot"+i.suffix, 1)
	ctx.MOVQ(args.at(reg.R14, "dot.M"), reg.RAX)
	ctx.MOVQ(args.at(reg.R14, "dot.N"), reg.RCX)
	most, across := 4, 6
	if !i.masks {
		most, across = 2, 3
	}
	label := func(m, n int) string { return fmt.Sprintf("dot_%dx%d", m, n) }
	for m := most; m >= 1; m-- {
		if m > 1 {
			ctx.CMPQ(reg.RAX, U8(m))
			ctx.JNE(LabelRef(fmt.Sprintf("dot_not%d", m)))
		}
		for n := across; n >= 2; n-- {
			ctx.CMPQ(reg.RCX, U8(n))
			ctx.JEQ(LabelRef(label(m, n)))
		}
		ctx.JMP(LabelRef(label(m, 1)))
		if m > 1 {
			ctx.Label(fmt.Sprintf("dot_not%d", m))
		}
	}
	for m := most; m >= 1; m-- {
		for n := across; n >= 1; n-- {
			ctx.Label(label(m, n))
			dotTile(ctx, i, label(m, n), m, n)
			ctx.VZEROUPPER()
			ctx.RET()
		}
	}
}

func dotTile(ctx *build.Context, set isa, name string, m, n int) {
	field := func(name string) Mem { return args.at(reg.R14, "dot."+name) }
	parts := 1 // vectors that hold the sixteen parts of a sum
	vectors := zmm
	if !set.masks {
		parts, vectors = 2, ymm
	}
	acc := func(i, j, half int) reg.Register { return vectors[(i*n+j)*parts+half] }
	av := func(i int) reg.Register { return vectors[m*n*parts+i] }
	bv := vectors[m*n*parts+m]
	aRows, bRows := rowRegisters[:m], rowRegisters[m:m+n]

	last := NewStackAddr(0) // the last k at which sixteen elements begin
	ctx.MOVQ(field("K"), reg.RAX)
	ctx.SUBQ(U8(16), reg.RAX)
	ctx.MOVQ(reg.RAX, last)
	ctx.MOVQ(field("A"), aRows[0])
	for i := 1; i < m; i++ {
		ctx.MOVQ(aRows[i-1], aRows[i])
		ctx.ADDQ(field("AStep"), aRows[i])
	}
	ctx.MOVQ(field("B"), bRows[0])
	for j := 1; j < n; j++ {
		ctx.MOVQ(bRows[j-1], bRows[j])
		ctx.ADDQ(field("BStep"), bRows[j])
	}
	for r := range m * n * parts {
		if set.masks {
			ctx.VPXORD(vectors[r], vectors[r], vectors[r])
		} else {
			ctx.VXORPS(vectors[r], vectors[r], vectors[r])
		}
	}
	step := func(load func(Mem, int, reg.Register)) {
		for half := range parts {
			for i := range m {
				load(Mem{Base: aRows[i], Index: reg.R15, Scale: 4, Disp: 32 * half}, half, av(i))
			}
			for j := range n {
				load(Mem{Base: bRows[j], Index: reg.R15, Scale: 4, Disp: 32 * half}, half, bv)
				for i := range m {
					ctx.VFMADD231PS(bv, av(i), acc(i, j, half))
				}
			}
		}
	}
	ctx.XORQ(reg.R15, reg.R15)
	ctx.CMPQ(last, U8(0))
	ctx.JLT(LabelRef(name + "_tail"))
	ctx.Label(name + "_k")
	step(func(at Mem, _ int, to reg.Register) { ctx.VMOVUPS(at, to) })
	ctx.ADDQ(U8(16), reg.R15)
	ctx.CMPQ(reg.R15, last)
	ctx.JLE(LabelRef(name + "_k"))
	ctx.Label(name + "_tail")
	if set.masks {
		ctx.KMOVW(field("Mask"), reg.K1)
		ctx.KTESTW(reg.K1, reg.K1)
		ctx.JEQ(LabelRef(name + "_sum"))
		step(func(at Mem, _ int, to reg.Register) { ctx.VMOVUPS_Z(at, reg.K1, to) })
	} else {
		// The mask's two halves are loaded where they are used: no register is left.
		ctx.MOVQ(field("Lanes"), reg.R13)
		ctx.TESTQ(reg.R13, reg.R13)
		ctx.JEQ(LabelRef(name + "_sum"))
		mask := vectors[m*n*parts+m+1]
		step(func(at Mem, half int, to reg.Register) {
			ctx.VMOVUPS(Mem{Base: reg.R13, Disp: 32 * half}, mask)
			ctx.VMASKMOVPS(at, mask, to)
		})
	}
	ctx.Label(name + "_sum")
	ctx.MOVQ(field("C"), reg.RAX)
	if set.masks {
		dotSums512(ctx, m, n)
	} else {
		dotSums256(ctx, m, n)
	}
}

// dotSums256 adds up the two vectors of each sum and stores it at RAX.
func dotSums256(ctx *build.Context, m, n int) {
	for i := range m {
		for j := range n {
			at, spare := 2*(i*n+j), 2*m*n
			ctx.VADDPS(ymm[at+1], ymm[at], ymm[at])
			ctx.VEXTRACTF128(U8(1), ymm[at], xmm[spare])
			ctx.VADDPS(xmm[spare], xmm[at], xmm[at])
			ctx.VPERMILPS(U8(0x0e), xmm[at], xmm[spare])
			ctx.VADDPS(xmm[spare], xmm[at], xmm[at])
			ctx.VPERMILPS(U8(0x01), xmm[at], xmm[spare])
			ctx.VADDSS(xmm[spare], xmm[at], xmm[at])
			ctx.VMOVSS(xmm[at], Mem{Base: reg.RAX, Disp: 4 * j})
		}
		if i+1 < m {
			ctx.ADDQ(args.at(reg.R14, "dot.CStep"), reg.RAX)
		}
	}
}

// dotSums512 adds up four sums at a time, each by halves as dotSums256 does, and
// stores them at RAX.
func dotSums512(ctx *build.Context, m, n int) {
	a, b, spare := zmm[30], zmm[31], zmm[29]
	ctx.MOVL(U32(0x1111), reg.ECX) // the first lane of each quarter
	ctx.KMOVW(reg.ECX, reg.K2)
	row := 0
	for first := 0; first < m*n; first += 4 {
		of := func(i int) reg.Register { return zmm[min(first+i, m*n-1)] } // behind the last, once more
		halves := func(x, y, to reg.Register) {                            // sums of eight of x, sums of eight of y
			ctx.VSHUFF32X4(U8(0x44), y, x, to)
			ctx.VSHUFF32X4(U8(0xee), y, x, spare)
			ctx.VADDPS(spare, to, to)
		}
		halves(of(0), of(1), a)
		halves(of(2), of(3), b)
		ctx.VSHUFF32X4(U8(0x88), b, a, spare) // a quarter for each sum
		ctx.VSHUFF32X4(U8(0xdd), b, a, b)
		ctx.VADDPS(b, spare, a)
		ctx.VPERMILPS(U8(0x4e), a, b)
		ctx.VADDPS(b, a, a)
		ctx.VPERMILPS(U8(0xb1), a, b)
		ctx.VADDPS(b, a, a)
		ctx.VCOMPRESSPS_Z(a, reg.K2, a)
		for i := range min(4, m*n-first) {
			if r := (first + i) / n; r > row {
				ctx.ADDQ(args.at(reg.R14, "dot.CStep"), reg.RAX)
				row = r
			}
			to := Mem{Base: reg.RAX, Disp: 4 * ((first + i) % n)}
			switch j := (first + i) % n; {
			case i == 0 && j+4 <= n && first+4 <= m*n:
				ctx.VMOVUPS(xmm[30], to)
			case i > 0 && (first%n)+4 <= n && first+4 <= m*n: // stored with the first
			default:
				ctx.VEXTRACTPS(U8(i), xmm[30], to)
			}
		}
	}
}
