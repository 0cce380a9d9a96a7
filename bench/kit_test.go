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

// Each tool of compute-sanitizer has a process for every family, and says which were
// clean, ran past their limit or had errors; together they fit into the step's limit.
func TestKitCountsWhatSanitizersFind(t *testing.T) {
	const fake = `#!/bin/sh
[ "$1 $2 $3 $4" = "--tool memcheck --error-exitcode 9" ] || exit 2
case "$7" in
*Bad*) echo "ERROR SUMMARY: 1 error"; exit 9 ;;
*Late*) exec sleep 20 ;;
esac
echo "ERROR SUMMARY: 0 errors"
`
	for _, c := range []struct{ name, families, verdict, said string }{
		{"clean", "Add Conv", "ok", "memcheck: 2 of 2 families clean"},
		{"errors", "Add Bad Conv", "FAILED", "memcheck: 2 of 3 families clean, ERRORS: Bad"},
		{"late", "Late1 Conv Late2", "ran past", "memcheck: 1 of 3 families clean, ran past their 1 s: Late1 Late2"},
		{"both", "Late Bad Add", "FAILED", "memcheck: 1 of 3 families clean, ran past their 1 s: Late, ERRORS: Bad"},
		{"no families", "", "FAILED", "the step conformance has named no families"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			k.write("path/compute-sanitizer", fake)
			script := "#!/bin/sh\necho '--- PASS: TestConformance (0.00s)'\n"
			for _, f := range strings.Fields(c.families) {
				script += "echo '=== RUN   TestConformance/" + f + "/1x1'\n"
			}
			k.write("cuda.test", script)
			verdict, said := k.run("^(conformance|sanitizer memcheck)", "sanitizer-memcheck", "FAMILY_LIMIT=1")
			if verdict != c.verdict || said != c.said {
				t.Errorf("%s: %q, want %s: %q", verdict, said, c.verdict, c.said)
			}
		})
	}
	t.Run("no tool", func(t *testing.T) {
		if _, err := exec.LookPath("compute-sanitizer"); err == nil {
			t.Skip("compute-sanitizer is here")
		}
		if verdict, said := newKit(t).run("^sanitizer memcheck", "sanitizer-memcheck"); verdict != "not here" || said != "no compute-sanitizer here" {
			t.Errorf("%s: %q", verdict, said)
		}
	})
}

// Where time runs out, each operation has been tried: the first rows are of all kinds.
func TestKitTriesEachOperationEarly(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		devicetest.Require(t, "python3")
	}
	const ask = `
import rows
family = lambda row: (row.work["op"], row.work.get("kind"))
for quick in False, True:
    all = list(rows.rows(quick))
    turns = rows.early(all, family)
    kinds = {family(row) for row in all}
    assert sorted(r.name for r in turns) == sorted(r.name for r in all) and len({r.name for r in all}) == len(all), "not the same rows"
    assert {family(row) for row in turns[:len(kinds)]} == kinds, "a kind comes late"
`
	cmd := exec.Command("python3", "-B", "-c", ask)
	cmd.Dir = "gpu"
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
