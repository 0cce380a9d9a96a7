// Package fence gives tests memory beside which nothing may be touched.
package fence

import (
	"syscall"
	"testing"
)

// Bytes returns a region of at least n bytes whose neighbours on both sides cannot
// be touched: doing so ends the process. On systems other than Linux it is any
// memory.
func Bytes(t testing.TB, n int) []byte {
	page := syscall.Getpagesize()
	size := (n+page-1)/page*page + 2*page
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
	return region[page : size-page : size-page]
}
