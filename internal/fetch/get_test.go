package fetch

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// content is what the servers have: long enough for many reads.
var content = func() []byte {
	b := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

func theFile(urls ...string) File {
	return File{
		Name: "set.tar.gz", Size: int64(len(content)), URLs: urls,
		MD5: fmt.Sprintf("%x", md5.Sum(content)), SHA256: fmt.Sprintf("%X", sha256.Sum256(content)),
	}
}

// fast are limits that waste no time and that a busy machine keeps: only the
// tests of stall and window shorten these.
func fast() *limits {
	return &limits{connect: 10 * time.Second, header: 10 * time.Second, stall: 10 * time.Second,
		window: 10 * time.Second, slow: 200e3, pause: time.Millisecond, tries: 3}
}

// serve starts a TLS server and gives the address of the file on it.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewTLSServer(h)
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s.URL + "/set.tar.gz"
}

// options trust every test server: they share one certificate.
func options(t *testing.T) Options {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	transport := s.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	return Options{limits: fast(), transport: transport}
}

// good serves the file with ranges.
func good(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
}

// cutAt serves the file with ranges but ends the connection once the answer
// reaches the byte given.
func cutAt(w http.ResponseWriter, r *http.Request, at int) {
	from := 0
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
	}
	w.Write(content[from:max(from, at)])
	if at < len(content) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// brought wants the file at path, whole, and nothing else but the lock.
func brought(t *testing.T, path string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != string(content) {
		t.Errorf("the file is wrong (%d bytes, %v)", len(got), err)
	}
	holds(t, filepath.Dir(path), "set.tar.gz")
}

// holds wants exactly these files in dir, the lock aside.
func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, _ := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			got = append(got, e.Name())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folder: %s", diff)
	}
}

func failed(t *testing.T, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if fault.KindOf(err) != kind {
		t.Errorf("kind %d, want %d", fault.KindOf(err), kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
}

func TestGetThenNoNetwork(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); good(w, r) })
	dir := filepath.Join(t.TempDir(), "new", "folder")
	opt := options(t)
	var last Progress
	opt.Progress = func(p Progress) {
		if p.Done < last.Done {
			t.Errorf("progress from %d to %d", last.Done, p.Done)
		}
		last = p
	}
	path, err := Get(t.Context(), theFile(url), dir, opt)
	brought(t, path, err)
	// Nor does the second call write anything.
	defer fsys.Inject(func(fsys.Call, string) error { return syscall.EROFS })()
	path, err = Get(t.Context(), theFile(url), dir, opt)
	brought(t, path, err)
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	if last.Done != last.Total || last.Total != int64(len(content)) || last.Rate <= 0 || last.URL != url {
		t.Errorf("last progress %+v", last)
	}
}

func TestResumesAfterEveryCutWithinACall(t *testing.T) {
	const cuts = 50
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cutAt(w, r, int(asked.Add(1))*len(content)/cuts)
	})
	path, err := Get(t.Context(), theFile(url), t.TempDir(), options(t))
	brought(t, path, err)
	if asked.Load() < cuts {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestResumesInTheNextCall(t *testing.T) {
	var cut atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cutAt(w, r, int(cut.Load()))
	})
	opt := options(t)
	opt.limits.tries = 1
	for i := range 50 {
		at := int64(i*(len(content)-1)/49) + 1
		dir := t.TempDir()
		cut.Store(at)
		if at < int64(len(content)) {
			_, err := Get(t.Context(), theFile(url), dir, opt)
			failed(t, err, fault.Download, "of 0.3 MB", "set.tar.gz.part kept, the next call goes on", url)
			holds(t, dir, "set.tar.gz.part")
			if info, _ := os.Stat(filepath.Join(dir, "set.tar.gz.part")); info.Size() != at {
				t.Errorf("cut at %d, %d bytes kept", at, info.Size())
			}
		}
		cut.Store(int64(len(content)))
		path, err := Get(t.Context(), theFile(url), dir, opt)
		brought(t, path, err)
	}
}

func TestRangeIgnoredStartsOver(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		if asked.Add(1) == 1 {
			cutAt(w, r, 100_000)
		}
		good(w, r)
	})
	path, err := Get(t.Context(), theFile(url), t.TempDir(), options(t))
	brought(t, path, err)
}

func TestRangeIgnoredAndCutEachTimeEnds(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		cutAt(w, r, 100_000)
	})
	dir := t.TempDir()
	_, err := Get(t.Context(), theFile(url), dir, options(t))
	failed(t, err, fault.Download, "0.1 of 0.3 MB", ".part kept")
}

