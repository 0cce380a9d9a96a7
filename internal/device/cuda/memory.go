//go:build cuda && linux && cgo

package cuda

import (
	"gorgonia.org/cu"

	"imgcls/internal/device"
	"imgcls/internal/device/cuda/driver"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// A memory is all that a program has of the GPU, in one piece: the arena, behind
// it the tables of launches, and then the room of nodes, which run one at a time
// and share it. A first build of all entries measures tables and room; the second
// one gets addresses.
type memory struct {
	base   kernel.Addr // of the arena; 0 while measuring
	arena  int         // bytes
	tables []int64     // the words of all tables of this build
	words  int         // of all tables, as measured
	used   int         // bytes of room that the node in hand has
	room   int         // bytes that the greediest node has
	apart  int         // bytes left free around each piece of room, none of which is shared: for tests, 0 else
	pieces []piece     // of this build, where they are apart
}

// A piece is room that a node took.
type piece struct {
	at    kernel.Addr
	bytes int
}

// align rounds bytes up to where a tensor may begin.
func align(bytes int) int { return (bytes + plan.Align - 1) / plan.Align * plan.Align }

// bytes is what the whole takes, once it is measured.
func (m *memory) bytes() int { return m.roomAt() + m.room }

func (m *memory) tablesAt() int { return align(m.arena) }
func (m *memory) roomAt() int   { return m.tablesAt() + align(8*m.words) }

// measured ends the first build.
func (m *memory) measured() { m.words, m.tables, m.used, m.pieces = len(m.tables), nil, 0, nil }

// node begins a node, which has no room yet.
func (m *memory) node() {
	if m.apart == 0 {
		m.used = 0
	}
}

// take is a kernel.Room. What the room holds is not known: a node writes what it reads.
func (m *memory) take(bytes int) kernel.Addr {
	m.used += m.apart
	at := m.base + kernel.Addr(m.roomAt()+m.used)
	m.used += align(bytes) + m.apart
	m.room = max(m.room, m.used)
	if m.apart > 0 {
		m.pieces = append(m.pieces, piece{at, bytes})
	}
	return at
}

// table is a kernel.Table.
func (m *memory) table(words []int64) kernel.Addr {
	at := m.base + kernel.Addr(m.tablesAt()+8*len(m.tables))
	m.tables = append(m.tables, words...)
	if pad := plan.Align / 8; len(m.tables)%pad != 0 {
		m.tables = append(m.tables, make([]int64, pad-len(m.tables)%pad)...)
	}
	return at
}

// allocate takes the whole from the GPU, as it is.
func (m *memory) allocate() error {
	n := int64(max(m.bytes(), plan.Align))
	at, err := cu.MemAlloc(n)
	if err != nil {
		return failed("memory", driver.Wrap("cuMemAlloc_v2", err))
	}
	m.base = kernel.Addr(at)
	return nil
}

// clear fills the arena with zeros, on the stream that all later work comes to:
// a memset without a stream returns before its work is done, and what is put on a
// stream that is NonBlocking does not come after it.
func (m *memory) clear(s cu.Stream) error {
	n := int64(max(m.arena, plan.Align))
	return failed("memory", driver.Wrap("cuMemsetD8Async", cu.MemsetD8Async(cu.DevicePtr(m.base), 0, n, s)))
}

// writeTables copies the tables of the second build to their place.
func (m *memory) writeTables(p *program) error {
	if len(m.tables) == 0 {
		return nil
	}
	return p.upload(m.base+kernel.Addr(m.tablesAt()), device.Bytes(m.tables))
}

// free gives the whole back.
func (m *memory) free() error {
	if m.base == 0 {
		return nil
	}
	at := cu.DevicePtr(m.base)
	m.base = 0
	return driver.Wrap("cuMemFree_v2", cu.MemFree(at))
}
