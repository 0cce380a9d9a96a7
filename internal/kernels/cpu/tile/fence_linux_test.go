package tile

import (
	"syscall"
	"testing"
	"unsafe"
)

// A fence is memory whose neighbours on both sides cannot be touched: doing so
// ends the process.
type fence []float32

// fenced returns room for n elements at least.
func fenced(t testing.TB, n int) fence {
	page := syscall.Getpagesize()
	size := (4*n+page-1)/page*page + 2*page
	region, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(region) })
	for _, side := range [][]byte{region[:page], region[size-page:]} {
		if err := syscall.Mprotect(side, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	inside := region[page : size-page]
	return unsafe.Slice((*float32)(unsafe.Pointer(&inside[0])), len(inside)/4)
}
