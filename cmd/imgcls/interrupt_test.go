//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// The first signal asks, a later one insists, and both leave their exit code. A
// second one in a burst, and the end that a warning announced, do not insist.
func TestSignals(t *testing.T) {
	hearHangUps(t)
	for _, row := range []struct {
		way     string
		signals []syscall.Signal
		gap     time.Duration // between them
		code    int
	}{
		{"obey", []syscall.Signal{syscall.SIGINT}, 0, 130},
		{"obey", []syscall.Signal{syscall.SIGTERM}, 0, 143},
		{"ignore", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 3 * burst / 2, 130},
		{"ignore", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 3 * burst / 2, 143},
		{"ignore", []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGTERM}, 3 * burst / 2, 143},
		{"save", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, time.Millisecond, 143},
		{"save", []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM}, 3 * burst / 2, 138},
		{"save", []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP}, 3 * burst / 2, 138},
	} {
		t.Run(fmt.Sprint(row.way, row.signals), func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Env = append(os.Environ(), waitVariable+"="+row.way)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for i, s := range row.signals {
				if i < 2 && !lines.Scan() {
					t.Fatal("ended before the signal")
				}
				if i > 0 {
					time.Sleep(row.gap)
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			if saved := lines.Scan(); saved != (row.way == "save") {
				t.Errorf("saved: %v", saved)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != row.code {
				t.Errorf("%v, want exit code %d", err, row.code)
			}
		})
	}
}
