package fsys

import "syscall"

// ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL stand beside the name that the
// other systems use.
var diskFull = []error{syscall.ENOSPC, syscall.Errno(112), syscall.Errno(39)}

// noLocks is what a file system without locks answers; 50 is ERROR_NOT_SUPPORTED and
// 1 ERROR_INVALID_FUNCTION.
var noLocks = []error{syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.Errno(50), syscall.Errno(1)}
