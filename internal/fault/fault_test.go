package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{New(Data, "picture", "a.png", "convert it", "is %d bytes", 3), `picture: "a.png": is 3 bytes; convert it`},
		{New(Usage, "--lr", "", "", "is below 0"), `--lr: is below 0`},
		{New(Usage, "", "", "try -h", "no"), `no; try -h`},
		{New(Model, "model file", "\x1b[31m", "", "bad"), `model file: "\x1b[31m": bad`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	cause := New(Room, "log", "x", "", "cannot be written: %w", fs.ErrPermission)
	wrapped := fmt.Errorf("saving: %w", cause)
	if KindOf(wrapped) != Room || !errors.Is(wrapped, fs.ErrPermission) {
		t.Errorf("kind %d, cause lost: %v", KindOf(wrapped), wrapped)
	}
	if k := KindOf(errors.New("plain")); k != Bug {
		t.Errorf("a plain error has kind %d, want Bug", k)
	}
}

func TestQuoteCuts(t *testing.T) {
	got := Quote(strings.Repeat("é", 1<<20))
	if n := len([]rune(got)); n != 203 { // 200, two quotes, an ellipsis
		t.Errorf("%d characters", n)
	}
}

func TestCause(t *testing.T) {
	wrapped := fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})
	plain := errors.New("plain")
	if got := Cause(wrapped); got != fs.ErrNotExist {
		t.Errorf("cause %v", got)
	}
	if got := Cause(plain); got != plain {
		t.Errorf("cause of a plain error is %v", got)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 30_730_000: "30,730,000"} {
		if got := Grouped(n); got != want {
			t.Errorf("Grouped(%d) = %s, want %s", n, got, want)
		}
	}
}
