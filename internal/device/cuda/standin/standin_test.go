package standin_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgcls/internal/device/cuda/standin"
)

// The scenarios of the program testdata/planted.cpp: what is wrong on purpose and what
// is right, how STANDIN_* stand, and what must come of it.
var scenarios = []struct {
	name, env string
	output    string // all that it prints
	stopped   string // a pattern of why the stand-in ends it, if it does
}{
	// What a kernel does with memory.
	{"store_past_end", "", "", `kernel put, block \(0,0,0\), thread \(0,0,0\): access to 0x[0-9a-f]+, 1024 bytes behind the beginning of an allocation of 1024 bytes`},
	{"store_into_padding", "", "", `kernel put wrote to a place 240 bytes behind the beginning of an allocation of 240 bytes`},
	{"store_before_beginning", "", "", `kernel put wrote to a place 1200 bytes before an allocation of 1024 bytes`},
	{"load_past_end", "", "", `kernel take, .*: access to 0x[0-9a-f]+, 4000 bytes behind the beginning of an allocation of 1024 bytes`},
	{"use_after_free", "", "", `kernel put, .*: access to 0x[0-9a-f]+, an allocation of 1024 bytes that was freed`},
	{"null_pointer", "", "", `kernel put, .*: access to 0, which is in no allocation`},
	{"stack_overflow", "", "", `kernel deep, .*: stack overflow: a thread's local variables take more than 128 KiB`},
	{"division_by_zero", "", "", `kernel divide, .*: division by zero`},
	{"misaligned_copy_from", "", "", `kernel copy_from, .*: cp_async's source of lane 0: 0x[0-9a-f]+8, which is no multiple of 16`},
	{"misaligned_copy_to", "", "", `kernel copy_to, .*: cp_async's destination of lane 0: 0x[0-9a-f]+8, which is no multiple of 16`},
	{"misaligned_row", "", "", `kernel load_rows, .*: ldmatrix's row of lane 9: 0x[0-9a-f]+8, which is no multiple of 16`},
	{"fresh_memory_is_nan", "", "nan nan nan nan\n", ""},
	{"unfilled_shared_is_nan", "", "1 nan nan nan\nnan nan nan 1\n", ""},
	{"copied", "", "nan nan nan nan\n1 1 1 1\n", ""},
	{"memory_limit", "STANDIN_MEMORY=1000", "alloc 600 0\nalloc 600 2\n400 of 1000\nalloc 600 0\n", ""},

	// Threads that meet, or do not.
	{"barrier_for_some", "", "", `kernel barrier_for_some, block \(0,0,0\): 16 of 64 threads wait at the __syncthreads of line \d+, which the others never reach; thread \(16,0,0\) has ended`},
	{"two_barriers", "", "", `kernel two_barriers, .*: stands at the __syncthreads of line \d+, others at that of line \d+`},
	{"lane_left", "", "", `kernel lane_left, .*: mma_bf16 needs all 32 lanes, but lane 31 has ended`},
	{"ballot_of_rest", "", "7f7f7f7f\n7f7f7f7f\n", ""},
	{"exchange", "", "wrong: xor 0, down 0, up 0, from 0, ballot 0, any and all 0, halves 0\n", ""},
	{"product_bf16", "", "as the loop\n", ""},
	{"product_f16", "", "as the loop\n", ""},
	{"ldmatrix", "", "0 wrong\n", ""},
	{"ldmatrix_transposed", "", "0 wrong\n", ""},

	// Streams: nothing is done before somebody waits.
	{"async_copy_read_early", "", "7\n7\n", ""},
	{"memset_without_stream", "", "0 0 0 0\n", ""}, // the copy is wiped
	{"memset_without_stream_blocking", "", "5 5 0 0\n", ""},
	{"memset_on_stream", "", "5 5 0 0\n", ""},
	{"streams_ordered", "", "2\n", ""},
	{"streams_unordered", "", "nan\n", ""},
	{"graph_replayed", "", "1\n8\n50\nlaunch of a destroyed graph 400\n", ""},

	// What a capture does not allow returns its code, and spoils it.
	{"capture_synchronize", "", spoilt(900), ""},
	{"capture_query", "", spoilt(900), ""},
	{"capture_synchronize_all", "", spoilt(900), ""},
	{"capture_alloc", "", spoilt(900), ""},
	{"capture_free", "", spoilt(900), ""},
	{"capture_alloc_host", "", spoilt(900), ""},
	{"capture_copy", "", spoilt(900), ""},
	{"capture_event_query", "", spoilt(907), ""},
	{"capture_event_synchronize", "", spoilt(907), ""},
	{"capture_other_event_query", "", spoilt(900), ""},
	{"capture_wait_outside", "", spoilt(905), ""},
	{"capture_end_elsewhere", "", spoilt(903), ""},
	{"capture_end_in_thread", "", spoilt(908), ""},
	{"capture_of_a_blocking_stream", "", "launch 0\nend 0\nlaunch 906\nend 901\n", ""},
	{"capture_global_alloc_in_thread", "", "launch 0\nalloc 900\nend 901\n", ""},
	{"capture_merged", "", "launch 0\nwait 902\nend 901\nend of the other 901\n", ""},
	{"capture_begun_twice", "", "launch 0\nbegin 401\nbegin on the standard stream 900\nend 0\n", ""},
	{"capture_not_begun", "", kept(401), ""},
	{"capture_allows_launches_elsewhere", "", kept(0), ""},
	{"capture_allows_alloc_in_thread", "", kept(0), ""},
	{"capture_unjoined", "", forked(904), ""},
	{"capture_joined", "", forked(0), ""},

	// Handles, contexts, and faults by request.
	{"wrong_handles", "", `stream destroyed 400
stream destroyed 400
stream unknown 400
event destroyed 400
event unknown 400
graph unknown 400
exec null 400
function null 400
function unknown 400
module unknown 400
kernel unknown 500
module unloaded 400
function of an unloaded module 400
image 200
free unknown 1
`, ""},
	{"wrong_launches", "", "more threads than the bound 701\nno block 1\nno parameters 1\ncopy past the end 1\n", ""},
	{"no_context", "", "alloc in another thread 201\ncount 0\nsynchronize 201\nunknown context 201\nsynchronize 0\ncontext released 201\n", ""},
	{"six_calls", "", sixCalls(0, 0, 600, 0, 0, 0), ""},
	{"six_calls", "STANDIN_FAIL=cuLaunchKernel#2:1", sixCalls(0, 1, 600, 0, 0, 0), ""},
	{"six_calls", "STANDIN_FAIL=10:2", sixCalls(0, 2, 600, 0, 0, 0), ""}, // four calls before, and two look a kernel up
	{"six_calls", "STANDIN_FAIL=cuLaunchKernel#1:2,cuMemFree_v2#1:3", sixCalls(2, 0, 600, 0, 3, 0), ""},
	{"six_calls", "STANDIN_FAIL=cuLaunchKernel#2:719", sixCalls(0, 719, 719, 719, 719, 719), ""},
	{"six_calls", "STANDIN_FAIL=kernel:scale:700", sixCalls(0, 0, 600, 700, 700, 700), ""},
	{"six_calls", "STANDIN_FAIL=kernel:fill:700", sixCalls(0, 0, 700, 700, 700, 700), ""},
	{"six_calls", "STANDIN_FAIL=cuLaunchKernel", "", `STANDIN_FAIL: "cuLaunchKernel" has no code`},
	{"six_calls", "STANDIN_FAIL=first:2", "", `STANDIN_FAIL: "first" is not a number`},
}

