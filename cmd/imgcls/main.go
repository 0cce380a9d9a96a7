// Command imgcls trains, evaluates and serves image classifiers.
//
// The process is a thin frame around one function a command: argv is brought
// into one form (argv.go), cobra finds the command and pflag reads the flags of
// the one table (flags.go), settings are filled in from the environment and a
// file (settings.go), and the command runs with them. What a command returns as
// an error becomes, here and nowhere else, a line on standard error and an exit
// code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"imgcls/internal/fault"
	"imgcls/internal/kernels/cpu"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/run"
)

func main() {
	// Whatever multiplies matrices through gonum does it with our kernels.
	blas32.Use(cpu.BLAS{Set: tile.Best()})
	ctx, stop := interruptible(context.Background())
	code := call(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// call runs one command line and returns the exit code.
func call(ctx context.Context, argv, env []string, stdout, stderr io.Writer) (code int) {
	c := &console{out: output{stdout}, err: stderr, env: lookup(env)}
	c.events = asksForEvents(argv) || slices.Contains(argv, "train") && c.env("IMGCLS_LOG_FORMAT") == "json"
	defer func() {
		if c.folder != nil { // it logs how the command failed, too
			c.folder.Close()
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			code = c.fail(fmt.Errorf("%v", p))
			stderr.Write(debug.Stack())
		}
	}()
	err := execute(ctx, newSettings(c), argv, env)
	if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	return c.fail(err)
}

// exitCode is the exit code of a command that returned err. A signal that was
// obeyed and a reader that left are ends, not failures.
func exitCode(err error) int {
	const brokenPipe = 128 + 13 // as of a process that SIGPIPE killed
	var stopped interrupt
	switch {
	case err == nil:
		return 0
	case errors.As(err, &stopped):
		return stopped.code()
	case errors.Is(err, errReaderGone):
		return brokenPipe
	}
	return int(fault.KindOf(err))
}

// fail reports how a command ended and returns the exit code.
func (c *console) fail(err error) int {
	code := exitCode(err)
	if code == 0 || errors.Is(err, errReaderGone) {
		return code
	}
	text := run.Plain(err.Error())
	switch {
	case code > 128:
		c.say("%s", text)
		return code
	case code == int(fault.Bug):
		text += "; this is a bug in imgcls: please report it with the command line and `imgcls version`"
	}
	if c.folder != nil {
		c.folder.Say("error: " + text)
	}
	c.line(c.mark("31", "imgcls:") + " " + text)
	c.event(failure(err, code))
	return code
}

// failure is the event of an error.
func failure(err error, code int) run.Event {
	var f *fault.Error
	if errors.As(err, &f) {
		return run.Error{What: f.What, Path: f.Path, Why: f.Why, Do: f.Do, Exit: code}
	}
	return run.Error{Why: err.Error(), Exit: code}
}

// asksForEvents reports whether argv has --log-format json, so that even an
// error in argv itself is an event.
func asksForEvents(argv []string) bool {
	for i, token := range argv {
		switch token {
		case "-log-format=json", "--log-format=json":
			return true
		case "-log-format", "--log-format":
			return slices.Equal(argv[i+1:min(i+2, len(argv))], []string{"json"})
		}
	}
	return false
}

// lookup returns the reader of an environment in the form of os.Environ.
func lookup(env []string) func(string) string {
	return func(name string) string {
		for _, entry := range slices.Backward(env) {
			if len(entry) > len(name) && entry[:len(name)] == name && entry[len(name)] == '=' {
				return entry[len(name)+1:]
			}
		}
		return ""
	}
}
