//go:build !linux

package fence

import "testing"

// Bytes returns at least n bytes.
func Bytes(_ testing.TB, n int) []byte { return make([]byte, n) }
