package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"imgcls/internal/fsys"
)

// The variables that make calls of a program under test fail: which, as a pattern
// of call and path; with what; and how many of them, 0 for all.
const (
	failCall  = "FAIL_CALL"
	failWith  = "FAIL_WITH"
	failTimes = "FAIL_TIMES"
)

// soak returns how often a drill is done: as the environment says in the variable
// of that name, else n times.
func soak(t *testing.T, variable string, n int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return n
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		t.Fatalf("%s=%q is no number of times", variable, text)
	}
	return times
}

// injected are the failures that a disk has.
var injected = map[string]error{
	"ENOSPC": syscall.ENOSPC, "EDQUOT": syscall.EDQUOT, "EIO": syscall.EIO, "EINTR": syscall.EINTR,
	"EROFS": syscall.EROFS, "short write": io.ErrShortWrite, "ENOLCK": syscall.ENOLCK,
}

// injectFaults makes calls of this process fail as the environment asks.
func injectFaults() {
	pattern, cause := os.Getenv(failCall), injected[os.Getenv(failWith)]
	if pattern == "" || cause == nil {
		return
	}
	which := regexp.MustCompile(pattern)
	most, _ := strconv.Atoi(os.Getenv(failTimes))
	var mu sync.Mutex
	seen := 0
	fsys.Inject(func(call fsys.Call, path string) error {
		mu.Lock()
		defer mu.Unlock()
		if !which.MatchString(string(call) + " " + path) {
			return nil
		}
		if seen++; most > 0 && seen > most {
			return nil
		}
		return cause
	})
}

// Row 2: each call that writes fails, in a new run and in a resumed one, with each
// failure of a disk; once, or with all that write after it, as on a disk that is
// full from there on. Whatever fails, the run ends well or says that there is no
// room, what was saved stays, and the same command goes on to the bits of a run to
// which nothing happened.
func TestEveryCallFails(t *testing.T) {
	p := inProcess{t, t.TempDir()}
	const flags = "shapes --samples 40 --img-size 16 --batch-size 20 --epochs 2 --keep 1 --save-every 2it --resume"
	train := func(name string) []string { return append(strings.Fields(flags), "--name", name) }
	p.train(0, train("whole")...)
	want := string(p.read("whole/model.safetensors"))
	p.train(0, append(train("half"), "--max-steps", "2")...)
	cases, refused := 0, 0
	for _, way := range []struct {
		name, from string
		forGood    bool
	}{
		{"ENOSPC", "half", true},
		{"ENOSPC", "half", false}, {"EDQUOT", "half", false}, {"EIO", "half", false},
		{"EINTR", "half", false}, {"EROFS", "half", false}, {"short write", "half", false},
		{"ENOSPC", "", false},
		{"EDQUOT", "", false}, {"EIO", "", false}, {"EINTR", "", false}, {"EROFS", "", false}, {"short write", "", false},
	} {
		if way.from == "" && way.name != "ENOSPC" && soak(t, "IMGCLS_SOAK_FAULTS", 0) == 0 {
			continue // what a new run adds to these is little
		}
		for n := 1; ; n++ {
			what := fmt.Sprintf("call %d, %+v", n, way)
			p.prepare(way.from)
			hit, code := p.fail(n, injected[way.name], way.forGood, append(train("x"), "--max-steps", "0"))
			if hit == "" {
				if n < 20 {
					t.Fatalf("%s: so few calls pass the seam", what)
				}
				break
			}
			cases++
			if code != 0 && code != 6 {
				t.Fatalf("%s (%s): exit code %d", what, hit, code)
			}
			if code == 6 {
				refused++
			}
			p.mustBeWhole(what+" ("+hit+")", way.from)
			p.train(0, append(train("x"), "--max-steps", "0")...)
			if string(p.read("x/model.safetensors")) != want {
				t.Fatalf("%s (%s), and then the run ends in another model", what, hit)
			}
		}
	}
	t.Logf("%d cases, %d of which ended with 6", cases, refused)
	if cases < 400 {
		t.Errorf("only %d cases", cases)
	}
}

// prepare makes the run x a copy of another one, or nothing.
func (p inProcess) prepare(from string) {
	p.t.Helper()
	if from != "" {
		p.rewind("x", from, 1<<40)
		return
	}
	for _, name := range []string{"x", "latest"} {
		if err := os.RemoveAll(filepath.Join(p.output, name)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// fail runs imgcls while its n-th call fails, and for good also all that take room
// after it. It returns which the first was.
func (p inProcess) fail(n int, cause error, forGood bool, args []string) (hit string, code int) {
	p.t.Helper()
	count := 0
	restore := fsys.Inject(func(call fsys.Call, path string) error {
		count++
		takesRoom := call == fsys.CallWrite || call == fsys.CallOpen || call == fsys.CallMkdir || call == fsys.CallSync
		switch {
		case count == n:
			hit = string(call) + " " + path
			return cause
		case count > n && forGood && takesRoom:
			return cause
		}
		return nil
	})
	defer restore()
	var stderr strings.Builder
	code = call(p.t.Context(), append([]string{"train", "--quiet", "--output", p.output}, args...), nil, io.Discard, &stderr)
	if unfit.MatchString(stderr.String()) || code != 0 && !strings.Contains(stderr.String(), "imgcls: ") {
		p.t.Fatalf("call %d, %s, fails with %v: exit code %d, stderr %s", n, hit, cause, code, stderr.String())
	}
	return hit, code
}

// mustBeWhole wants all checkpoints of the run x to be whole, and one where there
// was one before.
func (p inProcess) mustBeWhole(what, from string) {
	p.t.Helper()
	state, err := p.store("x").Newest(func(err error) { p.t.Fatalf("%s: %v", what, err) })
	if err != nil || from != "" && state == nil {
		p.t.Fatalf("%s: no checkpoint is left: %v", what, err)
	}
}
