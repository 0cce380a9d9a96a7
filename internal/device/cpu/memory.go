package cpu

import (
	"bytes"
	"os"
	"strconv"
	"unsafe"

	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/plan"
)

// allocate returns size bytes of zeros that begin at a multiple of plan.Align,
// beside so many that were allocated and may not be in use yet. The system
// gives more memory than there is and ends the process when it is used, so what
// counts is what it says is free, where it says so.
func allocate(size, beside int) ([]byte, error) {
	const do = "use a smaller --batch-size or --img-size, or a machine with more memory"
	if free, _, known := available(); known && size+beside > free {
		return nil, fault.New(fault.Room, "memory", "", do, "network and data need %d bytes, %d are free", size+beside, free)
	}
	room := reserve(size + plan.Align)
	if room == nil {
		return nil, fault.New(fault.Room, "memory", "", do, "network and data need %d bytes, more than can be had", size+beside)
	}
	largePages(room)
	misfit := int(uintptr(unsafe.Pointer(unsafe.SliceData(room))) % plan.Align)
	return room[plan.Align-misfit:][:size:size], nil
}

// reserve is make, but for sizes beyond the address space it returns nil.
func reserve(size int) (room []byte) {
	defer func() { _ = recover() }()
	return make([]byte, size)
}

// Free returns the bytes of memory that a program may still take, and all of them.
func (p *processor) Free() (bytes, total int, known bool) { return available() }

// Needs returns the bytes of m's arena.
func (p *processor) Needs(m *plan.Module) int { return m.Arena }

// available returns the bytes that programs may still take, and all that there are,
// as Linux tells.
func available() (free, total int, known bool) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, false
	}
	free, known = kilobytes(info, "MemAvailable:")
	total, all := kilobytes(info, "MemTotal:")
	return free, total, known && all
}

// kilobytes returns the bytes that a line of /proc/meminfo tells in kB.
func kilobytes(info []byte, line string) (n int, known bool) {
	_, rest, found := bytes.Cut(info, []byte(line))
	number, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" kB"))
	n, err := strconv.Atoi(string(number))
	return n << 10, found && err == nil
}

// floats allocates n elements beside so many bytes.
func floats(n, beside int) ([]float32, error) {
	room, err := allocate(4*n, beside)
	return device.View[float32](room), err
}

// A scratch is room that no value lives in between nodes: some for all members
// of a crew together, and some for each. Nodes run one at a time, so the room
// is as large as the greediest of them asks.
type scratch struct {
	common  []float32
	members [][]float32

	commonNeed, memberNeed int // elements
}

// align rounds a number of elements up, so that what follows is aligned.
func align(elements int) int {
	const unit = plan.Align / 4
	return ceil(elements, unit) * unit
}

// allocate makes the room that was asked for, beside so many bytes.
func (s *scratch) allocate(beside int) error {
	common, each := align(s.commonNeed), align(s.memberNeed)
	all, err := floats(common+each*len(s.members), beside)
	if err != nil {
		return err
	}
	s.common = all[:common]
	for i := range s.members {
		s.members[i] = all[common+i*each:][:each:each]
	}
	return nil
}
