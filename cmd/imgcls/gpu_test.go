//go:build cuda && linux && cgo

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"imgcls/internal/device/cuda"
	"imgcls/internal/device/devicetest"
)

// TestSessionsOnTheGPU runs testdata/gpu/*.txtar on a GPU, or on the stand-in that
// IMGCLS_LIBCUDA names.
func TestSessionsOnTheGPU(t *testing.T) {
	dev, err := cuda.New(0)
	if err != nil {
		t.Log(err)
		devicetest.Require(t, "standin")
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/gpu",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("IMGCLS_LIBCUDA", os.Getenv("IMGCLS_LIBCUDA"))
			return nil
		},
	})
}
