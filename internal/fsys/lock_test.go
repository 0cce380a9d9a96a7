package fsys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"imgcls/internal/fault"
)

// One holds a lock; the next is told who; released, it can be taken again.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	quiet := func(text string) { t.Error(text) }
	first, err := TakeLock(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	owner := fmt.Sprintf("locked by pid %d;", os.Getpid())
	if runtime.GOOS == "windows" {
		owner = "locked by another process;"
	}
	if _, err := TakeLock(path, quiet); fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), owner) {
		t.Errorf("error %v, want %q", err, owner)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
	again, err := TakeLock(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
	if _, err := TakeLock(filepath.Join(path, "x"), quiet); fault.KindOf(err) != fault.Room {
		t.Errorf("below a file: %v", err)
	}
}

// Where there are no locks a file stands for one, and goes with its release.
func TestLockWithoutLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	restore := Inject(func(call Call, _ string) error {
		if call == CallLock {
			return syscall.ENOSYS
		}
		return nil
	})
	defer restore()
	var warnings []string
	warn := func(text string) { warnings = append(warnings, text) }
	first, err := TakeLock(path, warn)
	if err != nil || len(warnings) != 1 {
		t.Fatalf("error %v, warnings %q", err, warnings)
	}
	if _, err := TakeLock(path, warn); fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), "if that process is gone, remove this file") {
		t.Errorf("error %v", err)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + alonePart); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that stood for it: %v", err)
	}
}

// Only a file system without locks is answered by a file that stands for one: a
// signal is answered by another try, and any other failure is an error. The
// process id in the file is a courtesy.
func TestLockFails(t *testing.T) {
	for _, row := range []struct {
		call  Call
		cause error
		times int // 0 for always
		held  bool
		stand bool
	}{
		{CallLock, syscall.EINTR, 3, true, false},
		{CallLock, syscall.EINTR, 0, false, false},
		{CallLock, syscall.EIO, 0, false, false},
		{CallLock, syscall.EACCES, 0, false, false},
		{CallLock, syscall.ENOTSUP, 0, true, true},
		{CallWrite, syscall.ENOSPC, 0, true, false},
	} {
		path := filepath.Join(t.TempDir(), "lock")
		seen := 0
		restore := Inject(func(call Call, _ string) error {
			if call != row.call {
				return nil
			}
			if seen++; row.times > 0 && seen > row.times {
				return nil
			}
			return row.cause
		})
		warned := false
		lock, err := TakeLock(path, func(string) { warned = true })
		restore()
		if (err == nil) != row.held || warned != row.stand || err != nil && (fault.KindOf(err) != fault.Room || lock != nil) {
			t.Errorf("%s fails with %v: error %v, warned %v", row.call, row.cause, err, warned)
		}
		if seen == 0 {
			t.Errorf("%s was not called", row.call)
		}
		if lock == nil {
			continue
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
}

// A lock knows whether its file is there, gone, or another's.
func TestLockCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed")
	}
	for _, cause := range []error{nil, syscall.ENOLCK} {
		path := filepath.Join(t.TempDir(), "lock")
		restore := Inject(func(call Call, _ string) error {
			if call == CallLock {
				return cause
			}
			return nil
		})
		defer restore()
		lock, err := TakeLock(path, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		file := path
		if cause != nil {
			file += alonePart
		}
		if gone, err := lock.Check(); gone || err != nil {
			t.Errorf("there: %v, %v", gone, err)
		}
		if err := os.Rename(file, file+".away"); err != nil { // so that its number is not used again
			t.Fatal(err)
		}
		if gone, err := lock.Check(); !gone || err != nil {
			t.Errorf("gone: %v, %v", gone, err)
		}
		if err := os.WriteFile(file, []byte("4711\n"), permission); err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Check(); fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), "pid 4711") {
			t.Errorf("another's: %v", err)
		}
		lock.Release()
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the other's file: %v", err)
		}
	}
}
