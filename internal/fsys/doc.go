// Package fsys is the one door through which imgcls writes to disk.
//
// A whole file is written beside its target under a hidden name, synced, put
// in place by rename, and made durable by syncing the folder. Whatever fails
// or dies on the way, the target is the old file or the new one, whole, and
// never a mixture. The new file takes the place of a symbolic or hard link;
// what the link pointed to stays as it was. Nothing is ever written outside
// the target's own folder, so no temporary folder or home is needed and no
// rename crosses file systems.
//
// A log grows by whole writes: one that fails half-way leaves no torn line.
//
// Every error is a *fault.Error of kind Room that names the path, the reason
// and what to do, and still answers errors.Is for fs.ErrPermission,
// syscall.ENOSPC and the like. Inject lets a test make any single system call
// fail, so that each of these promises can be shown to hold at each call.
package fsys
