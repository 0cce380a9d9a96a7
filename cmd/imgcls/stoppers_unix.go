//go:build unix

package main

import (
	"os"
	"syscall"
)

// stoppers are the signals after which a command saves and ends: Ctrl+C, a
// supervisor, a lost terminal, and the warning that Slurm sends before the time
// is up.
var stoppers = map[os.Signal]string{
	syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGUSR1: "SIGUSR1",
}

// warning is the signal that a batch system sends well before the one that ends
// the job.
var warning os.Signal = syscall.SIGUSR1
