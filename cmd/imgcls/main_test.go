package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"imgcls/internal/fault"
	"imgcls/internal/metrics"
	"imgcls/internal/run"
)

func TestMain(m *testing.M) {
	if os.Getenv(waitVariable) != "" {
		waitForSignals()
	}
	injectFaults()
	testscript.Main(m, map[string]func(){"imgcls": main})
}

// waitVariable makes the test binary wait for signals: "obey" ends with the
// first, "save" some time after it, "ignore" never.
const waitVariable = "WAIT_FOR_SIGNALS"

func waitForSignals() {
	ctx, stop := interruptible(context.Background())
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	switch os.Getenv(waitVariable) {
	case "save":
		fmt.Println("saving")
		time.Sleep(4 * burst)
		fmt.Println("saved")
	case "ignore":
		fmt.Println("saving")
		time.Sleep(time.Minute)
	}
	os.Exit(exitCode(context.Cause(ctx)))
}

// TestSessions runs testdata/*.txtar: whole command lines against the program.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits is the command `exits CODE PROGRAM ARGUMENT...` of the sessions: it runs
// the program and wants this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		code = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

func TestExitCode(t *testing.T) {
	for _, row := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, 0, ""},
		{fault.New(fault.Data, "file", "a\nb", "", "is short"), 3, "imgcls: file: \"a\\nb\": is short\n"},
		{fmt.Errorf("saving: %w", fault.New(fault.Room, "", "p", "", "full")), 6, "imgcls: saving: \"p\": full\n"},
		{errors.New("odd\n\x1b[31mthing"), 1, "imgcls: odd\\n\\x1b[31mthing; this is a bug in imgcls"},
		{interrupt{syscall.SIGTERM}, 143, "stopped by SIGTERM\n"},
		{fmt.Errorf("reading: %w", interrupt{os.Interrupt}), 130, "reading: stopped by SIGINT\n"},
		{errReaderGone, 141, ""},
	} {
		code, stdout, stderr := withTrain(t, []string{"train"}, nil, func(*settings) error { return row.err })
		if code != row.code || !strings.HasPrefix(stderr, row.stderr) || row.stderr == "" && stderr != "" || stdout != "" {
			t.Errorf("%v: exit code %d, want %d; stderr %q, stdout %q", row.err, code, row.code, stderr, stdout)
		}
		if n := strings.Count(stderr, "\n"); n > 1 {
			t.Errorf("%v: %d lines", row.err, n)
		}
	}
}

func TestPanicIsABug(t *testing.T) {
	code, _, stderr := withTrain(t, []string{"train"}, nil, func(*settings) error {
		panic("on purpose")
	})
	if code != 1 || !strings.Contains(stderr, "please report") || !strings.Contains(stderr, "TestPanicIsABug") {
		t.Errorf("exit code %d, stderr without request or stack:\n%s", code, stderr)
	}
}

