//go:build cuda && linux && cgo

package main

import (
	"imgcls/internal/device"
	"imgcls/internal/device/cuda"
)

// gpus lists the kinds of GPU that this build has.
func (s *settings) gpus() []device.Kind {
	return []device.Kind{cuda.Kind(cuda.Options{Sync: s.sync})}
}
