// Package cpu is float32 arithmetic for the host's processor: one file for each
// operation, on raw slices and small structs of extents. It knows no graph,
// starts no goroutine and allocates nothing; whoever calls decides which range
// of an operation runs where, and lends the room that one needs on the way.
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
// at once. Matrix products are gonum's, in assembly on amd64 and in Go
// elsewhere, and differ between processors in their last bits.
//
// # Assembly
//
// Package vec has the loops over slices in Go and in AVX2 assembly, which give
// the same bits. The assembly is written by the program in _asm, which is a
// module of its own, so that what it imports is nobody's burden; go generate
// runs it. Without AVX2, on other processors and under the tag noasm the Go
// bodies run.
//
// # Matrix products
//
// Everything goes through blas.Float32, so that a faster implementation can
// take gonum's place in one line. Two properties of gonum's shape this code.
// It starts goroutines for products of four or more blocks of 64×64, so Gemm
// hands it less than that at a time. And its dot product, which serves a·bᵀ,
// begins with up to three single elements where a row of b is not aligned to 16
// bytes, so the same row at another address may give other bits: callers keep
// b's first row aligned, as all tensors of an arena are.
//
// gonum leaves out a row of b where its factor in a is zero (not so in a·bᵀ).
// That makes the sparse gradients behind a ReLU and a max-pool cheap, and it
// means that a zero there hides a NaN in b.
package cpu

//go:generate sh -c "cd _asm && go run ."