// With --log-format json, stdout holds events and nothing else, and an error is
// the last of them.
func TestEvents(t *testing.T) {
	code, stdout, stderr := withTrain(t, []string{"train", "-log-format", "json"}, nil, func(s *settings) error {
		s.say("for people")
		s.warn("careful")
		if err := s.emit(run.Step{Epoch: 1, Step: 2, TrainLoss: 0.5, LR: 0.1, ImagesPerSecond: metrics.Undefined()}); err != nil {
			return err
		}
		return fault.New(fault.Data, "picture", "x.png", "", "is cut off")
	})
	want := `{"event":"warning","what":"","path":"","why":"careful"}
{"event":"step","epoch":1,"step":2,"train_loss":0.5,"lr":0.1,"images_per_second":null}
{"event":"error","what":"picture","path":"x.png","why":"is cut off","do":"","exit":3}
`
	if code != 3 || stdout != want {
		t.Errorf("exit code %d, stdout\n%swant\n%s", code, stdout, want)
	}
	if want := "for people\nimgcls: warning: careful\nimgcls: picture: \"x.png\": is cut off\n"; stderr != want {
		t.Errorf("stderr %q, want %q", stderr, want)
	}
	for line := range strings.Lines(stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// An error in the command line itself is an event too.
func TestEventOfUsage(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := call(t.Context(), []string{"train", "-log-format=json", "-epochs", "0"}, nil, &stdout, &stderr)
	if code != 2 || !strings.HasPrefix(stdout.String(), `{"event":"error","what":"--epochs",`) {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, &os.PathError{Op: "write", Err: w.err} }

// Training outlives its log on stdout; a lost result is an error; a reader that
// left is neither.
func TestBrokenOutput(t *testing.T) {
	var stderr bytes.Buffer
	c := &console{out: output{brokenWriter{syscall.ENOSPC}}, err: &stderr, events: true}
	for range 3 {
		if err := c.emit(run.Step{}); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(stderr.String(), "warning"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, stderr.String())
	}
	for cause, code := range map[error]int{syscall.ENOSPC: 6, syscall.EPIPE: 141} {
		if got := call(t.Context(), []string{"version"}, nil, brokenWriter{cause}, &stderr); got != code {
			t.Errorf("%v: exit code %d, want %d", cause, got, code)
		}
	}
}

// A command that gives up because its context ended is a command stopped by the
// signal.
func TestStoppedByContext(t *testing.T) {
	table := commands
	defer func() { commands = table }()
	commands = []command{{name: "train", most: anyNumber, data: none,
		run: func(ctx context.Context, _ *settings, _ []string) error {
			return fault.New(fault.Download, "download", "", "", "%w", ctx.Err())
		}}}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupt{syscall.SIGTERM})
	var out, errs bytes.Buffer
	if code := call(ctx, []string{"train"}, nil, &out, &errs); code != 143 {
		t.Errorf("exit code %d, want 143; %s", code, errs.String())
	}
}

func TestPrint(t *testing.T) {
	list := []map[string]any{{"a": "<"}, {"b": 1}}
	for _, row := range []struct {
		format string
		result any
		want   string
	}{
		{"json", list, "[\n  {\n    \"a\": \"<\"\n  },\n  {\n    \"b\": 1\n  }\n]\n"},
		{"jsonl", list, "{\"a\":\"<\"}\n{\"b\":1}\n"},
		{"jsonl", list[0], "{\"a\":\"<\"}\n"},
	} {
		var out bytes.Buffer
		c := &console{out: &out}
		if err := c.print(row.format, row.result); err != nil || out.String() != row.want {
			t.Errorf("%s: %q, error %v", row.format, out.String(), err)
		}
	}
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func TestPlainProgress(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := &plainProgress{to: &out, now: c.now}
	step := func(d time.Duration, done int) { c.t = c.t.Add(d); p.Update(done, "loss 1.5") }
	p.Start("epoch 1/2", 1000)
	step(500*time.Millisecond, 400) // too soon
	step(500*time.Millisecond, 500) // 5 % and a second
	step(2*time.Second, 510)        // 1 %
	step(8*time.Second, 520)        // ten seconds
	p.Finish()
	p.Start("download", 0)
	step(9*time.Second, 7)
	step(time.Second, 8)
	want := "epoch 1/2 500/1000 50% 1s left  loss 1.5\n" +
		"epoch 1/2 520/1000 52% 10s left  loss 1.5\n" +
		"download 8  loss 1.5\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// A bar is drawn only where escapes are welcome.
func TestChoiceOfProgress(t *testing.T) {
	for _, row := range []struct {
		argv []string
		want progress
	}{
		{nil, &plainProgress{}}, // stderr is no terminal here
		{[]string{"-quiet"}, noProgress{}},
		{[]string{"-progress=none"}, noProgress{}},
		{[]string{"-progress=plain", "-color=always"}, &plainProgress{}},
		{[]string{"-progress=bar"}, &barProgress{}},
	} {
		withTrain(t, append([]string{"train"}, row.argv...), nil, func(s *settings) error {
			p := s.progress()
			if fmt.Sprintf("%T", p) != fmt.Sprintf("%T", row.want) {
				t.Errorf("%q: %T, want %T", row.argv, p, row.want)
			}
			p.Start("x", 2)
			p.Update(1, "note")
			p.Finish()
			return nil
		})
	}
}

// A line takes the place of the bar, which its next update draws again.
func TestLineOverBar(t *testing.T) {
	var out bytes.Buffer
	c := &console{err: &out, bar: &barProgress{to: &out}}
	c.say("before")
	c.bar.Start("train", 10)
	c.bar.Update(3, "loss 1.5")
	c.say("first")
	c.say("second")
	const wipe = "\x1b[2K\r"
	got := out.String()
	if !strings.HasPrefix(got, "before\n\r") || !strings.Contains(got, "loss 1.5") || !strings.HasSuffix(got, wipe+"first\nsecond\n") {
		t.Errorf("%q", got)
	}
}

func TestVersion(t *testing.T) {
	defer func() { release = "" }()
	release = "1.2.3"
	if v := version(); !strings.HasPrefix(v, "imgcls 1.2.3 (") {
		t.Error(v)
	}
}
