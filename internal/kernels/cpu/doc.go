// Package cpu is float32 arithmetic for the host's processor: one file for each
// operation, on raw slices and small structs of extents. It knows no graph,
// starts no goroutine and, once lists of tiles are made, allocates nothing; whoever
// calls decides which range of an operation runs where, and lends the room that
// one needs on the way.
//
// # Same bits
//
// The range that a call covers never changes the value of an element: an
// element of an output is summed in one order, which follows from the shapes
// alone. So a picture's scores do not depend on its batch, nor results on the
// number of threads. Sums that are split (the gradients of filters and biases)
// go to partial sums, which SumPartials adds up from the first to the last.
//
// Products that are added to are written float32(a*b) + c: the language defines
// that as two roundings, also where the processor has an instruction for both
// at once. Matrix products in assembly fuse both on every processor alike; those
// of gonum, where there is no assembly, have other last bits.
//
// # Assembly
//
// Package vec has the loops over slices in Go and in assembly of AVX2 and in part
// AVX-512 and NEON, which give the same bits. The assembly is written by the program in
// _asm, which is a module of its own, so that what it imports is nobody's burden; go
// generate runs it. GODEBUG=cpu.avx512f=off takes AVX2 where there is more. Without AVX2,
// on processors other than amd64 and arm64 and under the tag noasm the Go bodies run.
//
// # Matrix products
//
// Package tile multiplies small tiles, in an implementation for each instruction
// set, and here stands what cuts a tensor into tiles: convolutions read images
// where they lie (walk.go, filter.go; depthwise.go where there is no matrix), those by 3×3
// filters go through Winograd's transforms (winograd.go, winogradback.go), products of
// matrices pack blocks (gemm.go).
// The portable implementation is gonum, and BLAS is gonum's interface to the
// others.
package cpu

//go:generate sh -c "cd _asm && go run ."
