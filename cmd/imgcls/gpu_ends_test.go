//go:build cuda && linux && cgo

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgcls/internal/fault"
)

// What fails while something is given back after a failure is told too, and a
// context that is lost then ends the process as one that is lost at any other time:
// with no further call.
func TestSecondFaultOfTheDriver(t *testing.T) {
	standin(t)
	for _, row := range []struct {
		fail string // STANDIN_FAIL
		code fault.Kind
		last string // call of the driver
		says []string
	}{
		{"cuGraphInstantiateWithFlags#1:2,cuGraphDestroy#1:700", fault.Device, "cuGraphDestroy",
			[]string{"cuGraphDestroy: CUDA_ERROR_ILLEGAL_ADDRESS", "this came after: cuda: capture", "OUT_OF_MEMORY"}},
		{"cuGraphInstantiateWithFlags#1:2,cuEventDestroy_v2#4:716", fault.Device, "cuEventDestroy_v2",
			[]string{"MISALIGNED_ADDRESS", "OUT_OF_MEMORY"}},
		{"cuGraphInstantiateWithFlags#1:2,cuMemFree_v2#1:1", fault.Room, "cuDevicePrimaryCtxRelease_v2",
			[]string{"OUT_OF_MEMORY", "after that: cuda: close: cuMemFree_v2"}},
		{"cuLaunchKernel#3:1,cuStreamEndCapture#1:700", fault.Device, "cuStreamEndCapture",
			[]string{"ILLEGAL_ADDRESS", "cuLaunchKernel: CUDA_ERROR_INVALID_VALUE"}},
		{"cuLaunchKernel#3:1,cuStreamEndCapture#1:901", fault.Device, "cuDevicePrimaryCtxRelease_v2",
			[]string{"cuLaunchKernel: CUDA_ERROR_INVALID_VALUE"}},
		{"cuModuleLoadData#1:2,cuDevicePrimaryCtxRelease_v2#1:700", fault.Device, "cuDevicePrimaryCtxRelease_v2",
			[]string{"ILLEGAL_ADDRESS", "OUT_OF_MEMORY"}},
	} {
		r := onStandin(t, t.TempDir(), "train "+shortRun, "STANDIN_FAIL="+row.fail)
		if r.code != int(row.code) || r.calls[len(r.calls)-1] != row.last {
			t.Errorf("%s: exit code %d after %s, want %d after %s\n%s", row.fail, r.code, r.calls[len(r.calls)-1], row.code, row.last, r.stderr)
		}
		if i := slices.IndexFunc(row.says, func(s string) bool { return !strings.Contains(r.stderr, s) }); i >= 0 {
			t.Errorf("%s: nothing is said of %s:\n%s", row.fail, row.says[i], r.stderr)
		}
	}
}

// What does not fit into the GPU's memory is refused, by the plan or by the driver
// itself, with what it needs, what there is, and the largest batch that fits: which
// does, and one more does not. Nothing is written.
func TestRoomOnTheGPU(t *testing.T) {
	standin(t)
	const run = "train shapes --samples 400 --img-size 16 --epochs 1 --max-steps 1 --device cuda --quiet --batch-size "
	refusal := regexp.MustCompile(`memory: a batch of 300 needs [3-9],\d{3},\d{3} bytes, 2,300,000 of 2,300,000 are free(: memory: cuMemAlloc_v2: .*)?; use --batch-size (\d+) or less`)
	for _, unknown := range []string{"", "STANDIN_FAIL=cuMemGetInfo_v2#1:1,cuMemGetInfo_v2#2:1"} {
		dir := t.TempDir()
		r := onStandin(t, dir, run+"300", "STANDIN_MEMORY=2300000", unknown)
		m := refusal.FindStringSubmatch(r.stderr)
		if r.code != int(fault.Room) || m == nil || (m[1] != "") != (unknown != "") || leaks(r) != "" {
			t.Fatalf("%s: exit code %d, not given back: %s\n%s", unknown, r.code, leaks(r), r.stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "runs")); err == nil {
			t.Errorf("%s: there is a run folder", unknown)
		}
		most, _ := strconv.Atoi(m[2])
		for batch, code := range map[int]int{most: 0, most + 1: int(fault.Room)} {
			if r := onStandin(t, dir, run+strconv.Itoa(batch), "STANDIN_MEMORY=2300000"); r.code != code {
				t.Errorf("batch %d of at most %d: exit code %d\n%s", batch, most, r.code, r.stderr)
			}
		}
		for command, at := range map[string]string{"eval runs/latest": "250", "predict --batch-size 300 runs/latest x.png": "300"} {
			r := onStandin(t, dir, command+" --device cuda --quiet", "STANDIN_MEMORY=500000")
			if r.code != int(fault.Room) || leaks(r) != "" || !strings.Contains(r.stderr, "memory: a batch of "+at+" needs ") || !strings.Contains(r.stderr, "the largest that fits") {
				t.Errorf("%s: exit code %d, not given back: %s\n%s", command, r.code, leaks(r), r.stderr)
			}
		}
	}
}

// G9: a kernel that never ends ends the process, soon after the patience is spent, with
// the step and its entry, and with its kernel under --sync; what was saved before stays,
// and no call is made after the one that waits.
func TestHangOfTheGPU(t *testing.T) {
	standin(t)
	dir := t.TempDir()
	if r := onStandin(t, dir, "train "+shortRun); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.png"), rgbPNG(make([]byte, 32*32*3)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ args, kernel, says string }{
		{"eval --device cuda runs/x", "matmul_nt_64x32_f32", `\(eval@250 was started last\)`},
		{"predict --device cuda --quiet runs/x x.png", "conv_fwd_any_64x32_f32", `\(eval@1 was started last\)`},
		{"train --overwrite " + shortRun, "sgd_f32", `step 1 of this process \(train@4 was started last\) has not ended within 1s: the GPU hangs`},
		{"train --overwrite --sync " + shortRun, "sgd_f32", `train@4: sgd: SGD \(.*\), kernel sgd_f32 was started last`},
	} {
		r := onStandin(t, dir, row.args, "STANDIN_HANG="+row.kernel, "IMGCLS_GPU_PATIENCE=1s")
		if r.code != int(fault.Device) || r.took < time.Second || r.took > 5*time.Second || !regexp.MustCompile(row.says).MatchString(r.stderr) {
			t.Errorf("%s: exit code %d after %v\n%s", row.args, r.code, r.took, r.stderr)
		}
		if last := r.calls[len(r.calls)-1]; !strings.HasSuffix(last, "Synchronize") {
			t.Errorf("%s: the last call is %s", row.args, last)
		}
	}
}
