//go:build !windows

package fsys

import "syscall"

var diskFull = []error{syscall.ENOSPC}
