package safetensors

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// dtypes lists the element types by rising alignment. In a file the tensors of
// the last type come first.
var dtypes = []struct {
	name string
	bits int // of one element
}{
	{"BOOL", 8},
	{"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6},
	{"U8", 8}, {"I8", 8},
	{"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
	{"I16", 16}, {"U16", 16}, {"F16", 16}, {"BF16", 16},
	{"I32", 32}, {"U32", 32}, {"F32", 32},
	{"C64", 64}, {"F64", 64}, {"I64", 64}, {"U64", 64},
}

// rank returns the place of a type in dtypes, −1 for an unknown one.
func rank(dtype string) int {
	for i := range dtypes {
		if dtypes[i].name == dtype {
			return i
		}
	}
	return -1
}

// byteSize returns how many bytes a tensor takes.
func byteSize(dtype string, shape []int) (int, error) {
	r := rank(dtype)
	if r < 0 {
		return 0, fmt.Errorf("unknown type %q", dtype)
	}
	n := uint64(1)
	for _, factor := range append(slices.Clip(shape), dtypes[r].bits) {
		if factor < 0 {
			return 0, fmt.Errorf("%d in a shape is negative", factor)
		}
		high, low := bits.Mul64(n, uint64(factor))
		if high != 0 || low > math.MaxInt64 {
			return 0, errors.New("the shape's product overflows")
		}
		n = low
	}
	if n%8 != 0 {
		return 0, fmt.Errorf("%d bits are not whole bytes", n)
	}
	return int(n / 8), nil
}
