//go:build cuda && linux && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imgcls/internal/device/devicetest"
)

// A driverFault is one way in which the driver fails a run: STANDIN_FAIL.
type driverFault struct {
	spec  string
	call  string // that fails
	place int    // of that call among all, from 1
	code  int
}

// stickyCodes lose the context.
var stickyCodes = []int{214, 700, 702, 709, 716, 718, 719, 999}

func (f driverFault) sticky() bool { return slices.Contains(stickyCodes, f.code) }

// frees are the calls that give something back. What they cannot give back stays,
// and a run that has saved all by then ends well.
var frees = []string{"cuGraphDestroy", "cuGraphExecDestroy", "cuEventDestroy_v2", "cuMemFreeHost", "cuMemFree_v2",
	"cuStreamDestroy_v2", "cuModuleUnload", "cuDevicePrimaryCtxRelease_v2"}

// TestFaultsOfTheDriver lets calls of the driver fail, one in each run: the Nth call
// with a code, codes in turn, and each kind of call with three codes. A run ends at
// once with the exit code of a device or of room, or goes on where it says so; with
// the context lost no further call is made, otherwise everything is given back;
// and what was saved before can be gone on with on the CPU.
func TestFaultsOfTheDriver(t *testing.T) {
	standin(t)
	dir := t.TempDir()
	whole := faulted(t, dir, "whole", "")
	if whole.code != 0 || !strings.Contains(whole.held, "memory=0 ") {
		t.Fatalf("exit code %d, %s\n%s", whole.code, whole.held, whole.stderr)
	}
	var faults []driverFault
	codes := []int{2, 1, 700, 999, 719, 716, 214, 201, 400, 3, 702, 709, 718}
	const most = 60 // runs for the Nth call
	for i, n := 0, 1; n <= len(whole.calls); i, n = i+1, n+1+len(whole.calls)/most {
		code := codes[i%len(codes)]
		faults = append(faults, driverFault{fmt.Sprintf("%d:%d", n, code), whole.calls[n-1], n, code})
	}
	for n, call := range whole.calls {
		if slices.Index(whole.calls, call) == n {
			for _, code := range []int{2, 400, 700} {
				faults = append(faults, driverFault{fmt.Sprintf("%s#1:%d", call, code), call, n + 1, code})
			}
		}
	}
	var two sync.WaitGroup
	next := make(chan int)
	for range 2 {
		two.Go(func() {
			for i := range next {
				checkFault(t, dir, fmt.Sprint("run", i), faults[i])
			}
		})
	}
	for i := range faults {
		next <- i
	}
	close(next)
	two.Wait()
	t.Logf("%d calls in a run, %d runs with a fault", len(whole.calls), len(faults))
}

func checkFault(t *testing.T, dir, name string, f driverFault) {
	r := faulted(t, dir, name, f.spec)
	wrong := func(format string, args ...any) {
		t.Errorf("STANDIN_FAIL=%s, %s: %s\n%s", f.spec, f.call, fmt.Sprintf(format, args...), r.stderr)
	}
	giving := slices.Contains(frees, f.call)
	switch {
	case r.code == 5 || r.code == 6:
	case r.code != 0:
		wrong("exit code %d", r.code)
	case !giving && f.call != "cuMemGetInfo_v2" && !strings.Contains(r.stderr, "warning"):
		wrong("nothing is said of it")
	}
	if strings.Contains(r.stderr, "goroutine ") {
		wrong("a panic")
	}
	if f.sticky() && len(r.calls) > f.place {
		wrong("%d calls after the context was lost", len(r.calls)-f.place)
	}
	if kept := leaks(r); !f.sticky() && !giving && kept != "" {
		wrong("not given back: %s", kept)
	}
	if saved, _ := filepath.Glob(filepath.Join(dir, name, "runs", "*", "checkpoints", "*.safetensors")); len(saved) > 0 && r.code != 0 {
		cmd := exec.Command("imgcls", "train", "--quiet", "--resume="+filepath.Join(dir, name, "runs", "x"), "--device", "cpu")
		if out, err := cmd.CombinedOutput(); err != nil {
			wrong("going on on the CPU: %v\n%s", err, out)
		}
	}
}

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

// faulted trains six steps in two epochs, saving each.
func faulted(t *testing.T, dir, name, fail string) (r standinRun) {
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return onStandin(t, dir, "train "+shortRun, "STANDIN_FAIL="+fail)
}
