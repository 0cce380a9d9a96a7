package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"imgcls/internal/device"
)

// A deviceRow is a device that --device takes.
type deviceRow struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	MemoryBytes *int64  `json:"memory_bytes"` // nil where it is the host's
	Capability  *string `json:"capability"`   // of a GPU, "9.0"
	Usable      bool    `json:"usable"`
	Reason      string  `json:"reason"` // why it is not usable
}

// text is the row for people.
func (r deviceRow) text() string {
	switch {
	case !r.Usable && r.Name != "":
		return r.Name + ": " + r.Reason
	case !r.Usable:
		return r.Reason
	case r.Capability != nil && r.MemoryBytes != nil:
		return fmt.Sprintf("%s, %s, %s", r.Name, *r.Capability, gibibytes(*r.MemoryBytes))
	}
	return r.Name
}

func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// A gpuReport is what a build knows of the machine's GPUs.
type gpuReport struct {
	built         bool     // with CUDA
	architectures []string // what the binary has code for, beside PTX
	driver        driverReport
	gpus          []gpuRow
	err           error // why no GPU can be used; nil where that is a matter of each
}

// A driverReport is the part of doctor about NVIDIA's driver.
type driverReport struct {
	Library string `json:"library"` // that was opened, or tried
	CUDA    string `json:"cuda"`    // the version it is for; "" where it does not start
	Needed  string `json:"needed"`  // the least
}

// A gpuRow is a GPU as doctor shows it.
type gpuRow struct {
	deviceRow
	FreeBytes int64  `json:"free_bytes"` // 0 for a GPU that is not usable
	Code      string `json:"code"`       // "sm_90a", "PTX", or "" for none

	err error
}

// hostRows are the devices that are no GPUs.
func (s *settings) hostRows() (rows []deviceRow) {
	for _, id := range []string{"cpu", "ref"} {
		row := deviceRow{ID: id}
		dev, _, err := device.Open(id, s.kinds()...)
		if err != nil {
			row.Reason = err.Error()
		} else {
			row.Name, row.Usable = dev.String(), true
			dev.Close()
		}
		rows = append(rows, row)
	}
	return rows
}

// deviceRows are all devices: a row for each GPU, or one that says why there is none.
func (s *settings) deviceRows() []deviceRow {
	rows := s.hostRows()
	report := s.describeGPUs()
	for _, g := range report.gpus {
		rows = append(rows, g.deviceRow)
	}
	if len(report.gpus) == 0 {
		rows = append(rows, deviceRow{ID: "cuda", Reason: report.err.Error()})
	}
	return rows
}

func runDevices(_ context.Context, s *settings, _ []string) error {
	rows := s.deviceRows()
	if s.format != "text" {
		return s.print(s.format, rows)
	}
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "device\tusable\t")
	for _, r := range rows {
		usable := "yes"
		if !r.Usable {
			usable = "no"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", r.ID, usable, r.text())
	}
	return tw.Flush()
}
