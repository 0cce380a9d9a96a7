package cuda

// An Addr is a place in device memory.
type Addr uint64

// A Launch is one start of a kernel of kernels.cu.
type Launch struct {
	Kernel string
	Grid   [3]int
	Block  int      // threads: a multiple of 32, or 1
	Args   []uint64 // pointers (Addr) and int64s in the kernel's order: each parameter is one 8-byte word
}

// A Room hands out device memory for use within one node; two calls within one node do not overlap,
// calls of different nodes do. It is what partial sums go through.
type Room func(bytes int) Addr

// A Table hands out device memory that holds the words, written at Compile; it
// lives with the program.
type Table func(words []int64) Addr
