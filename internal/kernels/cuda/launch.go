package cuda

import "imgcls/internal/graph"

// An Addr is a place in device memory.
type Addr uint64

// A Launch is one start of a kernel of kernels.cu.
type Launch struct {
	Kernel string
	Grid   [3]int
	Block  int      // threads: a multiple of 32
	Args   []uint64 // pointers (Addr) and int64s in the kernel's order: each parameter is one 8-byte word
}

// A Room hands out device memory for use within one node; two calls within one node do not overlap,
// calls of different nodes do. It is what partial sums go through.
type Room func(bytes int) Addr

// A Table hands out device memory that holds the words, written at Compile; it
// lives with the program.
type Table func(words []int64) Addr

// threads is the size of a block, where a kernel asks for no other one.
const threads = 256

// blocks is a launch of x·y blocks.
func blocks(kernel string, x, y int, args ...uint64) Launch {
	return Launch{Kernel: kernel, Grid: [3]int{x, y, 1}, Block: threads, Args: args}
}

// elements is a launch over n elements, of which a thread takes per at a time. Each
// thread goes round where they are many, so that fewer blocks have to be started.
func elements(kernel string, n, per int, args ...uint64) Launch {
	const most = 4096
	return blocks(kernel, min(ceil(ceil(n, per), threads), most), 1, args...)
}

// packed is how many elements of a type a thread moves at a time.
func packed(t graph.DType) int { return 16 / t.Size() }

// pointers are addresses as a kernel's parameters.
func pointers(addresses ...Addr) []uint64 {
	words := make([]uint64, len(addresses))
	for i, a := range addresses {
		words[i] = uint64(a)
	}
	return words
}

// with adds numbers behind a kernel's other parameters.
func with(args []uint64, numbers ...int) []uint64 {
	for _, n := range numbers {
		args = append(args, uint64(n))
	}
	return args
}

func ceil(n, by int) int { return (n + by - 1) / by }

// flag is 1 for true.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
