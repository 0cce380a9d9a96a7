package fetch

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// Unpack unpacks a gzipped tar into the new folder dir. Members maps the names
// that the archive has, with slashes, to their exact sizes; folders follow from
// them. Other plain files are passed over, up to a mebibyte of them and under
// names that clash with no member; an archive with anything less or else is
// refused with kind Data and leaves nothing. Where dir holds all members already, Unpack does nothing.
// Of several processes one unpacks and the others wait, until ctx ends.
func Unpack(ctx context.Context, archive, dir string, members map[string]int64) error {
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
	err = unpackInto(archive, staging, members)
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

func unpackInto(archive, staging string, members map[string]int64) error {
	file, err := os.Open(archive)
	if err != nil {
		return fault.New(fault.Data, "archive", archive, "check the path", "%w", err)
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

	u := unpacker{archive, root, members, parents(members), map[string]bool{}}
	err = u.run(bufio.NewReader(file))
	var said *fault.Error
	if err == nil || errors.As(err, &said) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return u.refuse("cut short: %w", err)
	}
	return u.refuse("damaged: %w", err)
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
	archive string
	root    *os.Root
	members map[string]int64
	folders map[string]bool
	done    map[string]bool
}

// slack is what an archive may unpack to beside its members, for headers and
// padding.
const slack = 1 << 20

var errBomb = errors.New("unpacks to more than its members hold")

func (u *unpacker) run(file *bufio.Reader) error {
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return u.refuse("not a gzipped tar: %w", err)
	}
	zipped.Multistream(false) // what follows the first stream is found below
	total := int64(slack)
	for _, size := range u.members {
		total += size
	}
	plain := &bound{zipped, total}
	entries := tar.NewReader(plain)
	for {
		entry, err := entries.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := u.entry(entry, entries); err != nil {
			return err
		}
	}
	if err := u.ended(plain, file); err != nil {
		return err
	}
	for name := range u.members {
		if !u.done[name] {
			return u.refuse("lacks %s", fault.Quote(name))
		}
	}
	return nil
}

// entry writes one entry, or refuses it.
func (u *unpacker) entry(entry *tar.Header, data io.Reader) error {
	name := strings.TrimPrefix(strings.TrimSuffix(entry.Name, "/"), "./")
	size, member := u.members[name]
	quoted := fault.Quote(entry.Name)
	switch {
	case !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, `\:`):
		return u.refuse("entry %s leads out of the archive", quoted)
	case entry.Typeflag == tar.TypeDir && u.folders[name]:
		return nil
	case entry.Typeflag != tar.TypeReg && entry.Typeflag != tar.TypeDir:
		return u.refuse("entry %s is a link or a device, not a plain file", quoted)
	case entry.Typeflag == tar.TypeDir || u.folders[name] || !member && u.clashes(name):
		return u.refuse("entry %s does not belong to it", quoted)
	case !member:
		return nil // a readme; what is passed over is bounded by slack
	case u.done[name]:
		return u.refuse("entry %s occurs twice", quoted)
	case entry.Size != size:
		return u.refuse("entry %s has %d bytes, wanted %d", quoted, entry.Size, size)
	}
	u.done[name] = true
	return fsys.WriteIn(u.root, name, func(w io.Writer) error {
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

// ended checks that nothing but the zeros which end a tar follows its entries.
func (u *unpacker) ended(plain io.Reader, file *bufio.Reader) error {
	var page, zeros [4096]byte
	for {
		n, err := plain.Read(page[:])
		if !bytes.Equal(page[:n], zeros[:n]) {
			return u.refuse("trailing bytes after the last entry")
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if _, err := file.ReadByte(); err != io.EOF {
		return u.refuse("trailing bytes after the end")
	}
	return nil
}

func (u *unpacker) refuse(why string, args ...any) error {
	return fault.New(fault.Data, "archive", u.archive, "bring it again from its publisher", why, args...)
}

// A bound passes on so many bytes and then fails, unlike io.LimitReader, which
// would make a bomb look like a short file.
type bound struct {
	from io.Reader
	left int64
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBomb
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	return n, err
}
