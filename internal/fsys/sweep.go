package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// temporaryName is the form of the names that temporary gives: the target's name
// and the writer's process id.
var temporaryName = regexp.MustCompile(`^\.(.+)\.(\d+)-\d+\.tmp$`)

// IsTemporary reports whether a file of this name was to become one for which own
// says yes, when its writer died, or is one that is being written.
func IsTemporary(name string, own func(name string) bool) bool {
	m := temporaryName.FindStringSubmatch(name)
	return m != nil && own(m[1])
}

// Sweep removes from dir what writers that died have left of files for which
// own says yes. Only the holder of the folder's lock may call it.
func Sweep(dir string, own func(name string) bool) error {
	return sweep(dir, func(target string, _ int) bool { return own(target) })
}

// SweepDead removes from dir, which other processes may write to, what writers
// of the file name have left that no longer live on this machine.
func SweepDead(dir, name string) error {
	return sweep(dir, func(target string, pid int) bool { return target == name && !alive(pid) })
}

func sweep(dir string, dead func(target string, pid int) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail("reading folder", dir, err)
	}
	var all []error
	for _, e := range entries {
		m := temporaryName.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		if pid, err := strconv.Atoi(m[2]); err == nil && dead(m[1], pid) {
			path := filepath.Join(dir, e.Name())
			if err := remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				all = append(all, fail("removing", path, err))
			}
		}
	}
	return errors.Join(all...)
}
