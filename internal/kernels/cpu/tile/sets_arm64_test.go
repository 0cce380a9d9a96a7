//go:build !noasm

package tile

import (
	"testing"
	"unsafe"
)

func TestLayoutOfOneTile(t *testing.T) {
	var o oneTile
	for i, got := range []uintptr{
		unsafe.Offsetof(o.a), unsafe.Offsetof(o.b), unsafe.Offsetof(o.c), unsafe.Offsetof(o.bias), unsafe.Offsetof(o.runs), unsafe.Offsetof(o.coff),
		unsafe.Offsetof(o.taps), unsafe.Offsetof(o.k), unsafe.Offsetof(o.m), unsafe.Offsetof(o.n), unsafe.Offsetof(o.relu),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d is at %d, the assembly looks at %d", i, got, 8*i)
		}
	}
}
