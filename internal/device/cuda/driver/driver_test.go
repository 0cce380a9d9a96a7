//go:build cuda && linux && cgo

package driver_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"imgcls/internal/device/cuda/driver"
)

// TestMain is, for a child of TestLibraries, the program that has a driver to find.
func TestMain(m *testing.M) {
	if os.Getenv("IMGCLS_TEST_DRIVER") == "" {
		os.Exit(m.Run())
	}
	before := driver.Library()
	err := driver.Init()
	var missing *driver.Missing
	var failed *driver.Error
	name, nameErr := cu.Device(3).Name()
	_, hostErr := driver.AllocHost(8)
	fmt.Printf("before=%q missing=%v failed=%v init=%v version=%d name=%q %d host=%v\n",
		before, errors.As(err, &missing), errors.As(err, &failed), err, cu.Version(), name, driver.CodeOf(nameErr), hostErr)
	os.Exit(0)
}

// TestLibraries starts a program that makes the same calls on several drivers,
// none of them real: what counts is which call comes through, and with what.
func TestLibraries(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal("cgo needs it: ", err)
	}
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent.so")
	none := filepath.Join(dir, "text.so")
	if err := os.WriteFile(none, []byte("no library\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	library := func(name, source string) string {
		c, so := filepath.Join(dir, name+".c"), filepath.Join(dir, name+".so")
		if err := os.WriteFile(c, []byte("#include <stdio.h>\n"+source), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(gcc, "-shared", "-fPIC", "-o", so, c).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return so
	}
	const version = "int cuDriverGetVersion(int *v) { *v = 13010; return 0; }\n"
	whole := library("whole", version+`
		int cuInit(unsigned flags) { return flags; }
		int cuDeviceGetName(char *name, int n, int dev) { snprintf(name, n, "GPU %d of %d bytes", dev, n); return 0; }
		int cuMemAllocHost_v2(void **p, unsigned long n) { return n == 8 ? 2 : 1; }
		int cuGetErrorName(int code, const char **s) { *s = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "OTHER"; return 0; }
		int cuGetErrorString(int code, const char **s) { *s = "out of memory"; return 0; }`)
	old := library("old", version+`int cuInit(unsigned flags) { return 803; }`)
	other := library("other", `int anything(void) { return 0; }`)

	for _, c := range []struct{ library, want string }{
		{whole, `before="" missing=false failed=false init=<nil> version=13010 name="GPU 3 of 256 bytes" 0 host=cuMemAllocHost_v2: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory`},
		{old, `before="" missing=false failed=true init=cuInit: CUDA error 803 version=13010 name="" 500 host=cuMemAllocHost_v2: CUDA error 500`},
		{other, `before="" missing=true failed=false init=no NVIDIA driver: ` + other + `: no cuInit in it: not an NVIDIA driver version=-1 name="" 500 host=cuMemAllocHost_v2: CUDA error 500`},
		{absent, `before="" missing=true failed=false init=no NVIDIA driver: ` + absent + `: cannot open shared object file: No such file or directory version=-1 name="" 100 host=cuMemAllocHost_v2: CUDA error 100`},
		{none, `before="" missing=true failed=false init=no NVIDIA driver: ` + none + `: file too short version=-1 name="" 100 host=cuMemAllocHost_v2: CUDA error 100`},
	} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "IMGCLS_TEST_DRIVER=1", "IMGCLS_LIBCUDA="+c.library)
		out, err := child.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s:\ngot  %s %v\nwant %s", filepath.Base(c.library), got, err, c.want)
		}
	}
}

// TestNotNeeded: the system does not look for the driver when it starts the program.
func TestNotNeeded(t *testing.T) {
	file, err := elf.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(l, "libc.so") }) {
		t.Fatalf("libraries %v: not even libc", libraries)
	}
	for _, l := range libraries {
		if strings.Contains(l, "cuda") {
			t.Errorf("NEEDED %s", l)
		}
	}
}

func TestSticky(t *testing.T) {
	for code, want := range map[int]bool{1: false, 2: false, 100: false, 214: true, 226: true, 600: false, 700: true, 702: true, 719: true, 721: true, 999: true} {
		if got := (&driver.Error{Call: "cuX", Code: code}).Sticky(); got != want {
			t.Errorf("%d: sticky %v", code, got)
		}
	}
}

func TestCodeOf(t *testing.T) {
	wrapped := fmt.Errorf("forward: %w", driver.Wrap("cuMemAlloc_v2", cu.OutOfMemory))
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("other"), 0}, {cu.OutOfMemory, 2}, {fmt.Errorf("x: %w", cu.NoDevice), 100}, {wrapped, 2},
	} {
		if got := driver.CodeOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if driver.Wrap("cuInit", nil) != nil {
		t.Error("nil became an error")
	}
}
