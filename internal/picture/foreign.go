package picture

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// signatures are the first bytes of formats that are not read.
var signatures = []struct{ format, start string }{
	{"GIF", "GIF87a"},
	{"GIF", "GIF89a"},
	{"BMP", "BM"},
	{"TIFF", "II*\x00"},
	{"TIFF", "MM\x00*"},
	{"JPEG XL", "\xff\x0a"},
	{"JPEG XL", "\x00\x00\x00\x0cJXL "},
	{"JPEG 2000", "\x00\x00\x00\x0cjP  "},
	{"PDF", "%PDF-"},
	{"ZIP archive", "PK\x03\x04"},
	{"gzip archive", "\x1f\x8b"},
}

// foreign says what a file is that is neither PNG nor JPEG.
func foreign(data []byte) error {
	if len(data) == 0 {
		return errors.New("empty file (0 bytes)")
	}
	if format := formatOf(data); format != "" {
		return errors.New("format not supported: " + format)
	}
	start := data[:min(len(data), 512)]
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\ufeff")), " \t\r\n")))
	switch {
	case strings.HasPrefix(text, "version https://git-lfs."):
		return errors.New("a Git LFS pointer: run git lfs pull")
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return errors.New("looks like HTML")
	case isText(start):
		return errors.New("looks like text")
	}
	return errors.New("not a PNG or JPEG file")
}

func formatOf(data []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(data, []byte(s.start)) {
			return s.format
		}
	}
	if len(data) < 12 {
		return ""
	}
	if string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return "WebP"
	}
	// An ISO media file: the size of the first box, "ftyp", the brand.
	if string(data[4:8]) != "ftyp" {
		return ""
	}
	switch brand := string(data[8:12]); brand {
	case "avif", "avis":
		return "AVIF"
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
		return "HEIC"
	default:
		return fmt.Sprintf("media file of brand %q", brand)
	}
}

// isText reports whether start, the beginning of a file, is UTF-8 without
// control characters. A character cut at the end does not count against it.
func isText(start []byte) bool {
	for len(start) > 0 {
		r, n := utf8.DecodeRune(start)
		if r == utf8.RuneError && n == 1 {
			return len(start) < utf8.UTFMax && !utf8.FullRune(start)
		}
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return false
		}
		start = start[n:]
	}
	return true
}
