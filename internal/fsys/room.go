package fsys

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Room returns the bytes that this user may still write on the disk of a folder,
// which need not exist yet.
func Room(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	return nearest(dir, room)
}

// Writable returns why this user can make no files in a folder, or not make the folder
// where it does not exist yet. It writes nothing, and does not see all that can be wrong.
func Writable(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	_, err = nearest(dir, func(dir string) (struct{}, error) { return struct{}{}, writable(dir) })
	return err
}

// nearest asks about a folder or, where there is none, the nearest one above it.
func nearest[T any](dir string, ask func(dir string) (T, error)) (T, error) {
	for {
		answer, err := ask(dir)
		up := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || up == dir {
			return answer, err
		}
		dir = up
	}
}
