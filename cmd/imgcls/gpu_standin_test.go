//go:build cuda && linux && cgo

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgcls/internal/device/devicetest"
)

// shortRun is as short as a run can be that has full and short steps, evaluates and
// saves: three steps of pictures that a kernel is soon done with.
const shortRun = "shapes --samples 10 --img-size 16 --batch-size 4 --epochs 1 --save-every 1it --device cuda --quiet --name x"

// standin skips or fails a test that has no driver to run on that can be made to fail.
func standin(t *testing.T) {
	if os.Getenv("IMGCLS_LIBCUDA") == "" {
		devicetest.Require(t, "standin")
	}
}

// A standinRun is what became of a process on the stand-in driver.
type standinRun struct {
	code   int           // -1 where it had to be killed
	took   time.Duration // wall clock
	stdout string
	stderr string
	calls  []string // of the driver, in order
	held   string   // the last line of its log: what was not given back
}

// leaks lists what a process that ended has not given back.
func leaks(r standinRun) string {
	var kinds []string
	for _, kind := range strings.Fields(strings.TrimPrefix(r.held, "held ")) {
		if !strings.HasSuffix(kind, "=0") {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " ")
}

// onStandin runs imgcls in the folder dir, with further variables.
func onStandin(t *testing.T, dir, args string, env ...string) (r standinRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	log := filepath.Join(dir, "driver.log")
	cmd := exec.CommandContext(ctx, "imgcls", strings.Fields(args)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "STANDIN_LOG="+log), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		r.code = -1
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			r.code = exit.ExitCode()
		}
	}
	r.took, r.stdout, r.stderr = time.Since(begun), stdout.String(), stderr.String()
	text, _ := os.ReadFile(log)
	for line := range strings.Lines(string(text)) {
		if number, call, _ := strings.Cut(strings.TrimSpace(line), " "); number == "held" {
			r.held = strings.TrimSpace(line)
		} else if number == strconv.Itoa(len(r.calls)+1) { // else the rest of a line that a call which hangs has not written anew
			r.calls = append(r.calls, call)
		}
	}
	return r
}
