// Package standin builds the stand-in driver for tests: a libcuda.so.1 in C++, of
// src, that runs CUDA kernels on this machine's processor. src/README.md says what it
// models and what it does not.
package standin

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"imgcls/internal/device/devicetest"
)

// A Build is a libcuda.so.1 for the kernels of one source.
type Build struct {
	Dir      string // where it lies
	compiler string
	flags    []string
}

// New builds the stand-in for the kernels of a file, until the test ends. Sanitizers
// are those of g++, such as "address,undefined". Without g++ and make the test is
// skipped, or fails where IMGCLS_REQUIRE has gxx.
func New(t testing.TB, kernels, sanitizers string) *Build {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the stand-in is for Linux")
	}
	b := &Build{Dir: t.TempDir()}
	b.compiler, _ = exec.LookPath("g++")
	maker, err := exec.LookPath("make")
	if b.compiler == "" || err != nil {
		devicetest.Require(t, "gxx")
	}
	if sanitizers != "" {
		b.flags = []string{"-fsanitize=" + sanitizers, "-fno-sanitize-recover=all"}
	}
	kernels, err = filepath.Abs(kernels)
	if err != nil {
		t.Fatal(err)
	}
	read(t, append(sources(t), kernels)...)
	cmd := exec.Command(maker, "-s", "-j2", "-C", root(t), "standin",
		"CXX="+b.compiler, "STANDINBUILD="+b.Dir, "STANDINKERNELS="+kernels, "SANITIZE="+sanitizers)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // of the make that runs this test
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return b
}

// Program compiles a C++ program that makes driver calls, for this build.
func (b *Build) Program(t testing.TB, sources ...string) string {
	t.Helper()
	program := filepath.Join(b.Dir, strings.TrimSuffix(filepath.Base(sources[0]), ".cpp"))
	read(t, sources...)
	args := append([]string{"-std=c++17", "-O1", "-g", "-Wall", "-I", filepath.Join(root(t), "internal/device/cuda/standin/src"), "-o", program}, b.flags...)
	args = append(append(args, sources...), "-L"+b.Dir, "-l:libcuda.so.1", "-Wl,-rpath,"+b.Dir, "-pthread")
	if out, err := exec.Command(b.compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// Kernels returns the names of the kernels.
func (b *Build) Kernels(t testing.TB) []string {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(b.Dir, "kernels.inc"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(table)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "KERNEL("), ",")
		names = append(names, name)
	}
	return names
}

// sources are the files that a build is made of, but for its kernels' own.
func sources(t testing.TB) []string {
	var all []string
	for _, pattern := range []string{"internal/device/cuda/standin/build.mk", "internal/device/cuda/standin/src/*", "internal/kernels/cuda/*.cuh"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// read opens what a compiler will read, so that Go's cache of tests knows of it.
func read(t testing.TB, files ...string) {
	for _, file := range files {
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
}

// root is the folder of the Makefile, which lies above that of a test.
func root(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Makefile")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no Makefile above this test's folder")
		}
	}
}
