package device

import "unsafe"

// A Number is an element as the host holds it.
type Number interface {
	~float32 | ~float64 | ~uint8 | ~uint16 | ~int32 | ~int64
}

// Bytes returns the memory of s, for Write and Read.
func Bytes[T Number](s []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// View returns memory as elements of type T. The memory is aligned for T and a
// whole number of elements long, as all tensors of an arena are.
func View[T Number](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}
