// Package cuda holds the arithmetic of NVIDIA GPUs: kernels in CUDA C++, one
// file for each family of operations. They are one translation unit, kernels.cu
// at the root of the repository, which begins with the vocabulary and a table
// of contents. Package ref is their specification, as it is for every device.
//
// # A kernel's header
//
// Above each kernel stands what its caller must know, in one order: the formula;
// outputs and inputs with types and shapes, and what is asked of them; how the
// work is divided into blocks and threads; shared memory and registers; the
// bytes that go through memory; what bounds the time; and whether the results
// equal those of package ref bit for bit, or else how they are rounded.
//
// # Same bits
//
// There are no atomics. A sum over threads goes through a fixed tree, and a sum
// over blocks through partial sums in memory, which a second launch adds up.
// Its order depends on shapes and on the launch, never on which thread was
// first. Products and sums round apart, so a kernel that calls neither expf nor
// logf gives on a GPU what the same source gives on the host.
//
// # Parameters
//
// Every parameter is one 8-byte word, a pointer or an i64. Work on many tensors
// (the gate, the optimizer) is one launch all the same: its kernel takes the
// arena and a table of offsets, which the plan knows before the first step.
//
// # Launches
//
// Each family of operations has a Go file beside its kernels: a struct of shapes,
// types and addresses, whose methods return the launches in their order on one
// stream. Blocks and partial sums follow from shapes alone, never from the card, so
// that every card gives the same bits.
//
// # 16 bits
//
// bf16 and f16 are for memory only: number.cuh widens what is loaded to f32 and
// rounds what is stored, and sums are in f32 or wider. Kernels that come in several
// types are templates, with a line for each type below one header.
//
// # Building
//
// build.mk, which the Makefile at the root includes, compiles kernels.cu to
// build/kernels.fatbin: machine code for the compute capabilities in ARCHS, and
// PTX from which the driver makes code for others. Where no nvcc is installed it
// fetches NVIDIA's wheels, pinned by hash in requirements-nvcc.txt. ptxas.awk
// reads each kernel's registers, shared memory and what registers spill to memory,
// which resources.awk holds to resources.txt.
//
// # Testing
//
// No GPU is needed: package device/cuda/standin builds the same kernels.cu for this
// machine's processor. The test runs every kernel on it under the address and
// undefined-behaviour sanitizers, with the threads in their order and in another one,
// and compares it with package ref. So it finds wrong indices, accesses out of bounds,
// missing barriers, and barriers that only some threads reach. It says nothing about
// speed or about how a GPU orders memory.
package cuda
