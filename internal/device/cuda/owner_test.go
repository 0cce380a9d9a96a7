//go:build cuda && linux && cgo

package cuda

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgcls/internal/device"
	"imgcls/internal/plan"
)

// ticked returns an owner whose patience is counted in the ticks that tick sends.
func ticked(t *testing.T) (o *owner, tick func(n int)) {
	o = &owner{requests: make(chan request), answers: make(chan error, 1), lost: make(chan struct{}), patience: time.Second}
	c := make(chan time.Time)
	go o.watch(c)
	t.Cleanup(func() { o.fail(errClosed) })
	return o, func(n int) {
		for range n {
			select {
			case c <- time.Time{}:
			case <-o.lost:
			}
		}
	}
}

// A wait hangs when it alone was found by more ticks than make up the patience.
func TestWatchdog(t *testing.T) {
	o, tick := ticked(t)
	tick(3 * ticks) // nothing is waited for
	for step := range uint64(3) {
		o.begins(nil, step)
		tick(ticks - 1) // and perhaps one that was sent before
	}
	o.ended()
	tick(3 * ticks) // what comes after a wait is no wait
	if !o.alive() {
		t.Fatalf("waits that end in time: %v", o.cause)
	}
	o.begins(&entry{name: "train@8"}, 7)
	tick(ticks + 1)
	select {
	case <-o.lost:
	case <-time.After(10 * time.Second):
		t.Fatal("a wait that does not end is not found")
	}
	if !strings.Contains(o.cause.Error(), "step 7 of this process (train@8 was started last) has not ended within 1s") {
		t.Error(o.cause)
	}
}

// After each request of a program nothing is waited for any more, so that no later
// work counts as a wait.
func TestWaitsEnd(t *testing.T) {
	g := open(t, Options{}).(*gpu)
	p := newProgram(g, &plan.Module{Arena: plan.Align})
	idle := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if g.owner.waiting.Load() != 0 {
			t.Errorf("%s: a wait has not ended", what)
		}
	}
	within := func(what string, do func() error) {
		t.Helper()
		idle(what, g.owner.ask(request{do: func(request) error {
			err := do()
			idle(what+", inside", err)
			return err
		}}))
	}
	within("compile", p.compile)
	within("settle", p.settle)
	within("upload", func() error { return p.upload(p.memory.base, device.Bytes(make([]int64, 2))) })
	if g.owner.waits == 0 {
		t.Error("nothing was waited for")
	}
	idle("close", p.Close())
}

// A process that is stopped for longer than the patience goes on where it was: the
// test runs itself, stops that, and lets it go on.
func TestStoppedProcess(t *testing.T) {
	const patience, stop = 800 * time.Millisecond, 2 * time.Second
	if os.Getenv("IMGCLS_TEST_STOPPED") != "" {
		o := newOwner(patience)
		err := o.ask(request{do: func(request) error {
			o.begins(nil, 1)
			defer o.ended()
			os.Stderr.WriteString("waiting\n")
			for range 10 { // some of them when it goes on, for the watchdog to look
				time.Sleep(patience / 16)
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestStoppedProcess$")
	cmd.Env = append(os.Environ(), "IMGCLS_TEST_STOPPED=1")
	var stdout strings.Builder
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stderr).ReadString('\n'); line != "waiting\n" {
		t.Errorf("%q, %v", line, err)
	}
	time.Sleep(patience / 8) // the watchdog looks
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
		if s == syscall.SIGSTOP {
			time.Sleep(stop)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stdout)
	}
}
