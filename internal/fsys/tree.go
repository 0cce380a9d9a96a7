package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

const folderPermission = 0o755

// Mkdir makes one new folder. Where path exists the error is fs.ErrExist, so
// that of two processes only one gets the name.
func Mkdir(path string) error {
	err := gate(CallMkdir, path, func() error { return os.Mkdir(path, folderPermission) })
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return fail("making folder", path, err)
}

// MkdirAll makes a folder and those above it that are missing.
func MkdirAll(path string) error {
	return fail("making folder", path, gate(CallMkdir, path, func() error {
		return os.MkdirAll(path, folderPermission)
	}))
}

// Link makes path a symbolic link to target in one step, in the place of an
// older link. Anything at path that is not a link stays, and the error is
// fs.ErrExist. Systems and accounts without symbolic links give an error that
// the caller may pass over.
func Link(target, path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return fail("making link", path, fs.ErrExist)
	}
	var temp string
	err := untilFree(path, func(name string) error {
		temp = name
		return gate(CallLink, temp, func() error { return os.Symlink(target, temp) })
	})
	if err != nil {
		return fail("making link", path, err)
	}
	if err := rename(temp, path); err != nil {
		remove(temp)
		return fail("making link", path, err)
	}
	return fail("making link", path, syncDir(filepath.Dir(path)))
}

// Rename moves a file or folder within one file system, durably.
func Rename(from, to string) error {
	err := rename(from, to)
	if err == nil {
		err = syncDir(filepath.Dir(to))
	}
	return fail("renaming to", to, err)
}

// Remove removes a file or an empty folder.
func Remove(path string) error { return fail("removing", path, remove(path)) }

// RemoveAll removes path and what is below it. A path that does not exist is
// no error. Links are removed, not followed.
func RemoveAll(path string) error {
	return fail("removing", path, gate(CallRemove, path, func() error { return os.RemoveAll(path) }))
}

func rename(from, to string) error {
	err := gate(CallRename, to, func() error { return os.Rename(from, to) })
	return tell(Done{Call: CallRename, Path: from, To: to}, err)
}

func remove(path string) error {
	err := gate(CallRemove, path, func() error { return os.Remove(path) })
	return tell(Done{Call: CallRemove, Path: path}, err)
}

// syncDir makes the names in dir durable. Windows has no such call; some file
// systems refuse it, and a folder that may be written but not listed cannot be
// opened for it: there the rename alone must do.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	err := gate(CallSyncDir, dir, func() error {
		d, err := os.Open(dir)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		defer d.Close()
		err = d.Sync()
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
			return nil
		}
		return err
	})
	return tell(Done{Call: CallSyncDir, Path: dir}, err)
}
