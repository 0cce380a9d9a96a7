package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"imgcls/internal/metrics"
)

// percent shows a fraction as people read it, and "–" where it is undefined.
func percent(f metrics.Figure) string {
	if !f.Defined() {
		return "–"
	}
	return strconv.FormatFloat(100*float64(f), 'f', 2, 64) + " %"
}

// decimal shows a figure with four decimals, and "–" where it is undefined.
func decimal(f metrics.Figure) string {
	if !f.Defined() {
		return "–"
	}
	return strconv.FormatFloat(float64(f), 'f', 4, 64)
}

// reportText lays out a report. The accuracy of a class is its recall: the share
// of its pictures that were recognised.
func reportText(r *metrics.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "accuracy %s", percent(r.Top1))
	if i, ok := r.Intervals["top1"]; ok && i[0].Defined() {
		fmt.Fprintf(&b, " (95 %% interval %s to %s)", percent(i[0]), percent(i[1]))
	}
	if len(r.Classes) > 5 {
		fmt.Fprintf(&b, "  top5 %s", percent(r.Top5))
	}
	fmt.Fprintf(&b, "  loss %s  on %d pictures\n", decimal(r.Loss), r.Samples)
	fmt.Fprintf(&b, "macro precision %s  recall %s  f1 %s  calibration error %s\n",
		percent(r.Macro.Precision), percent(r.Macro.Recall), percent(r.Macro.F1), percent(r.ECE))
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "class\taccuracy\tprecision\tf1\tpictures")
	for _, p := range r.PerClass {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\n", p.Class, percent(p.Recall), percent(p.Precision), percent(p.F1), p.Support)
	}
	tw.Flush()
	return b.String()
}

// quoteArg writes an argument as a shell takes it.
func quoteArg(arg string) string {
	if !strings.ContainsFunc(arg, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-:\\", r))
	}) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
