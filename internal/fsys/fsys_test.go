package fsys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
)

var (
	old   = bytes.Repeat([]byte("old "), 50_000)
	fresh = bytes.Repeat([]byte("fresh "), 50_000)
)

var faults = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EINTR, syscall.EROFS,
	syscall.EACCES, syscall.EMFILE, io.ErrShortWrite}

// failing makes the call number n of the process's next calls fail and returns
// which one it was.
func failing(t *testing.T, n int, cause error) (hit *Call) {
	t.Helper()
	hit = new(Call)
	count := 0
	t.Cleanup(Inject(func(call Call, path string) error {
		count++
		if count == n {
			*hit = call
			return cause
		}
		return nil
	}))
	return hit
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everyFailure runs op once for every system call it makes and every fault,
// and has check look at the folder afterwards.
func everyFailure(t *testing.T, prepare func(dir string), op func(dir string) error,
	check func(t *testing.T, dir string, hit Call)) {
	t.Helper()
	for _, cause := range faults {
		for n := 1; ; n++ {
			var done bool
			t.Run(fmt.Sprintf("%v/%d", cause, n), func(t *testing.T) {
				dir := t.TempDir()
				prepare(dir)
				hit := failing(t, n, cause)
				err := op(dir)
				if *hit == "" {
					done = true
					if err != nil {
						t.Fatalf("nothing failed, yet %v", err)
					}
					return
				}
				if !errors.Is(err, cause) || fault.KindOf(err) != fault.Room {
					t.Fatalf("%s failed with %v, got %v", *hit, cause, err)
				}
				check(t, dir, *hit)
			})
			if done {
				if n < 3 {
					t.Fatalf("only %d calls pass the seam", n-1)
				}
				break
			}
		}
	}
}

func TestWriteSurvivesEveryFailure(t *testing.T) {
	everyFailure(t,
		func(dir string) { os.WriteFile(filepath.Join(dir, "model"), old, 0o644) },
		func(dir string) error { return WriteFile(filepath.Join(dir, "model"), fresh) },
		func(t *testing.T, dir string, hit Call) {
			want := old
			if hit == CallSyncDir { // the new file is in place by then
				want = fresh
			}
			if !bytes.Equal(read(t, filepath.Join(dir, "model")), want) {
				t.Errorf("after a failed %s the file is damaged", hit)
			}
			if diff := cmp.Diff([]string{"model"}, names(t, dir)); diff != "" {
				t.Errorf("after a failed %s: %s", hit, diff)
			}
		})
}

func TestLinkSurvivesEveryFailure(t *testing.T) {
	needLinks(t)
	everyFailure(t,
		func(dir string) { os.Symlink("one", filepath.Join(dir, "latest")) },
		func(dir string) error { return Link("two", filepath.Join(dir, "latest")) },
		func(t *testing.T, dir string, hit Call) {
			want := "one"
			if hit == CallSyncDir {
				want = "two"
			}
			if got, _ := os.Readlink(filepath.Join(dir, "latest")); got != want {
				t.Errorf("after a failed %s the link points to %q", hit, got)
			}
			if diff := cmp.Diff([]string{"latest"}, names(t, dir)); diff != "" {
				t.Errorf("after a failed %s: %s", hit, diff)
			}
		})
}

func TestLogSurvivesEveryFailure(t *testing.T) {
	everyFailure(t,
		func(dir string) { os.WriteFile(filepath.Join(dir, "log"), []byte("first\n"), 0o644) },
		func(dir string) error {
			l, err := Append(filepath.Join(dir, "log"))
			if err != nil {
				return err
			}
			_, err = io.WriteString(l, "second\n")
			return errors.Join(err, l.Sync(), l.Close())
		},
		func(t *testing.T, dir string, hit Call) {
			want := "first\nsecond\n"
			if hit == CallOpen || hit == CallWrite {
				want = "first\n"
			}
			if got := string(read(t, filepath.Join(dir, "log"))); got != want {
				t.Errorf("after a failed %s: %q", hit, got)
			}
		})
}

func TestTrialSurvivesEveryFailure(t *testing.T) {
	everyFailure(t, func(string) {}, Trial, func(t *testing.T, dir string, hit Call) {
		if left := names(t, dir); len(left) > 0 && hit != CallRemove {
			t.Errorf("after a failed %s: %q", hit, left)
		}
	})
}

func TestWriteInSurvivesEveryFailure(t *testing.T) {
	everyFailure(t, func(string) {}, func(dir string) error {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		return WriteIn(root, "file", func(w io.Writer) error {
			_, err := w.Write(fresh)
			return err
		})
	}, func(*testing.T, string, Call) {})
}

func TestLogWritesOnAfterTornWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := Append(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	io.WriteString(l, "one\n")
	restore := Inject(func(call Call, _ string) error {
		if call == CallWrite || call == CallTruncate {
			return syscall.ENOSPC
		}
		return nil
	})
	_, err = io.WriteString(l, "a long line that does not fit\n")
	restore()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	io.WriteString(l, "a line of the length it takes\n")
	if got, want := string(read(t, path)), "one\na line of the length it takes\n"; got != want || l.Size() != int64(len(want)) {
		t.Errorf("got %q of %d bytes", got, l.Size())
	}
	if err := l.Reset(); err != nil || l.Size() != 0 || len(read(t, path)) != 0 {
		t.Errorf("after Reset: %v, %d bytes", err, l.Size())
	}
}

func TestWriteReplacesLinksNotTheirTargets(t *testing.T) {
	needLinks(t)
	for kind, link := range map[string]func(target, path string) error{"symlink": os.Symlink, "hardlink": os.Link} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			target, path := filepath.Join(dir, "target"), filepath.Join(dir, "path")
			os.WriteFile(target, old, 0o644)
			if err := link(target, path); err != nil {
				t.Fatal(err)
			}
			if err := WriteFile(path, fresh); err != nil {
				t.Fatal(err)
			}
			if info, _ := os.Lstat(path); !info.Mode().IsRegular() || !bytes.Equal(read(t, path), fresh) {
				t.Error("the link was not replaced")
			}
			if !bytes.Equal(read(t, target), old) {
				t.Error("the link's target was touched")
			}
		})
	}
}

