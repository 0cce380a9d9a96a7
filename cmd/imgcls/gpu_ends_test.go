//go:build cuda && linux && cgo

package main

import (
	"slices"
	"strings"
	"testing"

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

// shortRun is as short as a run can be that has full and short steps, evaluates and
// saves: three steps of pictures that a kernel is soon done with.
const shortRun = "shapes --samples 10 --img-size 16 --batch-size 4 --epochs 1 --save-every 1it --device cuda --quiet --name x"
