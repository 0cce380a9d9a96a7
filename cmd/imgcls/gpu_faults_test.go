//go:build cuda && linux && cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
)

// faultCodes are what a driver's calls fail with: too little room, what a context
// survives, and what loses it.
var faultCodes = []int{2, 700, 1, 719, 3, 214, 100, 716, 201, 999, 209, 702, 400, 709, 801, 715, 901, 718, 220, 710, 226, 721}

// lostCodes lose the context.
var lostCodes = []int{214, 220, 226, 700, 702, 709, 710, 715, 716, 718, 719, 721, 999}

// callKinds are the calls of a driver by what they are for: all of a kind are
// answered alike where they fail.
var callKinds = []struct{ kind, calls string }{
	{"look", "cuInit cuDriverGetVersion cuDeviceGetCount cuDeviceGet cuDeviceGetName cuDeviceTotalMem_v2 cuDeviceGetAttribute"},
	{"begin", "cuDevicePrimaryCtxRetain cuCtxSetCurrent cuModuleLoadData cuModuleGetFunction cuStreamCreate cuEventCreate"},
	{"measure", "cuMemGetInfo_v2"},
	{"allocate", "cuMemAlloc_v2 cuMemsetD8Async cuMemAllocHost_v2"},
	{"capture", "cuStreamBeginCapture_v2 cuLaunchKernel cuStreamEndCapture cuGraphInstantiateWithFlags cuGraphDestroy"},
	{"start", "cuGraphLaunch cuEventRecord"},
	{"copy", "cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2"},
	{"wait", "cuEventSynchronize cuStreamSynchronize"},
	{"give back", "cuGraphExecDestroy cuEventDestroy_v2 cuMemFreeHost cuMemFree_v2 cuStreamDestroy_v2 cuModuleUnload cuDevicePrimaryCtxRelease_v2"},
}

// A sweep is one command, undisturbed, whose calls fail one after another.
type sweep struct {
	t       *testing.T
	args    string
	dir     string // where it runs, each time in a copy
	whole   standinRun
	closing int // the first of its calls that gives back, from 1: results are safe by then
}

// A driverFault is one call of a sweep that fails.
type driverFault struct {
	nth  int // of all calls, from 1
	code int
}

// Row 17: every kind of call fails with every code, and training and prediction fail
// at each of their calls with codes in turn, but for repetitions: of calls that come
// behind the same three others, which is the same line of the program again, two are
// taken, and every 16th of the rest.
func TestFaultsOfTheDriver(t *testing.T) {
	standin(t)
	train := newSweep(t, t.TempDir(), "train "+shortRun)
	used := t.TempDir()
	if err := os.CopyFS(used, os.DirFS(train.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(used, "x.png"), rgbPNG(make([]byte, 32*32*3)), 0o644); err != nil {
		t.Fatal(err)
	}
	predict := newSweep(t, used, "predict --device cuda --quiet runs/x x.png")
	for _, call := range append(train.whole.calls, predict.whole.calls...) {
		if kindOfCall(call) == "" {
			t.Errorf("%s is of no kind", call)
		}
	}
	var work []func()
	add := func(s *sweep, f driverFault) { work = append(work, func() { s.check(f) }) }
	for _, k := range callKinds {
		calls := strings.Fields(k.calls)
		for i, code := range faultCodes {
			add(train, driverFault{1 + slices.Index(train.whole.calls, calls[i%len(calls)]), code})
		}
	}
	for _, s := range []*sweep{train, predict} {
		for i, nth := range s.places() {
			add(s, driverFault{nth, faultCodes[i%len(faultCodes)]})
		}
	}
	if most := 400; len(work) > most { // and a few that go on on the CPU
		t.Errorf("%d runs, more than %d: take fewer repetitions", len(work), most)
	}
	inTwos(work)
	train.goOn()
	t.Logf("%d and %d calls, %d runs with a fault", len(train.whole.calls), len(predict.whole.calls), len(work))
}

func kindOfCall(call string) string {
	for _, k := range callKinds {
		if slices.Contains(strings.Fields(k.calls), call) {
			return k.kind
		}
	}
	return ""
}

// inTwos does all work, two at a time.
func inTwos(work []func()) {
	var two sync.WaitGroup
	next := make(chan func())
	for range 2 {
		two.Go(func() {
			for do := range next {
				do()
			}
		})
	}
	for _, do := range work {
		next <- do
	}
	close(next)
	two.Wait()
}

func newSweep(t *testing.T, dir, args string) *sweep {
	s := &sweep{t: t, args: args, dir: dir}
	s.whole = onStandin(t, dir, args)
	if s.whole.code != 0 || leaks(s.whole) != "" || s.whole.stderr != "" {
		t.Fatalf("%s: exit code %d, not given back: %s\n%s", args, s.whole.code, leaks(s.whole), s.whole.stderr)
	}
	for s.closing = slices.Index(s.whole.calls, "cuGraphExecDestroy"); s.whole.calls[s.closing-1] == "cuStreamSynchronize"; s.closing-- {
		if s.whole.calls[s.closing-2] != "cuStreamSynchronize" { // it ends a copy
			break
		}
	}
	s.closing++
	return s
}

// places returns the calls that fail.
func (s *sweep) places() (all []int) {
	const behind, twice, stride = 3, 2, 16
	seen, rest := map[string]int{}, 0
	for i := range s.whole.calls {
		line := fmt.Sprint(s.whole.calls[max(0, i-behind) : i+1])
		if seen[line]++; seen[line] > twice {
			if rest++; rest%stride != 0 {
				continue
			}
		}
		all = append(all, i+1)
	}
	return all
}

// ends returns the exit code of a fault by its cause, and whether a warning comes
// with it. Harmless are: memory that is not measured, a graph that finds no room once,
// and what cannot be given back when all is done.
func (s *sweep) ends(f driverFault) (code int, warned bool) {
	call := s.whole.calls[f.nth-1]
	switch {
	case f.nth >= s.closing:
		return 0, true
	case f.code == 2 && (call == "cuGraphLaunch" || call == "cuMemGetInfo_v2"), call == "cuMemGetInfo_v2" && !lost(f.code):
		return 0, false
	case f.code == 2:
		return int(fault.Room), false
	}
	return int(fault.Device), false
}

func lost(code int) bool { return slices.Contains(lostCodes, code) }

var (
	neverSaid = regexp.MustCompile(`panic|goroutine|\bbug\b`)
	saidOnce  = regexp.MustCompile(`^imgcls: [^\n]+; [^\n]+\n$`) // what; what to do
)

// check lets one call fail, and holds what became of the process to what it should be.
func (s *sweep) check(f driverFault) {
	dir := s.t.TempDir()
	if strings.HasPrefix(s.args, "predict") {
		if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
			s.t.Error(err)
			return
		}
	}
	r := onStandin(s.t, dir, s.args, fmt.Sprintf("STANDIN_FAIL=%d:%d", f.nth, f.code))
	call := s.whole.calls[f.nth-1]
	wrong := func(format string, args ...any) {
		s.t.Errorf("%.7s, STANDIN_FAIL=%d:%d, %s: %s\n%s", s.args, f.nth, f.code, call, fmt.Sprintf(format, args...), r.stderr)
	}
	code, warned := s.ends(f)
	said := code != 0 || warned
	switch {
	case r.code != code:
		wrong("exit code %d, want %d", r.code, code)
	case r.took > 10*time.Second:
		wrong("it took %v", r.took)
	case said != (r.stderr != "") || said && !saidOnce.MatchString(r.stderr) || warned != strings.Contains(r.stderr, "imgcls: warning: "):
		wrong("what is said is not what and what to do, in a line")
	case said && !regexp.MustCompile(fmt.Sprintf(`\(%d\)|CUDA error %d\b`, f.code, f.code)).MatchString(r.stderr):
		wrong("the code is not told")
	case neverSaid.MatchString(r.stderr):
		wrong("that is no language for users")
	case r.code == 0 && r.stdout != s.whole.stdout:
		wrong("the result is %q, want %q", r.stdout, s.whole.stdout)
	}
	switch {
	case len(r.calls) < f.nth || r.calls[f.nth-1] != call:
		wrong("the calls are not those of the run without faults")
	case lost(f.code) && len(r.calls) > f.nth:
		wrong("%d calls after the context was lost", len(r.calls)-f.nth)
	case !lost(f.code) && kindOfCall(call) != "give back" && call != "cuGraphDestroy" && leaks(r) != "":
		wrong("not given back: %s", leaks(r))
	}
	if strings.HasPrefix(s.args, "train") {
		s.checkFiles(dir, r, wrong)
	}
}

