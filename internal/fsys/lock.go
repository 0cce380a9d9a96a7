package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"imgcls/internal/fault"
)

// A Lock keeps a file that only one process may hold. It holds the owner's
// process id, for the message to the next who asks.
type Lock struct {
	path  string
	held  *flock.Flock // nil where the file system has no locks
	alone string       // then the file that stands for one
	made  fs.FileInfo  // and what it was when it was made
}

// alonePart marks the file that stands for a lock where there are none.
const alonePart = ".held"

// TakeLock takes the lock at path, making the file where it is missing. Held by
// another process it is an error of kind Room that names the process. The lock
// ends with the process, however that ends. Where the file system has no locks,
// as some network file systems, a file that only one can make stands for it, and
// warn is told: such a file outlives a process that is killed.
func TakeLock(path string, warn func(string)) (*Lock, error) {
	l := &Lock{path: path, held: flock.New(path, flock.SetPermissions(permission))}
	held, err := l.try()
	switch {
	case err == nil && held:
		l.sign(path)
		return l, nil
	case err == nil:
		return nil, taken(path, path, "wait until it ends")
	case !slices.ContainsFunc(noLocks, func(cause error) bool { return errors.Is(err, cause) }):
		return nil, fail("locking", path, err)
	}
	l.held, l.alone = nil, path+alonePart
	if err := l.standIn(err, warn); err != nil {
		return nil, err
	}
	return l, nil
}

// try asks for the lock, again where a signal came between.
func (l *Lock) try() (held bool, err error) {
	const most = 100
	for range most {
		err = gate(CallLock, l.path, func() (err error) {
			held, err = l.held.TryLock()
			return err
		})
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	return held, err
}

// standIn makes the file that stands for the lock that was refused for cause.
func (l *Lock) standIn(cause error, warn func(string)) error {
	h, err := open(l.alone, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		return taken(l.alone, l.alone, "if that process is gone, remove this file")
	}
	if err != nil {
		return fail("locking", l.alone, err)
	}
	if err := h.close(); err != nil {
		return fail("locking", l.alone, err)
	}
	l.sign(l.alone)
	if l.made, err = os.Stat(l.alone); err != nil {
		return fail("locking", l.alone, err)
	}
	warn(fmt.Sprintf("%s: the file system has no locks (%v); %s stands for one: after a kill remove it",
		fault.Quote(l.path), fault.Cause(cause), fault.Quote(l.alone)))
	return nil
}

// sign writes the process id, if it can: a full disk takes away only the name in
// a message. That the file be durable is of no use: the lock does not outlive the
// process. On Windows nobody else can read a file that is locked.
func (l *Lock) sign(path string) {
	if runtime.GOOS == "windows" {
		return
	}
	h, err := open(path, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return
	}
	fmt.Fprintln(h, os.Getpid())
	h.close()
}

// Check reports whether the file of the lock is gone: what it guards was deleted,
// and nobody else has taken it. A file of another process in its place is an
// error of kind Room that names the process.
func (l *Lock) Check() (gone bool, err error) {
	path := l.path
	if l.held == nil {
		path = l.alone
	}
	now, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist), nil
	}
	mine := l.made
	if l.held != nil {
		if mine, err = l.held.Stat(); err != nil {
			return false, fail("locking", path, err)
		}
	}
	if os.SameFile(mine, now) {
		return false, nil
	}
	return false, fault.New(fault.Room, "lock", path, "let each run have a name of its own",
		"was deleted, and is of %s now", owner(path))
}

func taken(path, holder, do string) error {
	return fault.New(fault.Room, "lock", path, do, "locked by %s", owner(holder))
}

// owner names the process that has signed a lock.
func owner(holder string) string {
	if text, err := os.ReadFile(holder); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return fmt.Sprintf("pid %d", pid)
		}
	}
	return "another process"
}

// Release gives the lock up. The empty file stays, since removing it could take
// away the lock of a process that has just opened it. A file that stands for a
// lock goes, unless it is another process's by now.
func (l *Lock) Release() error {
	if l.held != nil {
		return fail("unlocking", l.path, l.held.Unlock())
	}
	if gone, err := l.Check(); gone || err != nil {
		return err
	}
	return fail("unlocking", l.alone, remove(l.alone))
}
