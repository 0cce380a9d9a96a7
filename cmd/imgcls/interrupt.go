package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// An interrupt is the cause of a context ended by a signal.
type interrupt struct{ signal os.Signal }

func (i interrupt) Error() string { return fmt.Sprintf("stopped by %s", i.name()) }

func (i interrupt) name() string {
	if i.signal == syscall.SIGTERM {
		return "SIGTERM"
	}
	return "SIGINT"
}

// code is the exit code by the custom of shells: 128 and the signal's number.
func (i interrupt) code() int {
	if i.signal == syscall.SIGTERM {
		return 128 + 15
	}
	return 128 + 2
}

// interruptible returns a context that SIGINT or SIGTERM ends, with an interrupt
// as its cause, so that a command can save what it has. A second signal ends the
// process at once. A closed pipe is reported to the writer instead of killing
// the process: training goes on without its log.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		select {
		case first := <-signals:
			cancel(interrupt{first})
		case <-ctx.Done():
			return
		}
		second := <-signals
		os.Exit(interrupt{second}.code())
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}
