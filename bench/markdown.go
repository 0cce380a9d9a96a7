package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"imgcls/internal/fault"
)

// String names a way: "PyTorch, 2 threads, channels_last fused".
func (w way) String() string {
	text := w.who()
	if w.Device == "" {
		text += ", " + counted(w.Threads)
	}
	if len(w.Settings) > 0 {
		text += ", " + strings.Join(w.Settings, " ")
	}
	return text
}

func grouped(x float64) string { return fault.Grouped(int64(math.Round(x))) }

// amount writes the bare number of a figure, and spread two of them.
func amount(unit string, x float64) string { return strings.Fields(show(unit, x))[0] }

func (s shown) cell(unit string) string {
	text := "**" + show(unit, s.Median) + "**"
	if len(s.Samples) > 1 {
		text += fmt.Sprintf(" [%s … %s]", amount(unit, s.Spread[0]), amount(unit, s.Spread[1]))
	}
	if l := s.Latency; l != nil {
		text += fmt.Sprintf(", p50 %.3f p99 %.3f ms", 1e3*l[0], 1e3*l[1])
	}
	return text
}

// lines are a row of the long table for each entrant.
func (r result) lines() string {
	var b strings.Builder
	ours := r.best(imgcls)
	for _, e := range r.Entrants {
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f | %d | %.0f %% |\n", r.Name, e.way, e.cell(r.Unit), ours.Median/e.Median, e.Thrown, 100*e.Others)
	}
	return b.String()
}

// markdown is the whole report.
func (p *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit %s, %s, %d cores, %s\n\n", p.Date, p.Commit, p.Machine.CPU, p.Machine.Cores, strings.Join(slices.Concat(p.Machine.Instructions, p.Machine.GPUs), " "))
	for _, name := range slices.Sorted(maps.Keys(p.Versions)) {
		fmt.Fprintf(&b, "- %s %s\n", name, p.Versions[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Absent)) {
		fmt.Fprintf(&b, "- %s took no part: %s\n", name, strings.Join(strings.Fields(p.Absent[name]), " "))
	}
	for _, text := range p.Failed {
		fmt.Fprintf(&b, "- left out: %s\n", text)
	}
	guard := "nobody watched what other processes used"
	if p.Method.Guard > 0 {
		guard = fmt.Sprintf("a sample was taken again when other processes used more than %.0f %% of a core", 100*p.Method.Guard)
	}
	fmt.Fprintf(&b, "\nMedian [least … most] of %d samples in turns; %s.\n\n", p.Method.Repetitions, guard)
	b.WriteString("| work | contender | figure | imgcls ÷ this | thrown away | others |\n|---|---|---|---|---|---|\n")
	for _, r := range p.Rows {
		b.WriteString(r.lines())
	}
	return b.String() + "\n" + p.targets() + p.summary()
}

// targets is the table of the rows that ask for something, beside what they have reached.
func (p *report) targets() string {
	var b strings.Builder
	for _, r := range p.Rows {
		if r.Asked == 0 {
			continue
		}
		bound, verdict := "≥", "missed"
		if r.Group == memoryGroup {
			bound = "≤"
		}
		ratio, ok := r.reached()
		switch {
		case ok && len(r.Absent) > 0:
			verdict = "open: without " + strings.Join(r.Absent, " and ")
		case ok:
			verdict = "reached"
		}
		fmt.Fprintf(&b, "| %s | %.2f | %s %.1f | %s |\n", r.Name, ratio, bound, r.Asked, verdict)
	}
	if b.Len() == 0 {
		return ""
	}
	return "| work | ratio | asked | |\n|---|---|---|---|\n" + b.String() + "\n"
}

// summary is the short table: a line for each row of a model and peer, and for
// each kind of single operation its range.
func (p *report) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d cores, commit %s", p.Date, p.Machine.CPU, p.Machine.Cores, p.Commit)
	if p.hasGPU() && len(p.Machine.GPUs) > 0 {
		fmt.Fprintf(&b, ", %s", strings.Join(p.Machine.GPUs, ", "))
	}
	for _, peer := range allPeers[1:] {
		if v := p.Versions[peer]; v != "" {
			fmt.Fprintf(&b, ", %s %s", peer, v)
		}
	}
	b.WriteString("; each at its best settings, in turns, medians\n\n| work | imgcls | peer | imgcls ÷ peer |\n|---|---|---|---|\n")
	for _, kind := range []struct{ group, threads, name string }{
		{gemmGroup, ", 1 thread", "matrix products, 1 thread"},
		{convGroup, ", 1 thread", "convolutions of ResNet-18, ResNet-20 and mobilenet_v2, batch 32, 1 thread"},
		{convGroup, fmt.Sprintf(", %d threads", cores), fmt.Sprintf("the same, %d threads", cores)},
	} {
		b.WriteString(p.ratiosOf(kind.group, kind.threads, kind.name))
	}
	for _, r := range p.Rows {
		if r.Unit != "FLOP/s" {
			b.WriteString(r.short())
		}
	}
	return b.String()
}

// ratiosOf is the line of a kind of operations: how many there are, and the least,
// the geometric mean and the greatest of their ratios.
func (p *report) ratiosOf(group, suffix, name string) string {
	var ratios []float64
	logs := 0.0
	for _, r := range p.Rows {
		if ratio := r.Ratios[pytorch]; r.Group == group && strings.HasSuffix(r.Name, suffix) && ratio > 0 {
			ratios = append(ratios, ratio)
			logs += math.Log(ratio)
		}
	}
	if len(ratios) == 0 {
		return ""
	}
	return fmt.Sprintf("| %s | %d shapes | %s | %.2f (%.2f … %.2f) |\n", name, len(ratios), pytorch,
		math.Exp(logs/float64(len(ratios))), slices.Min(ratios), slices.Max(ratios))
}

// short is a line for each peer of a row.
func (r result) short() string {
	ours := r.best(imgcls)
	if r.Group == scalingGroup {
		return fmt.Sprintf("| %s | %s | itself on one thread | %.2f |\n", r.Name, show(r.Unit, ours.Median), r.Ratios[counted(1)])
	}
	lines := ""
	for _, peer := range allPeers[1:] {
		if e := r.best(peer); e != nil {
			lines += fmt.Sprintf("| %s | %s | %s: %s | %.2f |\n", r.Name, show(r.Unit, ours.Median), e.way, show(r.Unit, e.Median), r.Ratios[peer])
		}
	}
	if lines == "" {
		lines = fmt.Sprintf("| %s | %s | | |\n", r.Name, show(r.Unit, ours.Median))
	}
	return lines
}
