package cuda_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"imgcls/internal/device/devicetest"
)

const root = "../../.."

// TestKernels compiles kernels.cu for this machine and holds every kernel to
// package ref.
func TestKernels(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the stand-in is for Linux")
	}
	compiler, err := exec.LookPath("g++")
	if err != nil {
		devicetest.Require(t, "gxx")
	}
	flags := []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"}
	if !works(t, compiler, flags...) {
		t.Logf("this g++ lacks %s: reads out of bounds go unseen", flags[0])
		flags = nil
	}
	s := start(t, compiler, flags...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
	for _, k := range kernels(t) {
		if !s.ran[k.name] && !t.Failed() {
			t.Errorf("no case runs %s", k.name)
		}
	}
}

// works reports whether programs compiled with flags run here.
func works(t *testing.T, compiler string, flags ...string) bool {
	source := filepath.Join(t.TempDir(), "empty.cpp")
	if err := os.WriteFile(source, []byte("int main() {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	program := strings.TrimSuffix(source, ".cpp")
	if exec.Command(compiler, append(flags, "-o", program, source)...).Run() != nil {
		return false
	}
	return exec.Command(program).Run() == nil
}

// A standin is a running testdata/standin.cpp.
type standin struct {
	in     io.Writer
	out    io.Reader
	errors *bytes.Buffer
	wait   func() error
	ran    map[string]bool
}

// start compiles the stand-in and runs it until the test ends.
func start(t *testing.T, compiler string, flags ...string) *standin {
	dir := t.TempDir()
	var list strings.Builder
	for _, k := range kernels(t) {
		fmt.Fprintf(&list, "KERNEL(%s)\n", k.name)
	}
	if err := os.WriteFile(filepath.Join(dir, "kernels.inc"), []byte(list.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "standin")
	flags = append(flags, "-std=c++20", "-ffp-contract=off",
		"-I", root, "-I", dir, "-o", program, "testdata/standin.cpp")
	if out, err := exec.Command(compiler, flags...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	// A kernel may loop for ever.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0")
	s := &standin{errors: new(bytes.Buffer), ran: map[string]bool{}, wait: cmd.Wait}
	cmd.Stderr = s.errors
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, out
	t.Cleanup(func() {
		defer cancel()
		in.Close()
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("stand-in: %v\n%s", err, s.errors)
		}
	})
	return s
}

// A grid says how a kernel is launched: x·y blocks of so many threads.
type grid struct{ x, y, threads int64 }

// A result is a slice that a kernel overwrites, as an argument of launch.
type result struct{ slice any }

// launch runs a kernel. An argument is an int, a slice that the kernel only
// reads, a result, or nil for a null pointer.
func (s *standin) launch(t *testing.T, kernel string, g grid, args ...any) {
	t.Helper()
	s.ran[kernel] = true
	var request bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&request, binary.NativeEndian, v); err != nil {
				t.Fatalf("%s: %v", kernel, err)
			}
		}
	}
	put(int64(len(kernel)), []byte(kernel), g, int64(len(args)))
	for _, a := range args {
		switch a := a.(type) {
		case nil:
			put(int64(-2))
		case int:
			put(int64(-1), int64(a))
		case result:
			put(int64(binary.Size(a.slice)), a.slice)
		default:
			put(int64(binary.Size(a)), a)
		}
	}
	if _, err := s.in.Write(request.Bytes()); err != nil {
		t.Fatalf("%s: the stand-in has ended: %v", kernel, err)
	}
	for i, a := range args {
		s.receive(t, fmt.Sprintf("%s: argument %d", kernel, i), a)
	}
}

// receive reads what a launch made of an argument.
func (s *standin) receive(t *testing.T, what string, arg any) {
	t.Helper()
	if _, number := arg.(int); number || arg == nil {
		return
	}
	r, overwritten := arg.(result)
	if !overwritten {
		r.slice = arg
	}
	got := make([]byte, binary.Size(r.slice))
	if _, err := io.ReadFull(s.out, got); err != nil {
		t.Fatalf("%s: the stand-in ended: %v\n%s", what, s.wait(), s.errors)
	}
	if overwritten {
		if _, err := binary.Decode(got, binary.NativeEndian, r.slice); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	sent, err := binary.Append(nil, binary.NativeEndian, r.slice)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%s: the kernel has changed its input", what)
	}
}
