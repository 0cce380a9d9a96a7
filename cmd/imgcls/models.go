package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"imgcls/internal/models"
)

// A modelRow describes a network for ten classes at its usual size.
type modelRow struct {
	Name       string `json:"name"`
	About      string `json:"about"`
	Parameters int    `json:"parameters"`
	Macs       int    `json:"macs"` // multiply-adds of one picture, forward
	Size       int    `json:"size"`
	Epochs     int    `json:"epochs"`
	BatchSize  int    `json:"batch_size"`
}

func runModels(_ context.Context, s *settings, _ []string) error {
	var rows []modelRow
	for _, m := range models.All {
		parameters, macs, err := m.Plain(10).Cost()
		if err != nil {
			return err
		}
		rows = append(rows, modelRow{m.Name, m.About, parameters, macs, m.Recipe.Size, m.Recipe.Epochs, m.Recipe.Batch})
	}
	if s.format != "text" {
		return s.print(s.format, rows)
	}
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "model\tparameters\tMMAC\tinput\tepochs\tbatch\tabout")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%d\t%.3f\t%d×%d\t%d\t%d\t%s\n", r.Name, r.Parameters, float64(r.Macs)/1e6, r.Size, r.Size, r.Epochs, r.BatchSize, r.About)
	}
	return tw.Flush()
}
