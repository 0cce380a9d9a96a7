package internal

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// make names what it lacks and how to get it before it builds or fetches anything. It
// takes the nvcc that is installed, with the header beside it, and otherwise fetches one;
// without architectures it makes PTX alone.
func TestMakeSaysWhatItNeeds(t *testing.T) {
	program, err := exec.LookPath("make")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no make on Linux")
	}
	for _, row := range []struct {
		tools string // on the PATH; one with ! fails, and the others print their release
		args  string
		fails bool
		says  []string // and, with !, does not say
	}{
		{"", "", true, []string{"make needs Go 1.26 or later, from https://go.dev/dl"}},
		{"", "pure", true, []string{"make needs Go 1.26"}},
		{"go", "", true, []string{"make needs gcc and g++", "apt install g++", "make pure builds without"}},
		{"go gcc", "", true, []string{"make needs gcc and g++"}},
		{"go gcc g++", "", true, []string{"make needs nvcc, or python3 with venv", "apt install python3-venv", "make pure builds without"}},
		{"go gcc g++ !python3", "", true, []string{"make needs nvcc, or python3 with venv"}},
		{"go gcc g++ python3", "tools", false, nil},
		{"go gcc g++ nvcc=13.2", "tools", false, nil},
		{"go gcc g++ nvcc=13.2", "-n -W kernels.cu cuda", false,
			[]string{"TOOLS/bin/nvcc -std=", "sm_90a", "-I$(echo TOOLS/include)", "!pip install", "!differ from"}},
		{"go gcc g++ nvcc=13.2", "-n -W kernels.cu ARCHS= kernels", false, []string{"code=compute_80", "!sm_"}},
		{"go gcc g++ nvcc=12.8", "tools", true, []string{"TOOLS/bin/nvcc is older than nvcc 13", "make needs nvcc"}},
		{"go gcc g++ nvcc=9.0 python3", "tools", false, []string{"is older than nvcc 13", "fetched into build/nvcc"}},
		{"go gcc g++ python3 !nvcc", "tools", false, []string{"or does not start"}},
		{"go gcc g++ python3", "-n -W internal/kernels/cuda/requirements-nvcc.txt cuda", false,
			[]string{"build/nvcc/bin/nvcc -std=", "pip install --quiet --no-deps --require-hashes", "nvidia/cu13/include"}},
	} {
		dir := t.TempDir()
		bin := filepath.Join(dir, "bin")
		tool := func(name, does string) {
			if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		tool("uname", "echo Linux")
		for _, name := range strings.Fields(row.tools) {
			name, fails := strings.CutPrefix(name, "!")
			name, release, _ := strings.Cut(name, "=")
			tool(name, map[bool]string{false: "echo Cuda compilation tools, release " + release + ", V" + release, true: "exit 1"}[fails])
		}
		cmd := exec.Command(program, strings.Fields(row.args)...)
		cmd.Dir, cmd.Env = "..", []string{"PATH=" + bin}
		out, err := cmd.CombinedOutput()
		text := strings.ReplaceAll(string(out), dir, "TOOLS")
		if (err != nil) != row.fails {
			t.Errorf("%q, make %s: %v\n%s", row.tools, row.args, err, text)
		}
		for _, words := range row.says {
			if words, not := strings.CutPrefix(words, "!"); strings.Contains(text, words) == not {
				t.Errorf("%q, make %s: %q, %v\n%s", row.tools, row.args, words, !not, text)
			}
		}
	}
}
