package safetensors

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"imgcls/internal/fault"
)

// Read reads a regular file.
func Read(path string) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case info.IsDir():
		return nil, bad(path, "name the file in it", "is a folder")
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, bad(path, "name a plain file", "is not a plain file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, unreadable(path, err)
	}
	return Decode(path, f, info.Size())
}

// Decode reads a file of a known size from r. The path is only for messages and
// its extension for guesses at what else the file may be.
func Decode(path string, r io.Reader, size int64) (*File, error) {
	in := bufio.NewReader(r)
	start, err := in.Peek(int(min(size, recognised)))
	if err != nil {
		return nil, unreadable(path, err)
	}
	length, err := headerLength(path, start, size)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	hashed := io.TeeReader(in, sum)
	head := make([]byte, lengthBytes+length)
	if _, err := io.ReadFull(hashed, head); err != nil {
		return nil, unreadable(path, err)
	}
	p := parser{path: path, text: head[lengthBytes:]}
	metadata, entries, err := p.header()
	if err != nil {
		return nil, err
	}
	if err := place(path, entries, uint64(len(head)), uint64(size)); err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, Tensors: make([]Tensor, len(entries))}
	for i, e := range entries {
		e.Data = make([]byte, e.end-e.begin)
		if _, err := io.ReadFull(hashed, e.Data); err != nil {
			return nil, unreadable(path, err)
		}
		f.Tensors[i] = e.Tensor
	}
	slices.SortFunc(f.Tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// headerLength returns the length of the header, which lies within the file,
// or says what the file is that begins in this way.
func headerLength(path string, start []byte, size int64) (int, error) {
	var length uint64
	if size >= lengthBytes {
		length = binary.LittleEndian.Uint64(start)
	}
	if size > lengthBytes && length > 0 && length <= mostHeader &&
		length <= uint64(size-lengthBytes) && start[lengthBytes] == '{' {
		return int(length), nil
	}
	if err := foreign(path, start); err != nil {
		return 0, err
	}
	switch {
	case size < lengthBytes:
		return 0, bad(path, anotherCopy, "holds %d bytes, a safetensors file at least %d", size, lengthBytes+len("{}"))
	case length > mostHeader:
		return 0, bad(path, anotherCopy, "is no safetensors file: its header would be of %d bytes, at most %d are allowed", length, mostHeader)
	case length > uint64(size-lengthBytes):
		return 0, bad(path, anotherCopy, "is cut: it holds %d bytes, of which its header alone takes %d", size, lengthBytes+length)
	}
	return 0, bad(path, anotherCopy, "is no safetensors file: its header does not begin with {")
}

// place sorts the entries by where they lie and checks that each has the size
// of its shape and that together they fill the file from the header's end on.
func place(path string, entries []entry, header, size uint64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range entries {
		if e.end < e.begin {
			return bad(path, anotherCopy, "tensor %s ends at %d, before its begin at %d", fault.Quote(e.Name), e.end, e.begin)
		}
		n, err := byteSize(e.DType, e.Shape)
		if err != nil {
			return bad(path, "take a file with the types and shapes of the safetensors format",
				"tensor %s, %s %v: %w", fault.Quote(e.Name), fault.Quote(e.DType), e.Shape, err)
		}
		if n != e.end-e.begin {
			return bad(path, anotherCopy, "tensor %s, %s %v, takes %d bytes, but its range [%d, %d) has %d",
				fault.Quote(e.Name), e.DType, e.Shape, n, e.begin, e.end, e.end-e.begin)
		}
	}
	last := entry{}
	for _, e := range entries {
		switch {
		case e.begin < last.end:
			return bad(path, anotherCopy, "tensors %s [%d, %d) and %s [%d, %d) overlap",
				fault.Quote(last.Name), last.begin, last.end, fault.Quote(e.Name), e.begin, e.end)
		case e.begin > last.end:
			return bad(path, anotherCopy, "the bytes [%d, %d) before tensor %s [%d, %d) belong to no tensor",
				last.end, e.begin, fault.Quote(e.Name), e.begin, e.end)
		}
		last = e
	}
	switch need := header + uint64(last.end); {
	case size < need:
		return bad(path, anotherCopy, "is cut: it holds %d bytes, its tensors need %d", size, need)
	case size > need:
		return bad(path, anotherCopy, "holds %d bytes after the last tensor %s [%d, %d), which belong to no tensor",
			size-need, fault.Quote(last.Name), last.begin, last.end)
	}
	return nil
}

// unreadable says why a file could not be opened or read.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad(path, "check the name", "%w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Room, "model file", path, "check its owner and mode", "%w", fs.ErrPermission)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return bad(path, "try again when nothing writes to it", "became shorter while it was read")
	}
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	return bad(path, anotherCopy, "cannot be read: %w", err)
}
