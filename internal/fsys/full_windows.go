package fsys

import "syscall"

// ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL stand beside the name that the
// other systems use.
var diskFull = []error{syscall.ENOSPC, syscall.Errno(112), syscall.Errno(39)}
