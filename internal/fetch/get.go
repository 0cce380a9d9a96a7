package fetch

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// A File is what Get can bring. The name is a plain file name and the size is
// exact; a sum left empty is not checked.
type File struct {
	Name        string
	Size        int64
	MD5, SHA256 string   // hexadecimal
	URLs        []string // https only, in the order in which to try them
}

// Options change how Get works; the zero value is the usual way.
type Options struct {
	// Mirror is an address to try first: that of the file, where it ends in
	// the file's name, or of the folder that holds it. Only here may it begin
	// with http://.
	Mirror string
	// Progress is called now and then while bytes come, and at the end.
	Progress func(Progress)
	// Warn is told what the user should know and need not act on.
	Warn func(text string)

	limits    *limits
	transport http.RoundTripper
}

// Progress is the state of a download.
type Progress struct {
	Done, Total int64   // bytes
	Rate        float64 // bytes per second from this address
	URL         string
}

// limits are the times and rates by which an address is judged.
type limits struct {
	connect time.Duration // for the connection, and again for TLS
	header  time.Duration // from the request to the answer's header
	stall   time.Duration // without a byte
	window  time.Duration // over which the rate is measured
	slow    float64       // bytes per second below which an address gives way
	pause   time.Duration // before an address is asked again
	tries   int           // answers in a row that may bring nothing
	report  time.Duration // between two calls of Progress
}

var usual = limits{
	connect: 10 * time.Second,
	header:  30 * time.Second,
	stall:   30 * time.Second,
	window:  10 * time.Second,
	slow:    200e3,
	pause:   time.Second,
	tries:   3,
	report:  100 * time.Millisecond,
}

// Get returns the path of the file in dir, and downloads it where it is not
// there already with the right size and sums. Of several processes that call
// it at once one downloads and the others wait. An error is of kind Download
// where the network is at fault, Data for wrong sums, Room for the disk and
// Usage for a bad mirror. Where ctx ended, errors.Is finds its error, and what
// has come stays.
func Get(ctx context.Context, f File, dir string, opt Options) (path string, err error) {
	path = filepath.Join(dir, f.Name)
	if bad, err := check(path, f); err == nil && bad == "" {
		return path, nil
	}
	sources, err := sourcesOf(f, opt.Mirror)
	if err != nil {
		return "", err
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if opt.limits == nil {
		opt.limits = &usual
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(dir, "."+f.Name+".lock"), opt.Warn)
	if err != nil {
		return "", err
	}
	defer unlock()
	return path, bring(ctx, f, path, sources, opt)
}

// bring does the work of Get under the lock.
func bring(ctx context.Context, f File, path string, sources []*source, opt Options) error {
	switch bad, err := check(path, f); {
	case err == nil && bad == "": // another process brought it
		return nil
	case err == nil:
		opt.Warn(fmt.Sprintf("%s: %s; moved to %s.bad", fault.Quote(path), bad, f.Name))
		if err := fsys.Rename(path, path+".bad"); err != nil {
			return err
		}
	}
	part := path + ".part"
	if err := download(ctx, f, part, sources, opt); err != nil {
		return err
	}
	bad, err := check(part, f)
	if err != nil {
		return fault.New(fault.Room, "reading", part, "check the disk", "%w", err)
	}
	if bad != "" {
		if err := fsys.Rename(part, path+".bad"); err != nil {
			return err
		}
		return fault.New(fault.Data, "download", path,
			"the file is now "+f.Name+".bad; call again, or with another --mirror", "%s", bad)
	}
	return fsys.Rename(part, path)
}

// check says what is wrong with the file at path, "" where nothing is.
func check(path string, f File) (bad string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: not a plain file", fs.ErrInvalid)
	}
	if info.Size() != f.Size {
		return fmt.Sprintf("has %d bytes, wanted %d", info.Size(), f.Size), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	m, s := md5.New(), sha256.New()
	if _, err := io.Copy(io.MultiWriter(m, s), file); err != nil {
		return "", err
	}
	var wrong []string
	for _, sum := range []struct {
		name, want string
		have       hash.Hash
	}{{"MD5", f.MD5, m}, {"SHA-256", f.SHA256, s}} {
		if have := hex.EncodeToString(sum.have.Sum(nil)); sum.want != "" && have != strings.ToLower(sum.want) {
			wrong = append(wrong, fmt.Sprintf("%s is %s, wanted %s", sum.name, have, sum.want))
		}
	}
	return strings.Join(wrong, ", "), nil
}