// checkFiles holds what a run left to the run without faults: each checkpoint has its
// bits, so going on from it is the same, and the model file is whole or absent.
func (s *sweep) checkFiles(dir string, r standinRun, wrong func(string, ...any)) {
	ended := r.code == 0
	saved, err := filepath.Glob(filepath.Join(dir, "runs", "x", "checkpoints", "*"))
	if err != nil || ended && len(saved) != 3 {
		wrong("checkpoints: %q, %v", saved, err)
	}
	if r.code == int(fault.Device) && len(saved) > 0 && !strings.Contains(r.stderr, fmt.Sprintf("; imgcls train --resume=runs/x goes on from step %d\n", len(saved))) {
		wrong("it is not said from where the run goes on")
	}
	for _, path := range saved {
		have, err := checkpoint.ReadState(path)
		if err != nil {
			wrong("%v", err)
			continue
		}
		want, err := checkpoint.ReadState(filepath.Join(s.dir, "runs", "x", "checkpoints", filepath.Base(path)))
		if err != nil || !sameTensors(have, want) {
			wrong("%s has other bits than without a fault, %v", filepath.Base(path), err)
		}
	}
	model := filepath.Join(dir, "runs", "x", "model.safetensors")
	if _, err := os.Stat(model); err == nil || ended {
		if _, err := checkpoint.Open(model); err != nil {
			wrong("%v", err)
		}
	}
}

func sameTensors(a, b *checkpoint.State) bool {
	for i := range a.Tensors {
		if i >= len(b.Tensors) || a.Tensors[i].Name != b.Tensors[i].Name || string(a.Tensors[i].Data) != string(b.Tensors[i].Data) {
			return false
		}
	}
	return len(a.Tensors) == len(b.Tensors)
}

// goOn lets a run lose the GPU at each of its steps, and go on on the CPU to the bits
// of a run that went there from the same step on purpose.
func (s *sweep) goOn() {
	for step := 1; step <= 2; step++ {
		var models [2]string
		for i, end := range []string{fmt.Sprintf("STANDIN_FAIL=cuGraphLaunch#%d:700", step+1), ""} {
			dir := s.t.TempDir()
			args := s.args
			if end == "" {
				args += fmt.Sprintf(" --max-steps %d", step)
			}
			onStandin(s.t, dir, args, end)
			r := onStandin(s.t, dir, "train --quiet --resume=runs/x --device cpu --max-steps 0")
			file, err := os.ReadFile(filepath.Join(dir, "runs", "x", "model.safetensors"))
			if r.code != 0 || err != nil {
				s.t.Errorf("going on from step %d, %q: exit code %d, %v\n%s", step, end, r.code, err, r.stderr)
			}
			models[i] = string(file)
		}
		if models[0] != models[1] {
			s.t.Errorf("a run that lost the GPU behind step %d goes on to other bits", step)
		}
	}
}
