package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gofrs/flock"

	"imgcls/internal/fault"
)

// lock waits until no other process holds the lock at path. The lock ends with
// the process, so a crash leaves none; the empty file stays. Where the file
// system has no locks it warns and goes on: two downloads at once then spoil
// each other's .part, which the sums find.
func lock(ctx context.Context, path string, warn func(string)) (unlock func(), err error) {
	l := flock.New(path, flock.SetPermissions(0o644))
	held, err := l.TryLock()
	if err == nil && !held {
		warn("waiting for another process that holds " + fault.Quote(path))
		_, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	var opening *fs.PathError
	switch {
	case err == nil:
		return func() { l.Unlock() }, nil
	case ctx.Err() != nil:
		return nil, fault.New(fault.Download, "waiting for lock", path, "", "interrupted: %w", ctx.Err())
	case errors.As(err, &opening):
		return nil, fault.New(fault.Room, "opening lock", path, "choose a folder that can be written", "%w", opening.Err)
	}
	warn(fmt.Sprintf("%s: no lock to be had (%v): do not run this twice at once", fault.Quote(path), err))
	return func() {}, nil
}
