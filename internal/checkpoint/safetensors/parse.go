package safetensors

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"imgcls/internal/fault"
)

// An entry is a tensor as the header states it, its data [begin, end) still in
// the file.
type entry struct {
	Tensor
	begin, end int
}

// A parser reads a header. It knows no JSON at large, only the one form that a
// header has, and stops at the first byte that departs from it: brackets cannot
// nest deeper than that form, and no key can come twice.
type parser struct {
	path   string
	text   []byte
	at     int    // the next byte
	tensor string // the tensor whose entry is being read, for messages
}

// fail refuses what stands at a place in the header.
func (p *parser) fail(at int, why string, args ...any) error {
	why = fmt.Sprintf(why, args...)
	if p.tensor != "" {
		why = "tensor " + fault.Quote(p.tensor) + ": " + why
	}
	return bad(p.path, anotherCopy, "the header is wrong at byte %d: %s", lengthBytes+at, why)
}

// header reads the whole text.
func (p *parser) header() (metadata map[string]string, entries []entry, err error) {
	if at := invalidUTF8(p.text); at >= 0 {
		return nil, nil, p.fail(at, "not UTF-8")
	}
	err = p.object(func(key string) error {
		if key == metadataKey {
			metadata, err = p.metadata()
			return err
		}
		e, err := p.entry(key)
		entries = append(entries, e)
		return err
	})
	if p.next(); err == nil && p.at < len(p.text) {
		err = p.fail(p.at, "%s after the end of the header", p.here())
	}
	return metadata, entries, err
}

func (p *parser) metadata() (map[string]string, error) {
	m := map[string]string{}
	start := p.at
	return m, p.object(func(key string) error {
		if p.next() != '"' {
			return p.fail(p.at, "metadata %s is not a string", fault.Quote(key))
		}
		value, err := p.str()
		if err != nil {
			return err
		}
		if p.at-start > mostMetadata {
			return p.fail(start, "more than %d bytes of metadata", mostMetadata)
		}
		m[key] = value
		return nil
	})
}

func (p *parser) entry(name string) (e entry, err error) {
	p.tensor, e.Name = name, name
	defer func() { p.tensor = "" }()
	start := p.at
	var offsets []int
	err = p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			e.DType, err = p.str()
		case "shape":
			e.Shape, err = p.integers(mostDims)
		case "data_offsets":
			offsets, err = p.integers(2)
		default:
			err = p.fail(p.at, "unknown key %s", fault.Quote(key))
		}
		return err
	})
	switch {
	case err != nil:
		return e, err
	case e.DType == "":
		return e, p.fail(start, "no dtype")
	case e.Shape == nil:
		return e, p.fail(start, "no shape")
	case len(offsets) != 2:
		return e, p.fail(start, "%d data_offsets, want 2", len(offsets))
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}

// object reads {"key": …, …}; member reads what follows the colon.
func (p *parser) object(member func(key string) error) error {
	seen := map[string]bool{}
	return p.list('{', '}', func() error {
		p.next()
		start := p.at
		key, err := p.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return p.fail(start, "key %s comes twice", fault.Quote(key))
		}
		seen[key] = true
		if err := p.take(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// integers reads a list of at most so many numbers; it is not nil.
func (p *parser) integers(most int) ([]int, error) {
	list := []int{}
	err := p.list('[', ']', func() error {
		n, err := p.integer()
		if err == nil && len(list) == most {
			err = p.fail(p.at, "a list of more than %d numbers", most)
		}
		list = append(list, n)
		return err
	})
	return list, err
}

// list reads items with commas between them, inside brackets.
func (p *parser) list(open, end byte, item func() error) error {
	if err := p.take(open); err != nil {
		return err
	}
	if p.next() == end {
		p.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch p.next() {
		case ',':
			p.at++
		case end:
			p.at++
			return nil
		default:
			return p.fail(p.at, "%s in place of ',' or %q", p.here(), end)
		}
	}
}

func (p *parser) integer() (int, error) {
	p.next()
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("0123456789+-.eE", p.text[p.at]) >= 0 {
		p.at++
	}
	literal := string(p.text[start:p.at])
	switch {
	case literal == "":
		return 0, p.fail(start, "%s in place of a number", p.here())
	case literal[0] == '-':
		return 0, p.fail(start, "%s is negative", fault.Quote(literal))
	case strings.ContainsAny(literal, "+-.eE"), len(literal) > 1 && literal[0] == '0':
		return 0, p.fail(start, "%s is not a whole number", fault.Quote(literal))
	}
	n, err := strconv.Atoi(literal)
	if err != nil {
		return 0, p.fail(start, "%s is too large", fault.Quote(literal))
	}
	return n, nil
}

func (p *parser) str() (string, error) {
	if err := p.take('"'); err != nil {
		return "", err
	}
	start := p.at
	var b []byte
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return string(b), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		case c < ' ':
			return "", p.fail(p.at, "control character in a string")
		default:
			b = append(b, c)
			p.at++
		}
	}
	return "", p.fail(start, "a string has no end")
}

// The characters that a backslash stands before, and what they mean.
const escapes, escaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escape reads one character that is written with a backslash, which may be
// \u twice: a surrogate pair of UTF-16.
func (p *parser) escape() (rune, error) {
	start := p.at
	if p.at++; p.at < len(p.text) {
		if i := strings.IndexByte(escapes, p.text[p.at]); i >= 0 {
			p.at++
			return rune(escaped[i]), nil
		}
	}
	p.at--
	r, ok := p.unit()
	if ok && utf16.IsSurrogate(r) {
		low, _ := p.unit()
		r = utf16.DecodeRune(r, low)
		ok = r != utf8.RuneError
	}
	if !ok {
		return 0, p.fail(start, "broken escape in a string")
	}
	return r, nil
}

// unit reads \uXXXX.
func (p *parser) unit() (rune, bool) {
	const size = len(`\uXXXX`)
	rest := p.text[p.at:]
	if len(rest) < size || !bytes.HasPrefix(rest, []byte(`\u`)) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(rest[2:size]), 16, 16)
	p.at += size
	return rune(n), err == nil
}

func (p *parser) take(c byte) error {
	if p.next() != c {
		return p.fail(p.at, "%s in place of %q", p.here(), c)
	}
	p.at++
	return nil
}

// next skips white space and returns the byte it comes to, 0 at the end. A
// zero byte in the text is no white space and fits nothing either.
func (p *parser) next() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// here shows the next character.
func (p *parser) here() string {
	if p.at >= len(p.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRune(p.text[p.at:])
	return strconv.QuoteRune(r)
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or −1.
func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}