func TestChangedETagStartsOver(t *testing.T) {
	var asked atomic.Int32
	var condition string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Write(make([]byte, 100_000)) // another file
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		condition = r.Header.Get("If-Range")
		w.Header().Set("ETag", `"two"`)
		good(w, r)
	})
	path, err := Get(t.Context(), theFile(url), t.TempDir(), options(t))
	brought(t, path, err)
	if condition != `"one"` {
		t.Errorf("If-Range %q", condition)
	}
}

func TestWrongBytes(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		wrong := append([]byte(nil), content...)
		wrong[77] ^= 1
		w.Write(wrong)
	})
	dir := t.TempDir()
	f := theFile(url)
	_, err := Get(t.Context(), f, dir, options(t))
	failed(t, err, fault.Data, "MD5 is", "wanted "+f.MD5, "SHA-256 is", f.SHA256, "set.tar.gz.bad")
	holds(t, dir, "set.tar.gz.bad")
}

func TestEachSumIsChecked(t *testing.T) {
	url := serve(t, good)
	for name, spoil := range map[string]func(*File){
		"MD5":     func(f *File) { f.MD5 = strings.Repeat("0", 32) },
		"SHA-256": func(f *File) { f.SHA256 = strings.Repeat("0", 64) },
	} {
		f := theFile(url)
		spoil(&f)
		_, err := Get(t.Context(), f, t.TempDir(), options(t))
		failed(t, err, fault.Data, name+" is", "wanted 000000")
	}
}

func TestRefusedAnswers(t *testing.T) {
	foreign := serve(t, good)
	plain := httptest.NewServer(http.HandlerFunc(good))
	defer plain.Close()
	page := "<!DOCTYPE html><html><body>Welcome to the hotel. Please log in.</body></html>"
	tests := []struct {
		name   string
		handle http.HandlerFunc
		want   string
	}{
		{"page", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, page) }, "web page in place of the file"},
		{"page said to be a tar", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/gzip")
			fmt.Fprint(w, page)
		}, "web page in place of the file"},
		{"page of the right length", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, page+strings.Repeat(" ", len(content)-len(page)))
		}, "web page in place of the file"},
		{"redirect to http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+"/set.tar.gz", http.StatusFound)
		}, "not https: not followed"},
		{"redirect to a foreign host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, foreign, http.StatusMovedPermanently)
		}, "a foreign host: not followed"},
		{"redirect to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "not https: not followed"},
		{"redirects without end", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, "more than 5 times"},
		{"other length", func(w http.ResponseWriter, r *http.Request) { w.Write(content[:1000]) }, "offers 1000 bytes, the file has 300000"},
		{"not there", http.NotFound, "answers 404 Not Found"},
		{"forbidden", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }, "answers 403 Forbidden"},
		{"always busy", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, "answers 503 Service Unavailable"},
		{"range not asked for", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/300000")
			w.WriteHeader(206)
			w.Write(content[5:10])
		}, "answers with range"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := serve(t, test.handle)
			dir := t.TempDir()
			_, err := Get(t.Context(), theFile(url), dir, options(t))
			failed(t, err, fault.Download, test.want, url)
			holds(t, dir)
		})
	}
}

func TestRefusalKeepsAnEarlierPart(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, "set.tar.gz.part")
	os.WriteFile(part, content[:5000], 0o644)
	page := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in</html>") })
	_, err := Get(t.Context(), theFile(page), dir, options(t))
	failed(t, err, fault.Download, "web page")
	if got, _ := os.ReadFile(part); string(got) != string(content[:5000]) {
		t.Errorf("%d bytes kept", len(got))
	}
	path, err := Get(t.Context(), theFile(page, serve(t, good)), dir, options(t))
	brought(t, path, err)
}

func TestPartsOfEveryLength(t *testing.T) {
	url := serve(t, good)
	for _, n := range []int{0, 1, len(content) - 1, len(content), len(content) + 1} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "set.tar.gz.part"), append(append([]byte(nil), content...), 'x')[:n], 0o644)
		path, err := Get(t.Context(), theFile(url), dir, options(t))
		brought(t, path, err)
	}
}

