package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run from other weights, with a new head and frozen layers, goes on from any of
// its steps to the same bits, and without the weights' file.
func TestFineTuningResumes(t *testing.T) {
	p := inProcess{t, t.TempDir()}
	p.train(0, strings.Fields("digits --epochs 1 --max-steps 3 --img-size 16 --mean 0.25 --name pre")...)
	p.train(0, append(strings.Fields("shapes --samples 40 --img-size 16 --batch-size 7 --epochs 2 --reset-head --freeze 2 --save-every 1it --keep 100 --name whole"),
		"--weights", filepath.Join(p.output, "pre"))...)
	want := p.outcomeOf("whole")
	if config := string(p.read("whole/config.yaml")); !strings.Contains(config, "\nmean: 0.25,0.25,0.25 ") {
		t.Errorf("the weights' own normalisation is not kept:\n%s", config)
	}
	if err := os.RemoveAll(filepath.Join(p.output, "pre")); err != nil {
		t.Fatal(err)
	}
	last := p.steps("whole")[0]
	for step := 1; step < last; step++ {
		p.rewind("again", "whole", step)
		p.train(0, "--resume="+filepath.Join(p.output, "again"), "--save-every", "100epochs")
		wantSame(t, fmt.Sprintf("from step %d", step), p.outcomeOf("again"), want)
	}
}
