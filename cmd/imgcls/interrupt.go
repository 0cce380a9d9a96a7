package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// An interrupt is the cause of a context ended by a signal.
type interrupt struct{ signal os.Signal }

func (i interrupt) Error() string { return fmt.Sprintf("stopped by %s", i.name()) }

func (i interrupt) name() string {
	if name, ok := stoppers[i.signal]; ok {
		return name
	}
	return i.signal.String()
}

// code is the exit code by the custom of shells: 128 and the signal's number.
func (i interrupt) code() int {
	const killed = 128
	if number, ok := i.signal.(syscall.Signal); ok {
		return killed + int(number)
	}
	return killed + int(syscall.SIGINT)
}

// burst is the time within which a signal that comes again is the same request:
// timeout(1), shells and supervisors send it to the process and to its group.
const burst = 250 * time.Millisecond

// interruptible returns a context that one of the signals in stoppers ends, with
// an interrupt as its cause, so that a command can save what it has. A second
// signal, later than a burst, ends the process at once. A closed pipe is reported
// to the writer instead of killing the process: training goes on without its log.
// A SIGHUP that is ignored, as nohup has it, stays so.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	for s := range stoppers {
		if s != syscall.SIGHUP || !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		select {
		case first := <-signals:
			cancel(interrupt{first})
			insisted(signals, first)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// insisted waits for the signal that ends the process at once, after the first.
// After a warning the first other signal does not: it announces the same end.
func insisted(signals <-chan os.Signal, first os.Signal) {
	since := time.Now()
	for s := range signals {
		switch {
		case time.Since(since) < burst:
		case first == warning && s != warning:
			first, since = s, time.Now()
		default:
			os.Exit(interrupt{s}.code())
		}
	}
}
