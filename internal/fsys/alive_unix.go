//go:build unix

package fsys

import (
	"errors"
	"os"
	"syscall"
)

// alive reports whether a process of that id may be another than this one and
// live.
func alive(pid int) bool {
	return pid != os.Getpid() && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