func TestErrorsOfFillPassUnchanged(t *testing.T) {
	dir := t.TempDir()
	mine := errors.New("mine")
	for name, write := range map[string]func() error{
		"Write": func() error {
			return Write(filepath.Join(dir, "file"), func(io.Writer) error { return mine })
		},
		"WriteIn": func() error {
			root, _ := os.OpenRoot(t.TempDir())
			defer root.Close()
			return WriteIn(root, "file", func(io.Writer) error { return mine })
		},
	} {
		if err := write(); err != mine {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestPanicInFillLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { recover() }()
		Write(filepath.Join(dir, "file"), func(io.Writer) error { panic("bug") })
	}()
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "file"), old, 0o644)
	os.Mkdir(filepath.Join(dir, "folder"), 0o755)
	long := strings.Repeat("n", 300)
	root, _ := os.OpenRoot(dir)
	defer root.Close()
	tests := []struct {
		name string
		op   func() error
		want string
		is   error
	}{
		{"file over folder", func() error { return WriteFile(filepath.Join(dir, "folder"), fresh) },
			`writing file: "` + filepath.Join(dir, "folder") + `": is not a regular file; choose another name`, errIrregular},
		{"missing folder", func() error { return WriteFile(filepath.Join(dir, "no", "file"), fresh) }, "no such file or folder; check", fs.ErrNotExist},
		{"file as folder", func() error { return WriteFile(filepath.Join(dir, "file", "x"), fresh) }, "", nil},
		{"long name", func() error { return WriteFile(filepath.Join(dir, long), fresh) }, "", nil},
		{"new folder exists", func() error { return Mkdir(filepath.Join(dir, "folder")) }, "exists already", fs.ErrExist},
		{"folder over file", func() error { return MkdirAll(filepath.Join(dir, "file")) }, "", nil},
		{"link over file", func() error { return Link("x", filepath.Join(dir, "file")) }, "exists already", fs.ErrExist},
		{"log over folder", func() error { _, err := Append(filepath.Join(dir, "folder")); return err }, "is not a regular file", errIrregular},
		{"rename of nothing", func() error { return Rename(filepath.Join(dir, "no"), filepath.Join(dir, "yes")) }, "no such file", fs.ErrNotExist},
		{"remove of nothing", func() error { return Remove(filepath.Join(dir, "no")) }, "no such file", fs.ErrNotExist},
		{"trial in nothing", func() error { return Trial(filepath.Join(dir, "no")) }, "no such file", fs.ErrNotExist},
		{"out of the root", func() error { return WriteIn(root, "../out", func(io.Writer) error { return nil }) }, "escapes", nil},
		{"in place of a file", func() error { return WriteIn(root, "file", func(io.Writer) error { return nil }) }, "exists already", fs.ErrExist},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.op()
			if fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v", err)
			}
		})
	}
	if diff := cmp.Diff([]string{"file", "folder"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() <= 0 || runtime.GOOS == "windows" {
		t.Skip("needs a user to whom modes apply")
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o555)
	defer os.Chmod(dir, 0o755)
	for _, err := range []error{Trial(dir), WriteFile(filepath.Join(dir, "x"), old), Mkdir(filepath.Join(dir, "y"))} {
		if !errors.Is(err, fs.ErrPermission) || fault.KindOf(err) != fault.Room {
			t.Errorf("got %v", err)
		}
	}
}

func TestMessagesNameTheTargetNotTheTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	failing(t, 3, syscall.ENOSPC)
	err := WriteFile(path, fresh)
	want := fmt.Sprintf(`writing file: %q: no space left on the disk; free some space or choose a folder on another disk`, path)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestTreeCalls(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	for _, err := range []error{
		MkdirAll(deep), MkdirAll(deep), Mkdir(filepath.Join(deep, "c")),
		WriteFile(filepath.Join(deep, "c", "file"), old),
		Rename(filepath.Join(deep, "c"), filepath.Join(deep, "d")),
		Remove(filepath.Join(deep, "d", "file")),
		RemoveAll(filepath.Join(dir, "a")), RemoveAll(filepath.Join(dir, "a")),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestModeFollowsUmask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := t.TempDir()
	WriteFile(filepath.Join(dir, "ours"), old)
	plain, _ := os.OpenFile(filepath.Join(dir, "plain"), os.O_CREATE|os.O_WRONLY, 0o644)
	plain.Close()
	a, _ := os.Stat(filepath.Join(dir, "ours"))
	b, _ := os.Stat(filepath.Join(dir, "plain"))
	if a.Mode() != b.Mode() {
		t.Errorf("mode %v, want %v", a.Mode(), b.Mode())
	}
}

func TestLinkReplacesLink(t *testing.T) {
	needLinks(t)
	path := filepath.Join(t.TempDir(), "latest")
	for _, target := range []string{"one", "two"} {
		if err := Link(target, path); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.Readlink(path); got != target {
			t.Errorf("points to %q, want %q", got, target)
		}
	}
}

func needLinks(t *testing.T) {
	t.Helper()
	if err := os.Symlink("x", filepath.Join(t.TempDir(), "link")); err != nil {
		t.Skip("no symbolic links here")
	}
}

func TestWriteSyncsFileThenFolder(t *testing.T) {
	var calls []Call
	defer Inject(func(call Call, path string) error {
		calls = append(calls, call)
		return nil
	})()
	if err := WriteFile(filepath.Join(t.TempDir(), "file"), []byte("short")); err != nil {
		t.Fatal(err)
	}
	want := []Call{CallStat, CallOpen, CallWrite, CallSync, CallClose, CallRename, CallSyncDir}
	if runtime.GOOS == "windows" {
		want = want[:len(want)-1]
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
}
