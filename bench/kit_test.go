package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"imgcls/internal/device/devicetest"
)

// A kit is a folder with run.sh as it is and stand-ins for what it calls.
type kit struct {
	dir string
	t   *testing.T
}

func newKit(t *testing.T) kit {
	if _, err := exec.LookPath("bash"); err != nil {
		devicetest.Require(t, "shell")
	}
	k := kit{t.TempDir(), t}
	script, err := os.ReadFile("gpu/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	k.write("run.sh", string(script))
	k.write("imgcls", "#!/bin/sh\n")
	k.write("commit", "unknown\n")
	return k
}

func (k kit) write(name, text string) {
	k.t.Helper()
	path := filepath.Join(k.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		k.t.Fatal(err)
	}
}

// run runs the steps and returns the verdict on the last one and what it said.
func (k kit) run(steps, last string, env ...string) (verdict, said string) {
	k.t.Helper()
	cmd := exec.Command("bash", filepath.Join(k.dir, "run.sh"), filepath.Join(k.dir, "out"), steps)
	cmd.Env = append(os.Environ(), "PYTHON=true", "IMGCLS_LIBCUDA=", "QUICK=", "PATH="+filepath.Join(k.dir, "path")+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, env...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		k.t.Fatalf("%v: %s", err, output)
	}
	text, err := os.ReadFile(filepath.Join(k.dir, "out", "steps", last+".step"))
	if err != nil {
		k.t.Fatalf("%v: %s", err, output)
	}
	fields := strings.Split(strings.TrimSuffix(string(text), "\n"), "\t")
	return fields[1], fields[5]
}

// Tests that ran nothing are no success of the kit: what is skipped fails.
func TestKitFailsWhatIsSkipped(t *testing.T) {
	const skip = "echo '    cuda_test.go:21: no NVIDIA driver: libcuda.so.1: cannot open; install it'; echo '--- SKIP: TestConformance (0.00s)'\n"
	for _, c := range []struct{ name, script, verdict, said string }{
		{"passed", "echo '--- PASS: TestConformance (0.00s)'; echo '    --- PASS: TestConformance/Conv (0.00s)'\n", "ok", "2 tests passed, 0 failed, 0 were skipped"},
		{"skipped", skip + "echo PASS\n", "FAILED", "0 tests passed, 0 failed, 1 were skipped: no NVIDIA driver: libcuda.so.1: cannot open"},
		{"one skipped", "echo '--- PASS: TestA (0.00s)'\n" + skip, "FAILED", "1 tests passed, 0 failed, 1 were skipped: no NVIDIA driver: libcuda.so.1: cannot open"},
		{"none", "echo 'testing: warning: no tests to run'; echo PASS\n", "FAILED", "0 tests passed, 0 failed, 0 were skipped"},
		{"failed", "echo '--- PASS: TestA (0.00s)'; echo '--- FAIL: TestB (0.00s)'; exit 1\n", "FAILED", "1 tests passed, 1 failed, 0 were skipped"},
		{"asked for a GPU", `[ "$IMGCLS_REQUIRE" = standin ] && echo '--- PASS: TestA (0.00s)'` + "\n", "ok", "1 tests passed, 0 failed, 0 were skipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			k.write("cuda.test", "#!/bin/sh\n"+c.script)
			k.write("train/train.test", "#!/bin/sh\n"+c.script)
			for steps, last := range map[string]string{"^conformance": "conformance", "^golden": "golden-steps"} {
				if verdict, said := k.run(steps, last); verdict != c.verdict || said != c.said {
					t.Errorf("%s: %s: %q, want %s: %q", last, verdict, said, c.verdict, c.said)
				}
			}
		})
	}
}
