package main

import (
	"os"
	"syscall"
)

// stoppers are the signals after which a command saves and ends: Ctrl+C, and the
// closing of the window, a log-off or a shutdown.
var stoppers = map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM"}

// warning is nil: no signal announces another.
var warning os.Signal
