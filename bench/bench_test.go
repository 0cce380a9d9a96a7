package main

import (
	"maps"
	"math"
	"regexp"
	"strings"
	"testing"

	"imgcls/internal/bench"
)

// A sample is taken again while others are busy, and of all busy ones the
// calmest counts.
func TestCalm(t *testing.T) {
	for _, c := range []struct {
		name          string
		guard         float64
		busy          []float64 // in this order, the last for ever
		taken, thrown int
	}{
		{"quiet", 0.12, []float64{0.1}, 1, 0},
		{"busy twice", 0.12, []float64{0.5, 0.3, 0.12}, 3, 2},
		{"unwatched", 0, []float64{0.9}, 1, 0},
		{"always busy", 0.12, []float64{0.9, 0.4, 0.8}, 2, mostThrown},
	} {
		n := 0
		s, others, thrown, err := calm(c.guard, func() (bench.Sample, float64, error) {
			busy := c.busy[min(n, len(c.busy)-1)]
			n++
			return bench.Sample{Steps: n}, busy, nil
		})
		if err != nil || s.Steps != c.taken || thrown != c.thrown || others != c.busy[c.taken-1] || n != c.thrown+1 {
			t.Errorf("%s: sample %d of %d, %d thrown away, others %v, %v", c.name, s.Steps, n, thrown, others, err)
		}
	}
}

func TestOthers(t *testing.T) {
	before, later := usage{all: 100, one: 10, passed: 50}, usage{all: 170, one: 60, passed: 100}
	if got := before.others(later); math.Abs(got-0.4) > 1e-12 {
		t.Errorf("others used %v of a core, want 0.4", got)
	}
	if got := later.others(later); got != 0 {
		t.Errorf("in no time others used %v", got)
	}
}

func reportOf(group string, figures map[string]float64) result {
	r := result{Group: group, Name: "work", Unit: "images/s"}
	for _, w := range []way{
		{imgcls, 1, nil, ""}, {imgcls, 2, nil, ""}, {pytorch, 1, nil, ""}, {pytorch, 2, []string{"fused"}, ""}, {gomlx, 2, nil, ""},
	} {
		if x, ok := figures[w.String()]; ok {
			r.Entrants = append(r.Entrants, shown{way: w, Median: x, Samples: []float64{x}, Spread: [2]float64{x, x}})
		}
	}
	r.Ratios = r.ratios()
	return r
}

// The ratio is of the best ways, whichever they are, and of memory the least.
func TestRatios(t *testing.T) {
	figures := map[string]float64{
		"imgcls, 1 thread": 100, "imgcls, 2 threads": 180,
		"PyTorch, 1 thread": 60, "PyTorch, 2 threads, fused": 90,
	}
	for _, c := range []struct {
		group, to string
		want      float64
	}{
		{trainGroup, pytorch, 2}, {memoryGroup, pytorch, 100.0 / 60}, {scalingGroup, "1 thread", 1.8},
	} {
		r := reportOf(c.group, figures)
		if got := r.Ratios[c.to]; math.Abs(got-c.want) > 1e-12 || len(r.Ratios) != 1 {
			t.Errorf("%s: ratios %v, want %v to %s", c.group, r.Ratios, c.want, c.to)
		}
	}
	if alone := reportOf(trainGroup, map[string]float64{"imgcls, 1 thread": 1}); len(alone.Ratios) != 0 || !strings.Contains(alone.short(), "| 1 images/s | | |") {
		t.Errorf("imgcls alone: %v, %s", alone.Ratios, alone.short())
	}
}

// What a row asks for is held against the better peer, and a ratio that is just that
// reaches it; without a peer nothing is reached.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		group  string
		ratios map[string]float64
		asked  float64
		absent []string
		want   string
	}{
		{trainGroup, map[string]float64{pytorch: 1.3, gomlx: 9}, 1.3, nil, "| 1.30 | ≥ 1.3 | reached |"},
		{inferGroup, map[string]float64{pytorch: 1.5, onnxRuntime: 0.8}, 1, nil, "| 0.80 | ≥ 1.0 | missed |"},
		{inferGroup, map[string]float64{pytorch: 1.5}, 1, []string{onnxRuntime}, "| 1.50 | ≥ 1.0 | open: without ONNX Runtime |"},
		{inferGroup, map[string]float64{pytorch: 0.5}, 1, []string{onnxRuntime}, "| 0.50 | ≥ 1.0 | missed |"},
		{memoryGroup, map[string]float64{pytorch: 0.5}, 0.5, nil, "| 0.50 | ≤ 0.5 | reached |"},
		{memoryGroup, map[string]float64{pytorch: 0.6}, 0.5, nil, "| 0.60 | ≤ 0.5 | missed |"},
		{scalingGroup, map[string]float64{"1 thread": 1.7}, 1.8, nil, "| 1.70 | ≥ 1.8 | missed |"},
		{memoryGroup, nil, 0.5, nil, "| 0.00 | ≤ 0.5 | missed |"},
	} {
		p := &report{Rows: []result{{Group: c.group, Name: "work", Ratios: c.ratios, Asked: c.asked, Absent: c.absent}, {Group: c.group, Name: "free", Ratios: c.ratios}}}
		if got := p.targets(); !strings.Contains(got, "| work "+c.want) || strings.Contains(got, "free") {
			t.Errorf("%s %v: %s, want %s", c.group, c.ratios, got, c.want)
		}
	}
	if got := (&report{Rows: []result{{Group: trainGroup, Name: "free"}}}).targets(); got != "" {
		t.Errorf("nothing is asked for: %s", got)
	}
}

