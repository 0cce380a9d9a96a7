package fsys

import (
	"errors"
	"io/fs"
	"syscall"

	"imgcls/internal/fault"
)

// reasons says for each cause how it reads and what the user can do. The first
// match counts.
var reasons = []struct {
	causes  []error
	why, do string
}{
	{diskFull, "no space left on the disk", "free some space or choose a folder on another disk"},
	{[]error{syscall.EDQUOT}, "disk quota exceeded", "free some space or choose a folder on another disk"},
	{[]error{syscall.EROFS}, "read-only file system", "choose a folder that can be written"},
	{[]error{fs.ErrPermission}, "permission denied", "check the owner and mode of the folder, or choose another"},
	{[]error{syscall.EIO}, "input/output error", "check the disk, or choose a folder on another"},
	{[]error{syscall.EMFILE, syscall.ENFILE}, "too many open files", "raise the limit (ulimit -n)"},
	{[]error{syscall.ENAMETOOLONG}, "name too long", "choose a shorter name"},
	{[]error{syscall.ENOTDIR}, "a part of the path is a file, not a folder", "choose another folder"},
	{[]error{errIrregular}, "is not a regular file", "choose another name"},
	{[]error{fs.ErrExist}, "exists already", "choose another name"},
	{[]error{fs.ErrNotExist}, "no such file or folder", "check that the folder exists"},
}

// fail turns the error of a system call into the one that the user sees; nil
// stays nil.
func fail(what, path string, err error) error {
	if err == nil {
		return nil
	}
	e := &fault.Error{Kind: fault.Room, What: what, Path: path, Err: err}
	for _, r := range reasons {
		for _, cause := range r.causes {
			if errors.Is(err, cause) {
				e.Why, e.Do = r.why, r.do
				return e
			}
		}
	}
	e.Why, e.Do = fault.Cause(err).Error(), "choose another folder"
	return e
}
