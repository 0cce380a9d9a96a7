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
	args := append([]string{"-std=c++17", "-O1", "-g", "-Wall", "-ffp-contract=off", "-o", program}, b.flags...)
	args = append(append(args, sources...), "-L"+b.Dir, "-l:libcuda.so.1", "-Wl,-rpath,"+b.Dir, "-pthread")
	if out, err := exec.Command(b.compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
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
