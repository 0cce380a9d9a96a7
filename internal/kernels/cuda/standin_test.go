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
	"strings"
	"testing"
	"time"

	driver "imgcls/internal/device/cuda/standin"
)

const root = "../../.."

// TestKernels holds every kernel to package ref, on the stand-in driver under the
// sanitizers for addresses and undefined behaviour.
func TestKernels(t *testing.T) {
	sanitizers := "address,undefined"
	if !works(t, "-fsanitize="+sanitizers) {
		t.Logf("this g++ lacks %s: bounds are those of pages", sanitizers)
		sanitizers = ""
	}
	build := driver.New(t, filepath.Join(root, "kernels.cu"), sanitizers)
	s := start(t, build.Program(t, "testdata/launch.cpp"), "", "1")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
	for _, name := range build.Kernels(t) {
		if !s.ran[name] && !t.Failed() {
			t.Errorf("no case runs %s", name)
		}
	}
}

// works reports whether programs that g++ compiles with a flag run here.
func works(t *testing.T, flag string) bool {
	source := filepath.Join(t.TempDir(), "empty.cpp")
	if err := os.WriteFile(source, []byte("int main() {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	program := strings.TrimSuffix(source, ".cpp")
	if exec.Command("g++", flag, "-o", program, source).Run() != nil {
		return false
	}
	return exec.Command(program).Run() == nil
}

// A standin runs kernels twice, on two stand-in drivers: one takes blocks and threads
// in their order, the other in another one. Where a barrier is missing, one of the two
// reads what is not there yet.
type standin struct {
	runs  []process
	ran   map[string]bool // kernels
	ended bool
}

// A process is a running testdata/launch.cpp.
type process struct {
	in     io.Writer
	out    io.Reader
	errors *bytes.Buffer
	wait   func() error
	id     int
}

// start runs the program until the test ends, once for each STANDIN_SHUFFLE.
func start(t testing.TB, program string, shuffles ...string) *standin {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a kernel may loop for ever
	t.Cleanup(cancel)
	s := &standin{ran: map[string]bool{}}
	for _, shuffle := range shuffles {
		cmd := exec.CommandContext(ctx, program)
		cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0", "STANDIN_SHUFFLE="+shuffle)
		p := process{errors: new(bytes.Buffer), wait: cmd.Wait}
		cmd.Stderr = p.errors
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
		p.in, p.out, p.id = in, out, cmd.Process.Pid
		s.runs = append(s.runs, p)
		t.Cleanup(func() {
			in.Close()
			if err := cmd.Wait(); err != nil && !t.Failed() {
				t.Errorf("stand-in: %v\n%s", err, p.errors)
			}
		})
	}
	return s
}

// A grid says how a kernel is launched: x·y blocks of so many threads.
type grid struct{ x, y, threads int64 }

// A result is a slice that a kernel overwrites, as an argument of launch.
type result struct{ slice any }

// launch runs a kernel. An argument is an int, a slice that the kernel only
// reads, a result, or nil for a null pointer.
func (s *standin) launch(t testing.TB, kernel string, g grid, args ...any) {
	t.Helper()
	s.launch3(t, kernel, [3]int64{g.x, g.y, 1}, g.threads, args...)
}

// launch3 runs a kernel with blocks in three directions.
func (s *standin) launch3(t testing.TB, kernel string, blocks [3]int64, threads int64, args ...any) {
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
	put(int64(len(kernel)), []byte(kernel), blocks, threads, int64(len(args)))
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
	if s.ended {
		t.Fatalf("%s: the stand-in has ended before", kernel)
	}
	for _, p := range s.runs {
		if _, err := p.in.Write(request.Bytes()); err != nil {
			s.end(t, kernel, p)
		}
	}
	for i, a := range args {
		s.receive(t, fmt.Sprintf("%s: argument %d", kernel, i), a)
	}
}

// end ends a test whose kernel the stand-in has stopped.
func (s *standin) end(t testing.TB, what string, p process) {
	t.Helper()
	s.ended = true
	t.Fatalf("%s: %v\n%s", what, p.wait(), p.errors)
}

// receive reads what the launches made of an argument.
func (s *standin) receive(t testing.TB, what string, arg any) {
	t.Helper()
	if _, number := arg.(int); number || arg == nil {
		return
	}
	r, overwritten := arg.(result)
	if !overwritten {
		r.slice = arg
	}
	var got []byte
	for i, p := range s.runs {
		one := make([]byte, binary.Size(r.slice))
		if _, err := io.ReadFull(p.out, one); err != nil {
			s.end(t, what, p)
		}
		if i > 0 && !bytes.Equal(got, one) {
			t.Errorf("%s: the order of threads changes the results", what)
		}
		got = one
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
