//go:build cuda && linux && cgo

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/device/devicetest"
)

// The driver is the stand-in that IMGCLS_LIBCUDA names, which plays what STANDIN_*
// say (standin/src/calls.cpp).
func TestDoctorOfGPUs(t *testing.T) {
	library := os.Getenv("IMGCLS_LIBCUDA")
	if library == "" {
		devicetest.Require(t, "standin")
	}
	for _, row := range []struct {
		env   string
		gpus  []string // id, capability, usable, code
		what  string   // of the one problem, or ""
		why   string   // words of it
		do    string   // and of the advice
		plays string   // the CUDA of the driver
	}{
		{"STANDIN_DEVICES=2", []string{"cuda:0 9.0 true sm_90a", "cuda:1 9.0 true sm_90a"}, "", "", "", "13.0"},
		{"STANDIN_CAPABILITY=12.9", []string{"cuda:0 12.9 true *"}, "", "", "", "13.0"},
		{"STANDIN_CAPABILITY=7.5", []string{"cuda:0 7.5 false "}, "cuda:0", "has compute capability 7.5, this binary has code for", "--device cpu", "13.0"},
		{"STANDIN_DRIVER=12040", []string{"cuda:0 9.0 false sm_90a"}, "GPU", "CUDA 12.4, imgcls needs 13.0", "R580", "12.4"},
		{"STANDIN_DEVICES=0", nil, "GPU", "no CUDA-capable device", "--gpus all", ""},
		{"STANDIN_DEVICES=0 CUDA_VISIBLE_DEVICES=7", nil, "GPU", "no CUDA-capable device", `CUDA_VISIBLE_DEVICES is "7"`, ""},
		{"IMGCLS_LIBCUDA=/nowhere/libcuda.so.1", nil, "GPU", "no NVIDIA driver: /nowhere/libcuda.so.1", "install NVIDIA's driver", ""},
	} {
		s := newScene(t)
		s.env = append(append(s.env, "IMGCLS_LIBCUDA="+library), strings.Fields(row.env)...)
		report := object(t, s.mustRun("doctor", "--format", "json"))
		wantObject(t, "driver", report["driver"].(map[string]any), "library cuda needed")
		if d := report["driver"].(map[string]any); d["cuda"] != row.plays || d["needed"] != "13.0" {
			t.Errorf("%s: driver %v", row.env, d)
		}
		var gpus, ids []string
		for _, g := range report["gpus"].([]any) {
			g := g.(map[string]any)
			wantObject(t, "gpu", g, "id name memory_bytes capability usable reason free_bytes code")
			if len(row.gpus) > 0 && strings.HasSuffix(row.gpus[0], "*") {
				g["code"] = "*" // which depends on ARCHS
			}
			gpus = append(gpus, fmt.Sprint(g["id"], " ", g["capability"], " ", g["usable"], " ", g["code"]))
			ids = append(ids, g["id"].(string))
			if free, total := g["free_bytes"].(float64), g["memory_bytes"].(float64); total != 4<<30 || (free > 0) != (g["usable"] == true) || free > total {
				t.Errorf("%s: %v of %v bytes free", row.env, free, total)
			}
		}
		if !slices.Equal(gpus, row.gpus) {
			t.Errorf("%s: %q, want %q", row.env, gpus, row.gpus)
		}
		checkProblem(t, row.env, report["problems"].([]any), row.what, row.why, row.do)
		checkDevices(t, row.env, s.list("devices", "--format", "json"), ids, row.why)
	}
}

// checkProblem wants one problem with these words, or none for no what.
func checkProblem(t *testing.T, env string, problems []any, what, why, do string) {
	t.Helper()
	if what == "" {
		if len(problems) > 0 {
			t.Errorf("%s: problems %v", env, problems)
		}
		return
	}
	if len(problems) != 1 {
		t.Fatalf("%s: problems %v", env, problems)
	}
	p := problems[0].(map[string]any)
	if p["what"] != what || !strings.Contains(p["why"].(string), why) || !strings.Contains(p["do"].(string), do) {
		t.Errorf("%s: problem %v, want %s: %s; %s", env, p, what, why, do)
	}
}

// checkDevices wants a row for each GPU, or the row cuda, with the reason why it is
// not usable.
func checkDevices(t *testing.T, env string, rows []map[string]any, ids []string, why string) {
	t.Helper()
	if ids == nil {
		ids = []string{"cuda"}
	}
	var got []string
	for _, r := range rows[2:] {
		got = append(got, r["id"].(string))
		if reason := r["reason"].(string); r["usable"] != (why == "") || !strings.Contains(reason, why) || why == "" && reason != "" {
			t.Errorf("%s: row %v, want the reason %q", env, r, why)
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%s: devices %q, want %q", env, got, ids)
	}
}
