package main

import (
	"testing"
)

const (
	doctorKeys  = "version cuda architectures os arch cpu memory_bytes driver gpus data problems"
	problemKeys = "what why do"
)

func TestContractOfDoctor(t *testing.T) {
	s := newScene(t)
	report := object(t, s.mustRun("doctor", "--format", "json"))
	wantObject(t, "doctor", report, doctorKeys)
	wantObject(t, "cpu", report["cpu"].(map[string]any), "features instructions threads")
	wantObject(t, "data", report["data"].(map[string]any), "dir free_bytes")
	if free, ok := report["data"].(map[string]any)["free_bytes"].(float64); !ok || free <= 0 {
		t.Errorf("data: %v", report["data"])
	}
	for _, p := range report["problems"].([]any) {
		wantObject(t, "problem", p.(map[string]any), problemKeys)
	}
	if report["cuda"] == true {
		return // TestDoctorOfGPUs
	}
	gpu := report["problems"].([]any)[0].(map[string]any)
	if report["driver"] != nil || len(report["gpus"].([]any)) != 0 || gpu["what"] != "GPU" || gpu["do"] == "" {
		t.Errorf("without CUDA: %v", report)
	}
}
