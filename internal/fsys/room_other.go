//go:build !(linux || darwin || windows)

package fsys

import "errors"

// room knows no way to ask here.
func room(string) (int64, error) { return 0, errors.ErrUnsupported }

// writable knows none either.
func writable(string) error { return nil }
