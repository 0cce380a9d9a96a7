package fsys

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// errIrregular refuses to put a file in the place of a device or a pipe: as
// root that would replace /dev/null itself.
var errIrregular = errors.New("not a regular file")

// WriteFile makes path hold exactly data, or leaves it as it was.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write makes path hold exactly what fill writes, or leaves it as it was. The
// writer is buffered. An error from fill is returned as it is.
func Write(path string, fill func(io.Writer) error) (err error) {
	if err := replaceable(path); err != nil {
		return fail("writing file", path, err)
	}
	h, err := create(path)
	if err != nil {
		return fail("writing file", path, err)
	}
	placed := false
	defer func() {
		if !placed {
			remove(h.path)
		}
	}()
	if err := fillAndClose(h, path, fill); err != nil {
		return err
	}
	if err := rename(h.path, path); err != nil {
		return fail("writing file", path, err)
	}
	placed = true
	return fail("writing file", path, syncDir(filepath.Dir(path)))
}

// WriteIn writes a new file inside root, making the folders above it, and syncs
// it and them. It never leaves root and never replaces anything. A file
// that failed is left as far as it came: WriteIn is for folders that are thrown
// away unless all went well. The name has slashes.
func WriteIn(root *os.Root, name string, fill func(io.Writer) error) error {
	shown := filepath.Join(root.Name(), filepath.FromSlash(name))
	err := gate(CallMkdir, shown, func() error { return root.MkdirAll(path.Dir(name), folderPermission) })
	if err != nil {
		return fail("making folder of", shown, err)
	}
	h, err := openIn(root, name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fail("writing file", shown, err)
	}
	if err := fillAndClose(h, shown, fill); err != nil {
		return err
	}
	for at := path.Dir(name); err == nil; at = path.Dir(at) {
		err = syncDir(filepath.Join(root.Name(), filepath.FromSlash(at)))
		if at == "." {
			break
		}
	}
	return fail("writing file", shown, err)
}

// Trial fails, before any work is done, where files cannot be written in dir.
func Trial(dir string) error {
	h, err := create(filepath.Join(dir, "trial"))
	if err != nil {
		return fail("trial write in", dir, err)
	}
	_, err = h.Write([]byte("trial\n"))
	return fail("trial write in", dir, errors.Join(err, h.close(), remove(h.path)))
}

// shown is a writer whose errors name the path that the user knows.
type shown struct {
	to   io.Writer
	path string
}

func (s shown) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	return n, fail("writing file", s.path, err)
}

// fillAndClose closes h whatever happens.
func fillAndClose(h handle, path string, fill func(io.Writer) error) (err error) {
	defer func() {
		if c := h.close(); err == nil {
			err = fail("writing file", path, c)
		}
	}()
	w := bufio.NewWriterSize(shown{h, path}, 1<<16)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return fail("writing file", path, h.sync())
}

func replaceable(path string) error {
	var info fs.FileInfo
	err := gate(CallStat, path, func() (err error) {
		info, err = os.Lstat(path)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0:
		return nil
	}
	return errIrregular
}

// serial tells apart the temporary names of one process.
var serial atomic.Uint64

// temporary returns a hidden name beside path. The process id alone does not
// make it free: in a container every run may have the same.
func temporary(path string) string {
	dir, base := filepath.Split(path)
	const most = 200 // of the 255 bytes that file systems allow
	if len(base) > most {
		base = strings.ToValidUTF8(base[:most], "")
	}
	return filepath.Join(dir, fmt.Sprintf(".%s.%d-%d.tmp", base, os.Getpid(), serial.Add(1)))
}

// untilFree calls try with temporary names beside path until one is free.
func untilFree(path string, try func(temp string) error) error {
	const most = 10000
	var err error
	for range most {
		if err = try(temporary(path)); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return err
}

// create opens a new file under a temporary name beside path.
func create(path string) (h handle, err error) {
	err = untilFree(path, func(temp string) error {
		h, err = open(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		return err
	})
	return h, err
}
