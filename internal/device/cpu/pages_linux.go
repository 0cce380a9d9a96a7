package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks for large pages under room, which is walked from end to end: at the
// end of each page the processor stops fetching ahead and looks up an address, and most
// systems give pages of 4 KiB unless they are asked. One that has no others goes on as it
// did. It is said of Go's heap, and stays true of that memory when room is given back.
func largePages(room []byte) {
	const size = 2 << 20
	begin := int(-uintptr(unsafe.Pointer(unsafe.SliceData(room))) % size)
	if end := begin + (len(room)-begin)/size*size; end > begin {
		_ = unix.Madvise(room[begin:end], unix.MADV_HUGEPAGE)
	}
}
