package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"imgcls/internal/metrics"
	"imgcls/internal/models"
)

// A modelRow describes a network as it is trained on CIFAR-10, ten classes of 32×32
// unless the network wants otherwise.
type modelRow struct {
	Name       string            `json:"name"`
	About      string            `json:"about"`
	Parameters int               `json:"parameters"`
	Macs       int               `json:"macs"` // multiply-adds of one picture, forward
	Size       int               `json:"size"`
	Epochs     int               `json:"epochs"`
	BatchSize  int               `json:"batch_size"`
	Recipe     string            `json:"recipe"`
	Command    string            `json:"command"`
	Measured   []models.Measured `json:"measured"`
}

func describeModel(m models.Model) (modelRow, error) {
	n, r := m.Plain(10), m.RecipeFor(defaultData)
	n.Preprocess.Height, n.Preprocess.Width = r.Size, r.Size
	parameters, macs, err := n.Cost()
	measured := m.Measured
	if measured == nil {
		measured = []models.Measured{}
	}
	return modelRow{
		m.Name, m.About, parameters, macs, r.Size, r.Epochs, r.Batch, r.String(),
		trainCommand(defaultData, m.Name), measured,
	}, err
}

// trainCommand is how a model is trained on data, by its recipe.
func trainCommand(data, model string) string {
	return "imgcls train " + quoteArg(data) + " --model " + model
}

func runModels(_ context.Context, s *settings, _ []string) error {
	var rows []modelRow
	for _, m := range models.All {
		row, err := describeModel(m)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if s.format != "text" {
		return s.print(s.format, rows)
	}
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "model\tparameters\tMMAC\tinput\ttop1\ttime\trecipe on "+defaultData)
	for _, r := range rows {
		top1, took := "-", "-"
		for _, m := range r.Measured {
			if m.Data == defaultData {
				top1 = percent(metrics.Figure(m.Top1))
				if m.Epochs != r.Epochs {
					top1 += fmt.Sprintf(" after %d", m.Epochs)
				}
				if m.Seconds.Defined() {
					took = fmt.Sprintf("%.0f s", float64(m.Seconds))
				}
			}
		}
		fmt.Fprintf(tw, "%s\t%d\t%.3f\t%d×%d\t%s\t%s\t%s\n", r.Name, r.Parameters, float64(r.Macs)/1e6, r.Size, r.Size, top1, took, r.Recipe)
	}
	return tw.Flush()
}