// The rows of larger models are those that README.md names, each with its target.
func TestTargetsOfRows(t *testing.T) {
	asked := map[string]float64{}
	for _, r := range rows() {
		if r.Asked > 0 {
			asked[r.Name] = r.Asked
		}
	}
	want := map[string]float64{
		"resnet20 training, batch 128": 1.3, "resnet18 at 32² training, batch 32": 1.1, "airbench94 training, batch 500": 1.1,
		"resnet20 inference, batch 1": 1, "resnet20 inference, batch 128": 1,
		"resnet18 at 32² inference, batch 1": 1, "resnet18 at 32² inference, batch 128": 1,
		"resnet20 peak memory of training on 50,000 pictures, batch 128":       0.5,
		"resnet18 at 32² peak memory of training on 50,000 pictures, batch 32": 0.5,
		"airbench94 peak memory of training on 50,000 pictures, batch 500":     0.5,
		"resnet20 training, batch 128: 1 → 2 threads":                          1.8,
		"airbench94 training, batch 500: 1 → 2 threads":                        1.8,
		"resnet18 at 32² training, batch 32: 1 → 2 threads":                    1.8,
	}
	if !maps.Equal(asked, want) {
		t.Errorf("rows ask for %v, want %v", asked, want)
	}
}

// A peer with another network takes no part.
func TestAlike(t *testing.T) {
	ours := bench.Cost{Parameters: 272_474, MACs: 40_813_184}
	if err := alike(ours, ours); err != nil {
		t.Error(err)
	}
	for _, c := range []bench.Cost{{Parameters: 272_475, MACs: 40_813_184}, {Parameters: 272_474, MACs: 40_813_185}} {
		if err := alike(c, ours); err == nil || !strings.Contains(err.Error(), "not 272,474 and 40,813,184 as") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestBetween(t *testing.T) {
	got, err := between([]byte("a\n"+beginMark+"old\n"+endMark+"z\n"), "new\n")
	if want := "a\n" + beginMark + "new\n" + endMark + "z\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"", beginMark, endMark + beginMark, "<!-- bench:begin -->" + endMark} {
		if _, err := between([]byte(text), "new\n"); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// The rows of the GPU are of contenders on a GPU, and are left out where imgcls has none.
func TestOnGPU(t *testing.T) {
	o := options{imgcls: "imgcls", python: "python"}
	for _, r := range rows() {
		for _, w := range r.Ways {
			if on := w.Device == cuda; on != (r.Group == gpuGroup) || on != strings.Contains(strings.Join(o.command(w), " "), "--device cuda ") {
				t.Errorf("%s: %s by %q", r.Name, w, o.command(w))
			}
		}
	}
	if w := (way{pytorch, 2, []string{"graph"}, cuda}); w.String() != "PyTorch on cuda, graph" {
		t.Errorf("named %s", w)
	}
	b := &bencher{options: options{groups: []string{gpuGroup}}, report: &report{Absent: map[string]string{"imgcls on cuda": "no driver"}}}
	b.only = regexp.MustCompile("")
	if err := b.measureAll(t.Context()); err != nil || len(b.report.Rows) > 0 {
		t.Errorf("without a GPU: %d rows, %v", len(b.report.Rows), err)
	}
}

// Names are distinct, so that -only can tell rows apart, and every row has
// contenders of one kind of work.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.Name] || len(r.Ways) < 2 || r.Ways[0].Peer != imgcls || !(r.Time > 0) || !(r.RunUp > 0) {
			t.Errorf("%s: twice %v, %d ways", r.Name, seen[r.Name], len(r.Ways))
		}
		if seen[r.Name] = true; (r.Work.Flops() > 0) == (r.Work.Model != "") {
			t.Errorf("%s: is both a model and an operation, or neither", r.Name)
		}
	}
	if w := (geometry{18, 32, 64, 128, 3, 2}).work(bench.Conv); w.Flops() != 2*32*16*16*128*9*64 {
		t.Errorf("%+v: %d FLOP", w, w.Flops())
	}
}
