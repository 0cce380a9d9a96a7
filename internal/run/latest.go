package run

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"imgcls/internal/fsys"
)

const latest = "latest"

// point makes output/latest stand for the run of that name: as a symbolic link,
// or as a file that holds the name where links are not to be had. Anything else
// of that name stays as it is.
func point(output, name string) error {
	path := filepath.Join(output, latest)
	if err := fsys.SweepDead(output, latest); err != nil {
		return err
	}
	if to, err := os.Readlink(path); err == nil && to == name {
		return nil
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		if _, ours := readLatest(path); !ours {
			return errors.New("it is neither a link nor a file of imgcls, and stays as it is")
		}
	} else if fsys.Link(name, path) == nil {
		return nil
	}
	return fsys.WriteFile(path, []byte(name+"\n"))
}

// readLatest returns the name in a file that stands for a link.
func readLatest(path string) (name string, ok bool) {
	const most = 300 // file systems allow 255 bytes
	info, err := os.Lstat(path)
	if filepath.Base(path) != latest || err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return "", false
	}
	text, err := os.ReadFile(path)
	name = strings.TrimSuffix(string(text), "\n")
	return name, err == nil && ValidName(name)
}
