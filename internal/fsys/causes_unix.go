//go:build !windows

package fsys

import "syscall"

var diskFull = []error{syscall.ENOSPC}

// noLocks is what a file system without locks answers.
var noLocks = []error{syscall.ENOLCK, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.ENOTSUP}
