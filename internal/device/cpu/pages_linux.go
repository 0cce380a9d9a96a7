package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks the system to back room with pages of 2 MB: a step goes through all of an arena,
// and with pages of 4 kB finding them takes longer than the arithmetic. It is advice,
// and where it is not taken nothing else changes.
func hugePages(room []byte) {
	const page = 2 << 20
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(room))) % page)
	if whole := (len(room) - skip) / page * page; whole > 0 {
		_ = unix.Madvise(room[skip:][:whole], unix.MADV_HUGEPAGE)
	}
}
