package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"imgcls/internal/bench"
	"imgcls/internal/fsys"
)

// A report is all that was measured in one go. It is the file in bench/results.
type report struct {
	Date     string            `json:"date"`
	Commit   string            `json:"commit"`
	Machine  machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // by contender, and Go
	Absent   map[string]string `json:"absent"`   // why a contender took no part
	Failed   []string          `json:"failed"`   // ways that were left out
	Method   method            `json:"method"`
	Rows     []result          `json:"rows"`
}

type method struct {
	Repetitions int     `json:"repetitions"`
	Finalists   int     `json:"finalists"`
	Guard       float64 `json:"guard"`
}

// A result is a row measured.
type result struct {
	Group    string             `json:"group"`
	Name     string             `json:"name"`
	Work     bench.Work         `json:"work"`
	Unit     string             `json:"unit"`
	Entrants []shown            `json:"contenders"`
	Ratios   map[string]float64 `json:"ratios"` // imgcls ÷ the best way of each peer
	Asked    float64            `json:"asked,omitempty"`
	Absent   []string           `json:"absent,omitempty"` // peers that took no part
}

// shown is an entrant with its figures.
type shown struct {
	way
	Samples []float64   `json:"samples"`
	Median  float64     `json:"median"`
	Spread  [2]float64  `json:"spread"`
	Latency *[2]float64 `json:"latency_seconds,omitempty"` // medians of median and 99th percentile
	Thrown  int         `json:"thrown_away"`
	Others  float64     `json:"others"` // most of a core used by other processes in a sample
}

func newReport(o options, now time.Time) *report {
	return &report{
		Date: now.UTC().Format(time.DateOnly), Commit: commit(), Machine: thisMachine(),
		Versions: map[string]string{"Go": runtime.Version()}, Absent: map[string]string{}, Failed: []string{},
		Method: method{o.repetitions, o.finalists, o.guard},
	}
}

// commit is that of the working tree, with "+" where files were changed.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	text := strings.TrimSpace(string(head))
	if changed, _ := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); len(changed) > 0 {
		text += "+"
	}
	return text
}

// add takes over what the entrants of a row have shown.
func (p *report) add(r row, field []*entrant) {
	out := result{Group: r.Group, Name: r.Name, Work: r.Work, Unit: r.unit(), Asked: r.Asked}
	for _, w := range r.Ways {
		took := slices.ContainsFunc(field, func(e *entrant) bool { return e.Peer == w.Peer })
		if !took && !slices.Contains(out.Absent, w.Peer) {
			out.Absent = append(out.Absent, w.Peer)
		}
	}
	for _, e := range field {
		s := shown{
			way: e.way, Samples: e.figures, Median: bench.Median(e.figures), Spread: bench.Spread(e.figures),
			Thrown: e.thrown, Others: e.others,
		}
		if len(e.latency) > 0 {
			var middle, tails []float64
			for _, l := range e.latency {
				middle, tails = append(middle, l[0]), append(tails, l[1])
			}
			s.Latency = &[2]float64{bench.Median(middle), bench.Median(tails)}
		}
		out.Entrants = append(out.Entrants, s)
	}
	out.Ratios = out.ratios()
	p.Rows = append(p.Rows, out)
	fmt.Fprint(os.Stderr, out.lines())
}

// better reports whether a figure of the row is better than another: less of
// memory, more of everything else.
func (r result) better(x, y float64) bool {
	if r.Group == memoryGroup {
		return x < y
	}
	return x > y
}

// best returns the best way of a peer, or nil.
func (r result) best(peer string) *shown {
	var best *shown
	for i, e := range r.Entrants {
		if e.Peer == peer && (best == nil || r.better(e.Median, best.Median)) {
			best = &r.Entrants[i]
		}
	}
	return best
}

// ratios compares imgcls with each peer, and for scaling with itself on one
// thread.
func (r result) ratios() map[string]float64 {
	ratios := map[string]float64{}
	if r.Group == scalingGroup {
		one, all := r.Entrants[0], r.Entrants[0]
		for _, e := range r.Entrants {
			if e.Threads < one.Threads {
				one = e
			}
			if e.Threads > all.Threads {
				all = e
			}
		}
		ratios[counted(one.Threads)] = all.Median / one.Median
		return ratios
	}
	for _, peer := range allPeers[1:] {
		if e := r.best(peer); e != nil {
			ratios[peer] = r.best(imgcls).Median / e.Median
		}
	}
	return ratios
}

// reached returns the ratio to the better peer, which is the one that counts, and whether
// it is what the row asks for.
func (r result) reached() (ratio float64, ok bool) {
	for _, x := range r.Ratios {
		if ratio == 0 || r.better(ratio, x) {
			ratio = x
		}
	}
	return ratio, ratio > 0 && !r.better(r.Asked, ratio)
}

func (r row) unit() string {
	switch {
	case r.Group == memoryGroup:
		return "bytes"
	case r.Work.Flops() > 0:
		return "FLOP/s"
	}
	return "images/s"
}

// show writes a figure as people read it.
func (r row) show(x float64) string { return show(r.unit(), math.Abs(x)) }

func show(unit string, x float64) string {
	switch unit {
	case "bytes":
		return fmt.Sprintf("%.1f MiB", x/(1<<20))
	case "FLOP/s":
		return fmt.Sprintf("%.1f GFLOP/s", x/1e9)
	}
	return grouped(x) + " images/s"
}

// hasGPU reports whether some of it was measured on a GPU.
func (p *report) hasGPU() bool {
	return slices.ContainsFunc(p.Rows, func(r result) bool { return r.Group == gpuGroup })
}

// write writes the report to bench/results and its summary into README.md.
func (p *report) write() error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	kind := "cpu"
	if p.hasGPU() {
		kind = "gpu"
	}
	name := filepath.Join("bench", "results", p.Date+"-"+kind+".json")
	if err := fsys.WriteFile(name, append(text, '\n')); err != nil {
		return err
	}
	const readme = "README.md"
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	rewritten, err := between(old, p.summary())
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	if err := fsys.WriteFile(readme, rewritten); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s and the table of %s are written\n", name, readme)
	return nil
}

// The lines of README.md between which the table stands.
const (
	beginMark = "<!-- bench:begin -->\n"
	endMark   = "<!-- bench:end -->\n"
)

// between returns text with what stands between the marks replaced.
func between(text []byte, table string) ([]byte, error) {
	head, rest, begun := bytes.Cut(text, []byte(beginMark))
	_, tail, ended := bytes.Cut(rest, []byte(endMark))
	if !begun || !ended {
		return nil, fmt.Errorf("the lines %q and %q are not there, in this order", beginMark, endMark)
	}
	return bytes.Join([][]byte{head, []byte(beginMark), []byte(table), []byte(endMark), tail}, nil), nil
}
