package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"syscall"

	"golang.org/x/term"

	"imgcls/internal/fault"
	"imgcls/internal/run"
)

// A console is where a command speaks. Results, in the form of --format, and
// the events of --log-format json go to out; everything else goes to err.
type console struct {
	out, err io.Writer
	env      func(string) string
	folder   *run.Folder // of the run in progress, which logs what is said
	early    []string    // what was said before there was a folder

	silent bool // --quiet
	events bool // --log-format json, until out fails
	paint  bool // colors and bars may be used
	bar    *barProgress
}

// configure takes over the settings that govern the console.
func (c *console) configure(s *settings) {
	c.silent = s.quiet
	c.events = s.logFormat == "json"
	c.paint = s.color == "always" ||
		s.color == "auto" && isTerminal(c.err) && c.env("NO_COLOR") == "" && c.env("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// say prints one line for the user, and keeps it in the run's train.log.
func (c *console) say(format string, args ...any) {
	line := run.Plain(fmt.Sprintf(format, args...))
	c.log(line)
	if !c.silent {
		c.line(line)
	}
}

// log keeps a line for train.log.
func (c *console) log(line string) {
	if c.folder == nil {
		c.early = append(c.early, line)
		return
	}
	c.folder.Say(line)
}

// keepIn makes the folder the one that logs what is said, and was said before.
func (c *console) keepIn(folder *run.Folder) {
	c.folder = folder
	for _, line := range c.early {
		folder.Say(line)
	}
	c.early = nil
}

// line prints a line on err, in the place of the bar if one is drawn.
func (c *console) line(text string) {
	if c.bar != nil {
		c.bar.Finish()
	}
	fmt.Fprintln(c.err, text)
}

// warn prints one line that --quiet does not hold back.
func (c *console) warn(format string, args ...any) {
	why := run.Plain(fmt.Sprintf(format, args...))
	c.log("warning: " + why)
	c.line(c.mark("33", "imgcls: warning:") + " " + why)
	c.event(run.Warning{Why: why})
}

// emit reports an event of training: to the run folder, and to out under
// --log-format json. Its error is that of a run folder lost for good.
func (c *console) emit(e run.Event) error {
	c.event(e)
	if c.folder == nil {
		return nil
	}
	return c.folder.Log(e)
}

// event prints an event to out. When out fails, training is worth more than its
// log: one warning, and out is left alone.
func (c *console) event(e run.Event) {
	if !c.events {
		return
	}
	if _, err := c.out.Write(run.Line(e)); err != nil {
		c.events = false
		c.warn("%v; no more events are printed", err)
	}
}

// print writes a result for the formats json and jsonl. In jsonl each element
// of a list is a line.
func (c *console) print(format string, result any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	if format == "json" {
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	list := reflect.ValueOf(result)
	if list.Kind() != reflect.Slice {
		return e.Encode(result)
	}
	for i := range list.Len() {
		if err := e.Encode(list.Index(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// mark colors a text with an attribute of ECMA-48, such as 31 for red, where
// that is wanted.
func (c *console) mark(attribute, text string) string {
	if !c.paint {
		return text
	}
	return "\x1b[" + attribute + "m" + text + "\x1b[0m"
}

// errReaderGone is the end of a pipe whose reader has read enough.
var errReaderGone = errors.New("standard output was closed by its reader")

// An output is standard output with errors that say so. A lost result is an
// error of the command that printed it.
type output struct{ to io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	switch {
	case errors.Is(err, syscall.EPIPE):
		err = errReaderGone
	case err != nil:
		err = fault.New(fault.Room, "standard output", "", "results are lost; make room or write elsewhere",
			"%w", fault.Cause(err))
	}
	return n, err
}
