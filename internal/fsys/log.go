package fsys

import (
	"os"
	"sync"
)

// A Log is a file that only grows. It must have one writer at a time; its
// methods may be called from several goroutines.
type Log struct {
	mu   sync.Mutex
	h    handle
	size int64 // bytes that were written whole
}

// Append opens the log at path, at its end, and makes it where it is missing.
func Append(path string) (*Log, error) {
	// Opening a pipe would wait for its reader.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fail("opening log", path, errIrregular)
	}
	h, err := open(path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return nil, fail("opening log", path, err)
	}
	info, err := h.file.Stat()
	if err != nil {
		h.close()
		return nil, fail("opening log", path, err)
	}
	return &Log{h: h, size: info.Size()}, nil
}

// Write adds all of p or, on failure, nothing: bytes that came through are cut
// off again, at the latest by the next write, which starts at the same place.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.h.writeAt(p, l.size); err != nil {
		l.h.truncate(l.size)
		return 0, fail("writing log", l.h.path, err)
	}
	l.size += int64(len(p))
	return len(p), nil
}

// Size returns the length of the log in bytes.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Reset empties the log.
func (l *Log) Reset() error { return l.Cut(0) }

// Cut takes off what lies behind the first size bytes, if there are more.
func (l *Log) Cut(size int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if size >= l.size {
		return nil
	}
	if err := l.h.truncate(size); err != nil {
		return fail("shortening log", l.h.path, err)
	}
	l.size = size
	return nil
}

// Sync makes what was written durable.
func (l *Log) Sync() error { return fail("writing log", l.h.path, l.h.sync()) }

// Close closes the log; it does not sync it.
func (l *Log) Close() error { return fail("writing log", l.h.path, l.h.close()) }
