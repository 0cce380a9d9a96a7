// Package fence gives tests memory behind which nothing may be touched.
package fence

import (
	"syscall"
	"testing"
)

// Bytes returns a region of at least n bytes that ends where memory does: touching
// what follows ends the process. On systems other than Linux it is any memory.
func Bytes(t testing.TB, n int) []byte {
	page := syscall.Getpagesize()
	size := (n+page-1)/page*page + page
	region, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(region) })
	if err := syscall.Mprotect(region[size-page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return region[: size-page : size-page]
}
