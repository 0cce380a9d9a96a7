package safetensors

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"imgcls/internal/fsys"
)

// Write writes f to path, whole or not at all, and sets f.SHA256.
func Write(path string, f *File) error {
	sum := sha256.New()
	err := fsys.Write(path, func(w io.Writer) error { return Encode(io.MultiWriter(w, sum), f) })
	if err != nil {
		return err
	}
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// Encode writes f. The same tensors and metadata give the same bytes, in
// whatever order they are listed. A file that Decode would not read is not
// written; that is the caller's mistake, and the error has no kind.
func Encode(w io.Writer, f *File) error {
	if err := f.check(); err != nil {
		return err
	}
	head := f.header()
	head = append(head, bytes.Repeat([]byte{' '}, -len(head)&(lengthBytes-1))...)
	if len(head) > mostHeader {
		return fmt.Errorf("safetensors: a header of %d bytes, at most %d are allowed", len(head), mostHeader)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(head))); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range f.ordered() {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// ordered returns the tensors as their data lie in a file.
func (f *File) ordered() []Tensor {
	return slices.SortedFunc(slices.Values(f.Tensors), func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(rank(b.DType), rank(a.DType)), cmp.Compare(a.Name, b.Name))
	})
}

// check refuses what could not be read again.
func (f *File) check() error {
	seen := map[string]bool{metadataKey: true}
	for _, t := range f.Tensors {
		size, err := byteSize(t.DType, t.Shape)
		switch {
		case err != nil:
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		case size != len(t.Data):
			return fmt.Errorf("safetensors: tensor %q, %s %v, has %d bytes, want %d", t.Name, t.DType, t.Shape, len(t.Data), size)
		case len(t.Shape) > mostDims:
			return fmt.Errorf("safetensors: tensor %q has %d dimensions, at most %d are allowed", t.Name, len(t.Shape), mostDims)
		case seen[t.Name]:
			return fmt.Errorf("safetensors: two tensors named %q, or the name is reserved", t.Name)
		case !utf8.ValidString(t.Name):
			return fmt.Errorf("safetensors: tensor name %q is not UTF-8", t.Name)
		}
		seen[t.Name] = true
	}
	for key, value := range f.Metadata {
		if !utf8.ValidString(key + value) {
			return fmt.Errorf("safetensors: metadata %q is not UTF-8", key)
		}
	}
	if n := len(appendMetadata(nil, f.Metadata)); n > mostMetadata {
		return fmt.Errorf("safetensors: %d bytes of metadata, at most %d are allowed", n, mostMetadata)
	}
	return nil
}

// header returns the JSON text of the header, without padding. Sums are taken
// of this text: it must never change for the same tensors and metadata.
func (f *File) header() []byte {
	b := []byte{'{'}
	if f.Metadata != nil {
		b = appendString(b, metadataKey)
		b = append(b, ':')
		b = appendMetadata(b, f.Metadata)
	}
	begin := 0
	for _, t := range f.ordered() {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendString(b, t.Name)
		b = fmt.Appendf(b, `:{"dtype":"%s","shape":`, t.DType)
		b = appendList(b, t.Shape)
		b = append(b, `,"data_offsets":`...)
		b = appendList(b, []int{begin, begin + len(t.Data)})
		b = append(b, '}')
		begin += len(t.Data)
	}
	return append(b, '}')
}

func appendMetadata(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = appendString(b, m[key])
	}
	return append(b, '}')
}

func appendList(b []byte, list []int) []byte {
	b = append(b, '[')
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}

// appendString escapes only what JSON requires, as the Rust library does, so
// that no text grows by being read and written again.
func appendString(b []byte, s string) []byte {
	b = append(slices.Grow(b, len(s)+2), '"')
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			b = append(b, c)
		} else if short := strings.IndexByte(escaped, c); short >= 0 {
			b = append(b, '\\', escapes[short])
		} else {
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(b, '"')
}
