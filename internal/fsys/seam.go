package fsys

import (
	"io/fs"
	"os"
	"sync/atomic"
)

// A Call names a kind of system call that passes the seam.
type Call string

// The kinds of call that Inject can make fail.
const (
	CallStat     Call = "stat"
	CallOpen     Call = "open"
	CallWrite    Call = "write"
	CallTruncate Call = "truncate"
	CallSync     Call = "sync"
	CallClose    Call = "close"
	CallRename   Call = "rename"
	CallRemove   Call = "remove"
	CallMkdir    Call = "mkdir"
	CallLink     Call = "symlink"
	CallSyncDir  Call = "sync folder"
	CallLock     Call = "lock"
)

var hook atomic.Pointer[func(Call, string) error]

// Inject is for tests: it has ask called before every system call of this
// package, for the whole process, until restore is called. An error from ask
// takes the place of the call, except that a failing write still writes the
// first half of its bytes, as a full disk does, and a failing close still
// closes.
func Inject(ask func(call Call, path string) error) (restore func()) {
	old := hook.Swap(&ask)
	return func() { hook.Store(old) }
}

func refused(call Call, path string) error {
	if ask := hook.Load(); ask != nil {
		if err := (*ask)(call, path); err != nil {
			return &fs.PathError{Op: string(call), Path: path, Err: err}
		}
	}
	return nil
}

func gate(call Call, path string, do func() error) error {
	if err := refused(call, path); err != nil {
		return err
	}
	return do()
}

// A handle is a file open for writing whose every call passes the seam.
type handle struct {
	file *os.File
	path string
}

// permission is what a new file gets, less the process's umask.
const permission = 0o644

func open(path string, flag int) (handle, error) {
	h := handle{path: path}
	err := gate(CallOpen, path, func() (err error) {
		h.file, err = os.OpenFile(path, flag, permission)
		return err
	})
	return h, err
}

func openIn(root *os.Root, name string, flag int) (handle, error) {
	h := handle{path: name}
	err := gate(CallOpen, name, func() (err error) {
		h.file, err = root.OpenFile(name, flag, permission)
		return err
	})
	return h, err
}

func (h handle) Write(p []byte) (int, error) {
	if err := refused(CallWrite, h.path); err != nil {
		n, _ := h.file.Write(p[:len(p)/2])
		return n, err
	}
	return h.file.Write(p)
}

func (h handle) writeAt(p []byte, at int64) error {
	if err := refused(CallWrite, h.path); err != nil {
		h.file.WriteAt(p[:len(p)/2], at)
		return err
	}
	_, err := h.file.WriteAt(p, at)
	return err
}

func (h handle) truncate(size int64) error {
	return gate(CallTruncate, h.path, func() error { return h.file.Truncate(size) })
}

func (h handle) sync() error { return gate(CallSync, h.path, h.file.Sync) }

func (h handle) close() error {
	err := h.file.Close()
	if r := refused(CallClose, h.path); r != nil {
		return r
	}
	return err
}