func TestRedirectsThatAreFollowed(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/elsewhere" {
			w.WriteHeader(404)
			return
		}
		good(w, r)
	})
	host := strings.TrimSuffix(other, "/set.tar.gz")
	within := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set.tar.gz" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		good(w, r)
	})
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, host+"/elsewhere", http.StatusFound)
	})
	for name, urls := range map[string][]string{"within the host": {within}, "to another address of the list": {to, other}} {
		t.Run(name, func(t *testing.T) {
			path, err := Get(t.Context(), theFile(urls...), t.TempDir(), options(t))
			brought(t, path, err)
		})
	}
}

func TestNextAddressWhereOneIsDead(t *testing.T) {
	closed := httptest.NewTLSServer(nil)
	closed.Close()
	path, err := Get(t.Context(), theFile(closed.URL+"/set.tar.gz", serve(t, good)), t.TempDir(), options(t))
	brought(t, path, err)
}

func TestBusyServerIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		good(w, r)
	})
	path, err := Get(t.Context(), theFile(url), t.TempDir(), options(t))
	brought(t, path, err)
}

// drip serves ranges at about so many bytes a second.
func drip(rate int, asked *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		from := 0
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		const pause = 10 * time.Millisecond
		step := rate / int(time.Second/pause)
		for at := from; at < len(content) && r.Context().Err() == nil; at += step {
			w.Write(content[at:min(at+step, len(content))])
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	}
}

func TestSlowAddressGivesWay(t *testing.T) {
	var slow, second atomic.Int32
	first := serve(t, drip(50_000, &slow))
	next := serve(t, func(w http.ResponseWriter, r *http.Request) {
		second.Add(1)
		if r.Header.Get("Range") == "" {
			t.Error("the second address was asked from the start")
		}
		good(w, r)
	})
	opt := options(t)
	opt.limits.window = 200 * time.Millisecond
	var warned []string
	opt.Warn = func(text string) { warned = append(warned, text) }
	path, err := Get(t.Context(), theFile(first, next), t.TempDir(), opt)
	brought(t, path, err)
	if slow.Load() != 1 || second.Load() != 1 || len(warned) != 1 || !strings.Contains(warned[0], first+" is slow") {
		t.Errorf("asked %d and %d times, warned %q", slow.Load(), second.Load(), warned)
	}
}

func TestAllSlowGoesOnWithTheFastest(t *testing.T) {
	var a, b, c atomic.Int32
	opt := options(t)
	opt.limits.window, opt.limits.slow = 100*time.Millisecond, 1e9
	f := theFile(serve(t, drip(100_000, &a)), serve(t, drip(2_000_000, &b)), serve(t, drip(150_000, &c)))
	path, err := Get(t.Context(), f, t.TempDir(), opt)
	brought(t, path, err)
	if a.Load() != 1 || b.Load() > 2 || c.Load() > 1 {
		t.Errorf("asked %d, %d and %d times", a.Load(), b.Load(), c.Load())
	}
}

func TestOnlyAddressIsNeverTooSlow(t *testing.T) {
	var asked atomic.Int32
	opt := options(t)
	opt.limits.window, opt.limits.slow = 100*time.Millisecond, 1e12
	path, err := Get(t.Context(), theFile(serve(t, drip(600_000, &asked))), t.TempDir(), opt)
	brought(t, path, err)
	if asked.Load() != 2 { // measured, then asked again with patience
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestSilentAddress(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	opt := options(t)
	opt.limits.stall = 100 * time.Millisecond
	dir := t.TempDir()
	_, err := Get(t.Context(), theFile(url), dir, opt)
	failed(t, err, fault.Download, "no bytes came", url)
	holds(t, dir)
}

func TestStalledAddressGivesWay(t *testing.T) {
	stalled := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	opt := options(t)
	opt.limits.stall = 300 * time.Millisecond
	path, err := Get(t.Context(), theFile(stalled, serve(t, good)), t.TempDir(), opt)
	brought(t, path, err)
}

func TestMirror(t *testing.T) {
	var path string
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		good(w, r)
	}))
	defer mirror.Close()
	never := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked in spite of the mirror") })
	for given, want := range map[string]string{
		"":                   "/set.tar.gz",
		"/":                  "/set.tar.gz",
		"/sets":              "/sets/set.tar.gz",
		"/sets/":             "/sets/set.tar.gz",
		"/sets/set.tar.gz":   "/sets/set.tar.gz",
		"/sets/other.tar.gz": "/sets/other.tar.gz/set.tar.gz",
	} {
		opt := options(t)
		opt.Mirror = mirror.URL + given
		got, err := Get(t.Context(), theFile(never), t.TempDir(), opt)
		brought(t, got, err)
		if path != want {
			t.Errorf("%q asks for %q, want %q", given, path, want)
		}
	}
}

