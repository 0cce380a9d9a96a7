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
	Capability  *string `json:"capability"`
	Usable      bool    `json:"usable"`
	Reason      string  `json:"reason"` // why it is not usable
}

func runDevices(_ context.Context, s *settings, _ []string) error {
	var rows []deviceRow
	for _, id := range []string{"cpu", "ref", "cuda"} {
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
	if s.format != "text" {
		return s.print(s.format, rows)
	}
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "device\tusable\t")
	for _, r := range rows {
		usable, text := "yes", r.Name
		if !r.Usable {
			usable, text = "no", r.Reason
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", r.ID, usable, text)
	}
	return tw.Flush()
}
