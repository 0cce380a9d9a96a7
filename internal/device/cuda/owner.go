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
	waiting  atomic.Int64          // since when, in nanoseconds of Unix time, one is waited for; 0 for none
	entry    atomic.Pointer[entry] // whose step it is
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
	go o.watch()
	return o
}

// serve answers until there are no more requests.
func (o *owner) serve() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	for r := range o.requests {
		err := r.do(r)
		o.waiting.Store(0)
		if sticky(err) {
			o.fail(err)
		}
		o.answers <- err
	}
}

// watch ends the wait for a step that hangs.
func (o *owner) watch() {
	tick := time.NewTicker(max(o.patience/16, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-o.lost:
			return
		case now := <-tick.C:
			since := o.waiting.Load()
			if since != 0 && now.Sub(time.Unix(0, since)) > o.patience {
				o.fail(hangs(o.entry.Load(), o.step.Load(), o.patience))
			}
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

// waits says that the owner begins to wait for a step, whose entry is e or one
// started before it; e may be nil.
func (o *owner) waits(e *entry, step uint64) {
	o.entry.Store(e)
	o.step.Store(step)
	o.waiting.Store(time.Now().UnixNano())
}

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
