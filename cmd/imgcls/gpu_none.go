//go:build !(cuda && linux && cgo)

package main

import "imgcls/internal/device"

// gpus is empty: only the build with the tag cuda, make's on Linux, has a GPU.
func (s *settings) gpus() []device.Kind { return nil }

// describeGPUs gives device.Open's reason why this build has none.
func (s *settings) describeGPUs() gpuReport {
	_, _, err := device.Open("cuda")
	return gpuReport{err: err}
}
