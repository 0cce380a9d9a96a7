//go:build cuda && linux && cgo

package cuda

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// An owner is the goroutine that makes every driver call for one GPU. It keeps to
// one OS thread, where the GPU's context is current. Whoever wants a call made
// asks for it, and waits for the answer no longer than the context lives: when a
// call finds it lost, or none of the steps waited for ends in time, all who wait
// and all who ask later get that error, and no driver call is made again.
type owner struct {
	turn     sync.Mutex // of those who ask
	requests chan request
	answers  chan error // has room for one, so that the owner never waits for an asker that left

	once  sync.Once
	lost  chan struct{} // closed when the context is
	cause error         // why; set before

	patience time.Duration         // for a step to end
	waits    uint64                // begun so far
	waiting  atomic.Uint64         // the number of the one that lasts; 0 for none
	entry    atomic.Pointer[entry] // whose step is waited for
	step     atomic.Uint64         // and its number
}

// A request is a function that the owner calls, and its arguments. With a
// function that is no closure, asking allocates nothing.
type request struct {
	do       func(request) error
	program  *program
	entry, n int
	at       uint64 // an address, or a step
	bytes    []byte
}

func newOwner(patience time.Duration) *owner {
	o := &owner{requests: make(chan request), answers: make(chan error, 1), lost: make(chan struct{}), patience: patience}
	go o.serve()
	go func() {
		tick := time.NewTicker(max(patience/ticks, time.Millisecond))
		defer tick.Stop()
		o.watch(tick.C)
	}()
	return o
}

// serve answers until there are no more requests.
func (o *owner) serve() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	for r := range o.requests {
		err := r.do(r)
		if sticky(err) {
			o.fail(err)
		}
		o.answers <- err
	}
}

// ticks are how many make up the patience.
const ticks = 16

// watch ends the wait for a step that hangs: one that lasts for more ticks than the
// patience has. No time is compared, since it goes on while a process or its machine
// is stopped, or is set anew. A ticker that was stopped too, or whose ticks nobody
// took, sends one for all that it missed.
func (o *owner) watch(tick <-chan time.Time) {
	var last uint64 // the wait that the last tick found
	seen := 0       // by how many ticks in a row
	for {
		select {
		case <-o.lost:
			return
		case <-tick:
		}
		now := o.waiting.Load()
		if seen++; now != last {
			last, seen = now, 1
		}
		if now != 0 && seen > ticks {
			o.fail(hangs(o.entry.Load(), o.step.Load(), o.patience))
		}
	}
}

// fail declares the context lost, for the first reason given.
func (o *owner) fail(cause error) {
	o.once.Do(func() {
		o.cause = cause
		close(o.lost)
	})
}

// ask has the owner make a request.
func (o *owner) ask(r request) error {
	o.turn.Lock()
	defer o.turn.Unlock()
	select {
	case <-o.lost:
		return o.cause
	default:
	}
	o.requests <- r // it waits for nothing but requests
	select {
	case err := <-o.answers:
		return err
	case <-o.lost:
		return o.cause
	}
}

// begins says that the owner begins to wait for a step, whose entry is e or one
// started before it; e may be nil. It is ended when the wait is: what the owner does
// then has no bound.
func (o *owner) begins(e *entry, step uint64) {
	o.entry.Store(e)
	o.step.Store(step)
	o.waits++
	o.waiting.Store(o.waits)
}

func (o *owner) ended() { o.waiting.Store(0) }

// alive reports whether driver calls may still be made.
func (o *owner) alive() bool {
	select {
	case <-o.lost:
		return false
	default:
		return true
	}
}

// end lets the goroutines go. Nothing is asked after it.
func (o *owner) end() {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.fail(errClosed)
	close(o.requests)
}
