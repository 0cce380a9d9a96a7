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
)

// The first signal asks, the second insists, and both leave their exit code.
func TestSignals(t *testing.T) {
	for _, row := range []struct {
		way     string
		signals []syscall.Signal
		code    int
	}{
		{"obey", []syscall.Signal{syscall.SIGINT}, 130},
		{"obey", []syscall.Signal{syscall.SIGTERM}, 143},
		{"ignore", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"ignore", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 143},
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
			for _, s := range row.signals {
				if !lines.Scan() {
					t.Fatal("ended before the signal")
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != row.code {
				t.Errorf("%v, want exit code %d", err, row.code)
			}
		})
	}
}
