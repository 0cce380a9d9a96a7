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
