package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A phase is a piece of work that ends before the next one begins. Its chunks
// are independent of one another, and their number follows from shapes alone:
// who runs which, and when, is never seen in the result.
type phase struct {
	chunks int
	run    func(chunk int, scratch []float32)
	done   func() bool // whether there is nothing to do this time; nil for never
}

// A crew is a caller and a fixed number of helping goroutines that share the
// chunks of one phase at a time. Everyone takes the next free chunk, the caller
// too, so it never waits for a helper that has not begun: one that sleeps, or
// that the system runs late, costs nothing.
type crew struct {
	turn sync.Mutex // held by the caller of the moment

	// ticket is the number of the phase in its upper half and the number of
	// chunks that nobody has taken in its lower half. Who counts a chunk down
	// owns it; as the phase cannot end before that chunk does, its owner may
	// read what stands below.
	ticket  atomic.Uint64
	_       [56]byte // keeps apart what all watch and what changes at each chunk
	pending atomic.Int64
	_       [56]byte

	phase   phase
	scratch [][]float32  // for each member, the caller first
	working atomic.Int32 // members that take part

	panicked atomic.Pointer[any] // what a chunk of the phase panicked with

	helpers []helper // of the members from 1 on
	gone    sync.WaitGroup
	ended   sync.Once
}

// A helper sleeps until it is woken.
type helper struct {
	asleep atomic.Bool
	wake   chan struct{}
}

// A helper looks for work this many times before it sleeps, and offers its
// processor to others every pause. That bridges a fifth of a millisecond, more
// than the pieces of a step that one goroutine does alone; waking a sleeper
// takes longer than many a phase.
const (
	patience = 1 << 16
	pause    = 1 << 6
)

func newCrew(threads int) *crew {
	c := &crew{helpers: make([]helper, threads-1)}
	for i := range c.helpers {
		c.helpers[i].wake = make(chan struct{}, 1)
		c.gone.Go(func() { c.help(i + 1) })
	}
	return c
}

// do runs phases one after another with that many members. The caller holds the
// turn.
func (c *crew) do(phases []phase, scratch [][]float32, members int) {
	c.scratch = scratch
	c.working.Store(int32(members))
	for _, p := range phases {
		if p.done != nil && p.done() {
			continue
		}
		if p.chunks <= 1 || members == 1 {
			for i := range p.chunks {
				p.run(i, scratch[0])
			}
			continue
		}
		c.share(p)
	}
}

func (c *crew) share(p phase) {
	c.phase = p
	c.pending.Store(int64(p.chunks))
	number := c.ticket.Load()>>32 + 1
	c.ticket.Store(number<<32 | uint64(p.chunks))
	for i := range min(p.chunks, int(c.working.Load())) - 1 {
		if h := &c.helpers[i]; h.asleep.Load() {
			select {
			case h.wake <- struct{}{}:
			default:
			}
		}
	}
	c.work(0)
	for i := 1; c.pending.Load() > 0; i++ {
		if i%pause == 0 {
			runtime.Gosched()
		}
	}
	if p := c.panicked.Swap(nil); p != nil {
		panic(*p)
	}
}

// work runs chunks until none is free.
func (c *crew) work(member int) {
	for {
		t := c.ticket.Load()
		free := uint32(t)
		if free == 0 {
			return
		}
		if c.ticket.CompareAndSwap(t, t-1) {
			c.chunk(int(free)-1, member)
		}
	}
}

// chunk runs one chunk. A panic is kept for the caller, which alone can be
// expected to recover from it.
func (c *crew) chunk(i, member int) {
	defer func() {
		if p := recover(); p != nil {
			kept := p // p itself would be on the heap, panic or not
			c.panicked.Store(&kept)
		}
		c.pending.Add(-1)
	}()
	c.phase.run(i, c.scratch[member])
}

// help works, waits for more, and sleeps when none comes, until wake is closed.
func (c *crew) help(member int) {
	self := &c.helpers[member-1]
	for open := true; open; {
		for i := 1; i < patience; i++ {
			if c.wanted(member) {
				c.work(member)
				i = 0
			}
			if i%pause == 0 {
				runtime.Gosched()
			}
		}
		self.asleep.Store(true)
		if !c.wanted(member) {
			_, open = <-self.wake
		}
		self.asleep.Store(false)
	}
}

// wanted reports whether there are chunks for that helper.
func (c *crew) wanted(member int) bool {
	return uint32(c.ticket.Load()) > 0 && member < int(c.working.Load())
}

// end lets the helpers go; ending twice is ending once.
func (c *crew) end() {
	c.ended.Do(func() {
		for i := range c.helpers {
			close(c.helpers[i].wake)
		}
	})
	c.gone.Wait()
}