// spoilt is what FORBIDDEN prints of a call that ends in a code.
func spoilt(code int) string {
	return "launch 0\ncall " + strconv.Itoa(code) + "\nlaunch 901\nend 901\nlaunch 0\nsynchronize 0\n"
}

// kept is the same for a call that leaves the capture as it is.
func kept(code int) string {
	return "launch 0\ncall " + strconv.Itoa(code) + "\nlaunch 0\nend 0\nlaunch 0\nsynchronize 0\n"
}

func forked(code int) string {
	return "launch 0\nend " + strconv.Itoa(code) +
		"\nlaunch on the other stream 0\nwait for an event of the capture 907\nquery it 907\nsynchronize 0\n7 7\n"
}

func sixCalls(codes ...int) string {
	var text strings.Builder
	for i, name := range []string{"launch", "launch", "query", "synchronize", "free", "destroy"} {
		text.WriteString(name + " " + strconv.Itoa(codes[i]) + "\n")
	}
	return text.String()
}

func TestStandin(t *testing.T) {
	b := standin.New(t, "testdata/planted.cu", "")
	program := b.Program(t, "testdata/planted.cpp", "testdata/faults.cpp", "testdata/calls.cpp", "testdata/capture.cpp", "testdata/warp.cpp")
	for _, c := range scenarios {
		t.Run(strings.TrimRight(c.name+" "+c.env, " "), func(t *testing.T) {
			output, stopped := run(t, program, c.name, c.env)
			if output != c.output {
				t.Errorf("printed\n%swant\n%s", output, c.output)
			}
			if (c.stopped == "") != (stopped == "") || !regexp.MustCompile(c.stopped).MatchString(stopped) {
				t.Errorf("stopped by %q, want %q", stopped, c.stopped)
			}
		})
	}
	t.Run("shuffles", func(t *testing.T) { checkShuffles(t, program) })
	t.Run("leaks", func(t *testing.T) { checkLog(t, program) })
}

// checkShuffles looks how many results there are under many seeds: several where an
// order is missing, one where all is in order.
func checkShuffles(t *testing.T, program string) {
	for name, many := range map[string]bool{
		"reverse_unguarded": true, "reverse": false,
		"graph_without_order": true, "graph_replayed": false,
		"exchange": false, "ballot_of_rest": false,
	} {
		seen := map[string]bool{}
		for seed := range 16 {
			output, stopped := run(t, program, name, "STANDIN_SHUFFLE="+strconv.Itoa(seed))
			if stopped != "" {
				t.Fatalf("%s: %s", name, stopped)
			}
			seen[output] = true
		}
		if len(seen) > 1 != many {
			t.Errorf("%s: %d different results", name, len(seen))
		}
	}
}

func checkLog(t *testing.T, program string) {
	log := filepath.Join(t.TempDir(), "log")
	if _, stopped := run(t, program, "leaks", "STANDIN_LOG="+log); stopped != "" {
		t.Fatal(stopped)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	held := strings.Join(strings.Fields(lines[len(lines)-1]), " ")
	if want := "held memory=1 pinned=1 streams=1 events=2 graphs=0 modules=1"; held != want {
		t.Errorf("the log ends with %q, want %q", held, want)
	}
	if first := "1 cuInit"; lines[0] != first {
		t.Errorf("the log begins with %q, want %q", lines[0], first)
	}
}

// run returns what a scenario prints, without blanks at the ends of lines, and what the
// stand-in says if it stops the program.
func run(t *testing.T, program, scenario, env string) (output, stopped string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, scenario)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "STANDIN_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || stderr.Len() == 0) {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.ReplaceAll(string(out), " \n", "\n"), stderr.String()
}
