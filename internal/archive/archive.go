// Package archive walks through gzipped tars that nobody vouches for. It refuses
// what an honest archive of data does not have (names that lead out, links,
// devices, names that occur twice, bytes behind the end, more bytes than were
// expected), and leaves what the names mean to its caller. Nothing is written.
package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// An Entry is a plain file or a folder of an archive.
type Entry struct {
	Name   string // with slashes, clean and relative; that of a folder too
	Folder bool
	Size   int64
	Quoted string // the name as the archive has it, for messages
}

var (
	errTooLong  = errors.New("unpacks to more than it should hold")
	errTrailing = errors.New("trailing bytes after the end")
)

// Walk calls visit for each entry of the gzipped tar r, in order, with a reader
// of a file's bytes. It ends with an error when the tar unpacks to more than most
// bytes, headers included, or with visit's first error. Its own errors say what
// is wrong and not where: the caller adds the path.
func Walk(r io.Reader, most int64, visit func(e Entry, data io.Reader) error) error {
	file := bufio.NewReader(r)
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("not a gzipped tar: %w", err)
	}
	zipped.Multistream(false) // what follows the first stream is found below
	plain := &bound{from: zipped, left: most}
	if err := walk(tar.NewReader(plain), visit); err != nil {
		return err
	}
	if err := onlyZeros(plain); err != nil {
		return damage(err)
	}
	if _, err := file.ReadByte(); err != io.EOF {
		return errTrailing
	}
	return nil
}

func walk(t *tar.Reader, visit func(e Entry, data io.Reader) error) error {
	seen := map[string]bool{}
	for {
		header, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damage(err)
		}
		e, err := vet(header)
		if err != nil {
			return err
		}
		if seen[e.Name] && !e.Folder {
			return fmt.Errorf("entry %s occurs twice", e.Quoted)
		}
		seen[e.Name] = true
		if err := visit(e, content{t}); err != nil {
			return err
		}
	}
}

// content is the bytes of a file, with errors that say what is wrong.
type content struct{ from io.Reader }

func (c content) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if err != nil && err != io.EOF {
		err = damage(err)
	}
	return n, err
}

// vet refuses entries that are neither a plain file nor a folder below the
// archive's own. A backslash or colon would make a name lead out on Windows.
func vet(h *tar.Header) (Entry, error) {
	e := Entry{
		Name:   strings.TrimPrefix(strings.TrimSuffix(h.Name, "/"), "./"),
		Folder: h.Typeflag == tar.TypeDir,
		Size:   h.Size,
		Quoted: quote(h.Name),
	}
	switch {
	case !fs.ValidPath(e.Name) || !filepath.IsLocal(filepath.FromSlash(e.Name)) || strings.ContainsAny(e.Name, `\:`):
		return e, fmt.Errorf("entry %s leads out of the archive", e.Quoted)
	case !e.Folder && h.Typeflag != tar.TypeReg:
		return e, fmt.Errorf("entry %s is a link or a device, not a plain file", e.Quoted)
	}
	return e, nil
}

// quote shows a name without control characters, cut at 200 bytes.
func quote(name string) string {
	const most = 200
	if len(name) > most {
		return strconv.Quote(name[:most]) + "…"
	}
	return strconv.Quote(name)
}

// damage says of an error of the gzip and tar readers what it means.
func damage(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return fmt.Errorf("cut short: %w", err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, tar.ErrHeader), errors.As(err, new(flate.CorruptInputError)):
		return fmt.Errorf("damaged: %w", err)
	}
	return err
}

// A bound passes on so many bytes and then fails, unlike io.LimitReader, which
// would make a bomb look like a short file.
type bound struct {
	from io.Reader
	left int64
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	return n, err
}

// onlyZeros reads r to its end. A tar ends in zeros, and nothing else may
// follow its last entry.
func onlyZeros(r io.Reader) error {
	var page, zeros [4096]byte
	for {
		n, err := r.Read(page[:])
		if !bytes.Equal(page[:n], zeros[:n]) {
			return errTrailing
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
