package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/run"
)

// A description is what info prints as JSON: the file's metadata, its tensors,
// and for a run folder the origin.
type description struct {
	Path       string `json:"path"`
	SHA256     string `json:"sha256"`
	Parameters int    `json:"parameters"` // trained ones, without statistics
	*checkpoint.Info
	Tensors []tensorRow `json:"tensors"`
	Origin  *run.Record `json:"origin,omitempty"`

	statistics int // values of what norms measured, which no optimizer trains
}

type tensorRow struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Shape     []int  `json:"shape"`
	SHA256    string `json:"sha256"`
	NonFinite int    `json:"non_finite"` // values that are NaN or infinite
}

func runInfo(_ context.Context, s *settings, args []string) error {
	path, dir := run.Locate(args[0])
	file, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	d := description{Path: path, SHA256: file.SHA256, Info: file.Info}
	for _, t := range file.Tensors {
		n := 1
		for _, extent := range t.Shape {
			n *= extent
		}
		if isStatistic(t.Name) {
			d.statistics += n
		} else {
			d.Parameters += n
		}
		d.Tensors = append(d.Tensors, tensorRow{t.Name, t.DType, t.Shape, file.Sums[t.Name], safetensors.NonFinite(t)})
	}
	if dir != "" {
		switch record, err := run.Read(dir); {
		case err == nil:
			d.Origin = &record
		case file.Info != nil: // made by imgcls, so that a run is expected beside it
			return err
		}
	}
	if s.format != "text" {
		return s.print(s.format, d)
	}
	_, err = fmt.Fprint(s.out, d.text(s.verbose > 0))
	return err
}

// isStatistic reports whether a tensor is a buffer of a BatchNorm, by PyTorch's names.
func isStatistic(tensor string) bool {
	switch tensor[strings.LastIndexByte(tensor, '.')+1:] {
	case "running_mean", "running_var", "num_batches_tracked":
		return true
	}
	return false
}

// text describes the file for people: of the tensors only those that are not finite,
// unless all are asked for.
func (d description) text(all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "file        %s\nsha256      %s\nparameters  %d", fault.Quote(d.Path), d.SHA256, d.Parameters)
	if d.statistics > 0 {
		fmt.Fprintf(&b, ", and %d running statistics of norms", d.statistics)
	}
	b.WriteByte('\n')
	if i := d.Info; i != nil {
		p := i.Preprocess
		fmt.Fprintf(&b, "model       %s\nclasses     %d: %s\n", run.Plain(i.Model), len(i.Classes), run.Plain(strings.Join(i.Classes, ", ")))
		fmt.Fprintf(&b, "preprocess  %d×%d×%d, %s, (x/255 − %v) / %v\n", p.Height, p.Width, p.Channels, p.Resize, p.Mean, p.Std)
		if p.TTA != "" {
			fmt.Fprintf(&b, "views       %s\n", p.TTA)
		}
		fmt.Fprintf(&b, "data        %s %s\n", run.Plain(i.Data.Name), run.Plain(i.Data.Fingerprint))
		fmt.Fprintf(&b, "figures     test accuracy %s, test loss %s\n", percent(i.Figures.Top1), decimal(i.Figures.Loss))
	} else {
		b.WriteString("model       not said: give --model to use these weights\n")
	}
	if o := d.Origin; o != nil {
		fmt.Fprintf(&b, "origin      %s  %s  seed %d  %d epochs, %d steps  %.1f s  %s\n",
			run.Plain(string(o.Status)), o.Started.Format(time.RFC3339), o.Seed, o.Epochs, o.Step, o.Seconds, run.Plain(o.Device))
		fmt.Fprintf(&b, "command     %s\nversion     %s\n", run.Plain(strings.Join(o.Command, " ")), run.Plain(o.Version))
	}
	if !all {
		fmt.Fprintf(&b, "tensors     %d; -v lists them\n", len(d.Tensors))
	}
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	header := "\ntensor\ttype\tshape\tNaN or infinite\n"
	for _, t := range d.Tensors {
		if !all && t.NonFinite == 0 {
			continue
		}
		fmt.Fprint(tw, header)
		header = ""
		fmt.Fprintf(tw, "%s\t%s\t%v\t%d\n", run.Plain(t.Name), t.Type, t.Shape, t.NonFinite)
	}
	tw.Flush()
	return b.String()
}
