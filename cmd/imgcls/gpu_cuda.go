//go:build cuda && linux && cgo

package main

import (
	"fmt"
	"strings"

	"imgcls/internal/device"
	"imgcls/internal/device/cuda"
	kernel "imgcls/internal/kernels/cuda"
)

// gpus lists the kinds of GPU that this build has.
func (s *settings) gpus() []device.Kind {
	return []device.Kind{cuda.Kind(cuda.Options{Sync: s.sync, Patience: s.gpuPatience})}
}

// describeGPUs asks the driver.
func (s *settings) describeGPUs() gpuReport {
	d := cuda.Describe()
	r := gpuReport{built: true, architectures: strings.Fields(kernel.Architectures()), err: d.Err,
		driver: driverReport{Library: d.Library, CUDA: d.Driver, Needed: d.Needed}}
	for i, g := range d.GPUs {
		row := gpuRow{deviceRow: deviceRow{ID: fmt.Sprintf("cuda:%d", i), Name: g.Name, Usable: g.Err == nil},
			FreeBytes: g.Free, Code: g.Code, err: g.Err}
		if g.Total > 0 {
			row.MemoryBytes = &g.Total
		}
		if g.Capability != "" {
			row.Capability = &g.Capability
		}
		if g.Err != nil {
			row.Reason = g.Err.Error()
		}
		r.gpus = append(r.gpus, row)
	}
	return r
}
