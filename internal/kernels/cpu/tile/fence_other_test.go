//go:build !linux

package tile

import "testing"

type fence []float32

func fenced(_ testing.TB, n int) fence { return make(fence, n) }
