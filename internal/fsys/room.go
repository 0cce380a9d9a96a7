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
	for {
		free, err := room(dir)
		up := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || up == dir {
			return free, err
		}
		dir = up
	}
}
