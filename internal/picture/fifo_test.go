//go:build unix

package picture

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Opening a named pipe would wait for ever, there being no writer.
func TestOpenRefusesAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jpg")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Open(path, Default)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || err.Error() != "not a regular file" {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Open waits for a writer")
	}
}
