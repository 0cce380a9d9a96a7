package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"imgcls/internal/archive"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// Unpack unpacks a gzipped tar into the new folder dir. Members maps the names
// that the archive has, with slashes, to their exact sizes; folders follow from
// them. Other plain files are passed over, up to a mebibyte of them and under
// names that clash with no member; an archive with anything less or else is
// refused with kind Data and leaves nothing. Where dir holds all members already, Unpack does nothing.
// Of several processes one unpacks and the others wait, until ctx ends.
func Unpack(ctx context.Context, path, dir string, members map[string]int64) error {
	if Complete(dir, members) {
		return nil
	}
	parent, base := filepath.Dir(dir), filepath.Base(dir)
	if err := fsys.MkdirAll(parent); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(parent, "."+base+".lock"), func(string) {})
	if err != nil {
		return err
	}
	defer unlock()
	if Complete(dir, members) { // another process did it
		return nil
	}
	if _, err := os.Lstat(dir); err == nil {
		return fault.New(fault.Data, "folder", dir, "remove or rename it", "is there and does not hold what the archive holds")
	}
	staging := filepath.Join(parent, "."+base+".unpack")
	if err := fsys.RemoveAll(staging); err != nil { // of a run that died
		return err
	}
	err = unpackInto(path, staging, members)
	if err == nil {
		err = fsys.Rename(staging, dir)
	}
	if err != nil {
		fsys.RemoveAll(staging) // if that fails too, the next call removes it
	}
	return err
}

// Complete tells whether dir holds every member at its size.
func Complete(dir string, members map[string]int64) bool {
	for name, size := range members {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !info.Mode().IsRegular() || info.Size() != size {
			return false
		}
	}
	return true
}

func unpackInto(path, staging string, members map[string]int64) error {
	file, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Data, "archive", path, "check the path", "%w", err)
	}
	defer file.Close()
	if err := fsys.Mkdir(staging); err != nil {
		return err
	}
	root, err := os.OpenRoot(staging)
	if err != nil {
		return fault.New(fault.Room, "opening folder", staging, "", "%w", err)
	}
	defer root.Close()

	u := unpacker{path, root, members, parents(members), map[string]bool{}}
	err = u.run(file)
	var said *fault.Error
	if err == nil || errors.As(err, &said) {
		return err
	}
	return u.refuse("%w", err)
}

// parents returns the folders that the members lie in.
func parents(members map[string]int64) map[string]bool {
	folders := map[string]bool{".": true}
	for name := range members {
		for dir := path.Dir(name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	return folders
}

type unpacker struct {
	path    string // of the archive
	root    *os.Root
	members map[string]int64
	folders map[string]bool
	done    map[string]bool
}

// slack is what an archive may unpack to beside its members, for headers and
// padding.
const slack = 1 << 20

func (u *unpacker) run(file io.Reader) error {
	most := int64(slack)
	for _, size := range u.members {
		most += size
	}
	if err := archive.Walk(file, most, u.entry); err != nil {
		return err
	}
	for name := range u.members {
		if !u.done[name] {
			return u.refuse("lacks %s", fault.Quote(name))
		}
	}
	return nil
}

// entry writes one entry, passes over a file that is no member, or refuses what
// could be taken for another.
func (u *unpacker) entry(e archive.Entry, data io.Reader) error {
	size, member := u.members[e.Name]
	switch {
	case e.Folder && u.folders[e.Name]:
		return nil
	case e.Folder || u.folders[e.Name] || !member && u.clashes(e.Name):
		return u.refuse("entry %s does not belong to it", e.Quoted)
	case !member:
		return nil // a readme; what is passed over is bounded by slack
	case e.Size != size:
		return u.refuse("entry %s has %d bytes, wanted %d", e.Quoted, e.Size, size)
	}
	u.done[e.Name] = true
	return fsys.WriteIn(u.root, e.Name, func(w io.Writer) error {
		_, err := io.CopyN(w, data, size)
		return err
	})
}

// clashes reports whether a file system that ignores case takes name for a
// member.
func (u *unpacker) clashes(name string) bool {
	for member := range u.members {
		if strings.EqualFold(member, name) {
			return true
		}
	}
	return false
}

func (u *unpacker) refuse(why string, args ...any) error {
	return fault.New(fault.Data, "archive", u.path, "bring it again from its publisher", why, args...)
}
