// Package fault holds the one error type whose kind decides how the process
// ends. A package that meets something a user can cause wraps it as an *Error
// with the kind that says who can mend it; everything else is a bug in imgcls.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// A Kind says what went wrong and is the exit code of the process.
type Kind int

const (
	Bug      Kind = 1 // a fault of imgcls itself
	Usage    Kind = 2 // flags, arguments, settings
	Data     Kind = 3 // data sets and pictures
	Model    Kind = 4 // model files and checkpoints
	Device   Kind = 5 // driver, device, kernels
	Room     Kind = 6 // disk, memory, permission, files, ports
	Diverged Kind = 7 // training left the finite numbers
	Download Kind = 8 // the network or what it delivered
)

// An Error is a failure that the user can understand and mend. Its text is
// `what: "path": why; do`, each part left out where it is empty.
type Error struct {
	Kind Kind
	What string // what was being done or read: "model file", "--epochs"
	Path string // the file, folder or address concerned, shown quoted
	Why  string // the reason, with the numbers found and wanted
	Do   string // what the user can do next
	Err  error  // the cause, for errors.Is; its text is not repeated
}

// New returns an Error of the kind whose reason is why, formatted as by
// fmt.Errorf; an error given for %w becomes the cause.
func New(kind Kind, what, path, do, why string, args ...any) *Error {
	text := fmt.Errorf(why, args...)
	return &Error{Kind: kind, What: what, Path: path, Do: do, Why: text.Error(), Err: errors.Unwrap(text)}
}

func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.What, Quote(e.Path), e.Why} {
		if part == "" || part == `""` && e.Path == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if e.Do != "" {
		b.WriteString("; ")
		b.WriteString(e.Do)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, and Bug where
// there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Bug
}

// Quote shows a string of unknown origin in Go's quoted form, so that control
// characters cannot reach a terminal, cut at 200 characters.
func Quote(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "…"
	}
	return strconv.Quote(s)
}

// Cause takes off what the error of a file operation says of the operation and
// the path, which the message around it names already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Grouped writes a number with a comma between thousands: "10,000".
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
