//go:build linux || darwin

package fsys

import "golang.org/x/sys/unix"

// room returns the bytes that this user may still write in the folder.
func room(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Bavail) * int64(s.Bsize), err
}

// writable asks for the right to make files in the folder.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