func TestMirrorOverTheUsualTransport(t *testing.T) {
	mirror := httptest.NewServer(http.HandlerFunc(good))
	defer mirror.Close()
	path, err := Get(t.Context(), theFile(), t.TempDir(), Options{Mirror: mirror.URL})
	brought(t, path, err)
}

func TestMirrorsThatAreNone(t *testing.T) {
	for _, mirror := range []string{"ftp://host/x", "host/x", "https://", "file:///etc", "%zz", "-"} {
		opt := options(t)
		opt.Mirror = mirror
		dir := filepath.Join(t.TempDir(), "cache")
		_, err := Get(t.Context(), theFile(), dir, opt)
		failed(t, err, fault.Usage, "--mirror")
		if _, err := os.Stat(dir); err == nil {
			t.Error("the folder was made")
		}
	}
}

func TestHttpMirrorMayNotLeadAway(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(good))
	defer other.Close()
	mirror := httptest.NewServer(http.RedirectHandler(other.URL+"/set.tar.gz", http.StatusFound))
	defer mirror.Close()
	opt := options(t)
	opt.Mirror = mirror.URL
	_, err := Get(t.Context(), theFile(), t.TempDir(), opt)
	failed(t, err, fault.Download, "not https")
}

func TestPlainHttpInTheListIsABug(t *testing.T) {
	_, err := Get(t.Context(), theFile("http://127.0.0.1/set.tar.gz"), t.TempDir(), options(t))
	failed(t, err, fault.Bug, "not https")
}

func TestCancelKeepsThePart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content[:200_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	dir := t.TempDir()
	opt := options(t)
	opt.Progress = func(p Progress) {
		if p.Done == 200_000 {
			cancel()
		}
	}
	_, err := Get(ctx, theFile(url), dir, opt)
	failed(t, err, fault.Download, "interrupted at 0.2 of 0.3 MB", ".part kept")
	if !errors.Is(err, context.Canceled) {
		t.Error("not context.Canceled")
	}
	holds(t, dir, "set.tar.gz.part")
}

func TestTwoAtOnceDownloadOnce(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(50 * time.Millisecond)
		good(w, r)
	})
	dir := t.TempDir()
	opt := options(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := Get(t.Context(), theFile(url), dir, opt); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestWaitForTheLockEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(t.Context(), filepath.Join(dir, ".set.tar.gz.lock"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	opt := options(t)
	opt.Warn = func(string) { cancel() }
	_, err = Get(ctx, theFile(), dir, opt)
	failed(t, err, fault.Download, "interrupted")
}

func TestLockThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, ".set.tar.gz.lock"), 0o755)
	_, err := Get(t.Context(), theFile(serve(t, good)), dir, options(t))
	failed(t, err, fault.Room, "opening lock")
	holds(t, dir)
}

func TestWrongFileInPlaceIsPutAside(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "set.tar.gz"), []byte("something else"), 0o644)
	if _, err := Get(t.Context(), theFile(serve(t, good)), dir, options(t)); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, "set.tar.gz", "set.tar.gz.bad")
	if got, _ := os.ReadFile(filepath.Join(dir, "set.tar.gz.bad")); string(got) != "something else" {
		t.Errorf("put aside: %q", got)
	}
}

// Whatever call fails, the name of the file is never given to anything else.
func TestDiskFailures(t *testing.T) {
	url := serve(t, good)
	opt := options(t)
	for n := 1; ; n++ {
		dir := t.TempDir()
		var hit fsys.Call
		count := 0
		restore := fsys.Inject(func(call fsys.Call, _ string) error {
			if count++; count == n {
				hit = call
				return syscall.ENOSPC
			}
			return nil
		})
		path, err := Get(t.Context(), theFile(url), dir, opt)
		restore()
		if hit == "" {
			brought(t, path, err)
			if n < 6 {
				t.Errorf("only %d calls", n-1)
			}
			return
		}
		failed(t, err, fault.Room, "no space left")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", hit, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "set.tar.gz")); err == nil && string(got) != string(content) {
			t.Errorf("after a failed %s the file is wrong", hit)
		}
		path, err = Get(t.Context(), theFile(url), dir, opt)
		brought(t, path, err)
	}
}

func TestStandardLimits(t *testing.T) {
	if usual.slow != 200_000 || usual.window != 10*time.Second || usual.stall != 30*time.Second {
		t.Errorf("%+v", usual)
	}
}
