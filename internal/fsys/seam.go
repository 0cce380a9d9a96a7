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

// A Done is a call that took effect: what it wrote where, or which names it
// changed.
type Done struct {
	Call Call
	Path string
	To   string // of a rename
	Data []byte // of a write, to be copied,
	At   int64  // and where it begins; -1 for the file's end
}

var observer atomic.Pointer[func(Done)]

// Observe is for tests: it has see called after every call that changed a file
// or a folder, for the whole process, until restore is called. From what it sees
// a test can make the states in which a loss of power may leave the disk.
func Observe(see func(Done)) (restore func()) {
	old := observer.Swap(&see)
	return func() { observer.Store(old) }
}

// tell passes on what was done, unless it failed.
func tell(d Done, err error) error {
	if see := observer.Load(); see != nil && err == nil {
		(*see)(d)
	}
	return err
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
	return h, tell(Done{Call: CallOpen, Path: path}, err)
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
	n, err := h.file.Write(p)
	return n, tell(Done{Call: CallWrite, Path: h.path, Data: p, At: -1}, err)
}

func (h handle) writeAt(p []byte, at int64) error {
	if err := refused(CallWrite, h.path); err != nil {
		h.file.WriteAt(p[:len(p)/2], at)
		return err
	}
	_, err := h.file.WriteAt(p, at)
	return tell(Done{Call: CallWrite, Path: h.path, Data: p, At: at}, err)
}

func (h handle) truncate(size int64) error {
	err := gate(CallTruncate, h.path, func() error { return h.file.Truncate(size) })
	return tell(Done{Call: CallTruncate, Path: h.path, At: size}, err)
}

func (h handle) sync() error {
	return tell(Done{Call: CallSync, Path: h.path}, gate(CallSync, h.path, h.file.Sync))
}

func (h handle) close() error {
	err := h.file.Close()
	if r := refused(CallClose, h.path); r != nil {
		return r
	}
	return err
}
