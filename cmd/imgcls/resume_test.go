package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint"
)

// A place to run imgcls in this very process, so that hundreds of runs are cheap.
type inProcess struct {
	t      *testing.T
	output string // folder of the runs
}

// train runs `imgcls train` and wants this exit code.
func (p inProcess) train(code int, args ...string) (stdout, stderr string) {
	p.t.Helper()
	var out, errs bytes.Buffer
	argv := append([]string{"train", "--output", p.output, "--quiet"}, args...)
	if got := call(p.t.Context(), argv, nil, &out, &errs); got != code {
		p.t.Fatalf("imgcls %q: exit code %d, want %d\n%s", argv, got, code, errs.String())
	}
	return out.String(), errs.String()
}

func (p inProcess) read(name string) []byte {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.output, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// store is the store of a run's checkpoints.
func (p inProcess) store(name string) checkpoint.Store {
	return checkpoint.Store{Dir: filepath.Join(p.output, name, "checkpoints")}
}

// steps returns the steps of a run's checkpoints, the newest first.
func (p inProcess) steps(name string) []int {
	p.t.Helper()
	steps, err := p.store(name).Steps()
	if err != nil {
		p.t.Fatal(err)
	}
	return steps
}

// rewind makes the run to a copy of another whose newest checkpoint is of that
// step. Its logs and its model are those of the whole run.
func (p inProcess) rewind(to, from string, step int) {
	p.t.Helper()
	dir := filepath.Join(p.output, to)
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(filepath.Join(p.output, from)))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range p.steps(to) {
		if s > step {
			if err := os.Remove(p.store(to).Path(s)); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// outcomeOf returns what of a run must not depend on how often it was stopped:
// the model, and the logs but for times and speeds.
func (p inProcess) outcomeOf(name string) map[string]string {
	p.t.Helper()
	found := map[string]string{"model.safetensors": fmt.Sprintf("%x", p.read(name+"/model.safetensors"))}
	var lines strings.Builder
	for line := range strings.Lines(string(p.read(name + "/metrics.jsonl"))) {
		event := map[string]any{}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		for _, key := range []string{"seconds", "images_per_second"} {
			delete(event, key)
		}
		text, _ := json.Marshal(event)
		lines.Write(append(text, '\n'))
	}
	found["metrics.jsonl"] = lines.String()
	var rows strings.Builder
	for line := range strings.Lines(string(p.read(name + "/results.csv"))) {
		cells := strings.Split(line, ",")
		cells[1], cells[6] = "", "" // time, img_s
		rows.WriteString(strings.Join(cells, ","))
	}
	found["results.csv"] = rows.String()
	record := map[string]any{}
	if err := json.Unmarshal(p.read(name+"/run.json"), &record); err != nil {
		p.t.Fatal(err)
	}
	for _, key := range []string{"command", "device", "seconds", "started"} {
		delete(record, key)
	}
	text, _ := json.Marshal(record)
	found["run.json"] = string(text)
	return found
}

// wantSame compares outcomes and shows the first lines that differ.
func wantSame(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] == want[name] {
			continue
		}
		if name == "model.safetensors" {
			t.Errorf("%s: another model", what)
			continue
		}
		t.Errorf("%s: %s differs:\n%s", what, name, cmp.Diff(strings.Split(want[name], "\n"), strings.Split(got[name], "\n")))
	}
}

// Row 4: a run of 40 steps gone on with from each of its 39 points, on any number
// of threads and processors, ends in the bits of the run that never stopped: the
// model, each figure logged, and what run.json says. The points lie in epochs, at
// their ends, before and behind the short batch and the best evaluation; the last
// epoch is cut, and the model file is lost.
func TestResumeFromEveryStep(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	type way struct{ threads, procs int }
	for _, kind := range []struct {
		name, flags string
		ways        []way
	}{
		{"last", "--batch-size 3 --lr 0.05", []way{{2, 2}}},
		{"muon", "--batch-size 6 --opt muon --sched linear --param-group fc3.*=2:0.5:0.5 --clip-grad 0.5 --ema 0.9", []way{{2, 2}}},
		{"varying rates", "--batch-size 6 --opt adamw --lr 0.002 --sched cosine --warmup-epochs 0.5 --param-group fc3.*=2:0.5 --clip-grad 0.5 --ema 0.9", []way{{2, 2}}},
		{"parts", "--batch-size 6 --grad-accum 3 --opt muon --augment flip,crop=2 --clip-grad 0.5 --ema 0.9", []way{{2, 2}}},
		{"augmented", "--batch-size 6 --lr 0.05 --augment flip=alternate,crop=4,jitter=0.2,cutout=6,mixup=0.4,cutmix=1 --label-smoothing 0.1", []way{{2, 2}}},
		{"best", "--batch-size 6 --lr 0.05 --val-split 0.2 --momentum 0.5 --nesterov --weight-decay 0.001 --ema 0.8 --sched plateau --lr-patience 0 --lr-gamma 0.5", []way{{1, 1}, {2, 1}, {2, 2}, {8, 2}}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			p := inProcess{t, t.TempDir()}
			p.train(0, strings.Fields("shapes --samples 40 --img-size 16 --epochs 9 --max-steps 40 --save-every 1it --keep 100 --name whole "+kind.flags)...)
			want := p.outcomeOf("whole")
			if got := p.steps("whole"); len(got) != 40 {
				t.Fatalf("checkpoints of the steps %v, want 40", got)
			}
			fastest := time.Hour
			for step := 1; step < 40; step++ {
				for _, way := range kind.ways {
					runtime.GOMAXPROCS(way.procs)
					p.rewind("again", "whole", step)
					if err := os.WriteFile(filepath.Join(p.output, "again", "model.safetensors"), []byte("damaged"), 0o644); err != nil {
						t.Fatal(err)
					}
					begun := time.Now()
					p.train(0, "--resume="+filepath.Join(p.output, "again"), "--threads", fmt.Sprint(way.threads), "--save-every", "100epochs")
					if step == 39 {
						fastest = min(fastest, time.Since(begun))
					}
					wantSame(t, fmt.Sprintf("from step %d with %+v", step, way), p.outcomeOf("again"), want)
				}
				if t.Failed() {
					return
				}
			}
			if fastest > time.Second {
				t.Errorf("going on for one step took %v", fastest)
			}
		})
	}
}

// A run of airbench94 goes on in the same bits too: filters fitted to the pictures, a
// bias that stops learning on the way, alternating flips, Muon, and six views at the end.
func TestResumeOfAirBench94(t *testing.T) {
	p := inProcess{t, t.TempDir()}
	p.train(0, strings.Fields("shapes --samples 60 --img-size 16 --model airbench94 --batch-size 12 --epochs 2 --save-every 1it --keep 100 --name whole")...)
	want, steps := p.outcomeOf("whole"), p.steps("whole")
	for _, step := range []int{1, len(steps) / 2, len(steps) - 1} {
		p.rewind("again", "whole", step)
		p.train(0, "--resume="+filepath.Join(p.output, "again"), "--save-every", "100epochs")
		wantSame(t, fmt.Sprintf("from step %d", step), p.outcomeOf("again"), want)
	}
}

// A run that is extended ends as one that was as long from the start.
func TestExtended(t *testing.T) {
	p := inProcess{t, t.TempDir()}
	const flags = "shapes --samples 40 --img-size 16 --batch-size 7 "
	p.train(0, strings.Fields(flags+"--epochs 4 --name long")...)
	p.train(0, strings.Fields(flags+"--epochs 2 --name short")...)
	p.train(0, strings.Fields(flags+"--epochs 4 --name short --resume")...)
	wantSame(t, "extended", p.outcomeOf("short"), p.outcomeOf("long"))
}

// Files that a run that died has left go with the next start; no other does.
func TestSweeps(t *testing.T) {
	p := inProcess{t, t.TempDir()}
	p.train(0, strings.Fields("shapes --samples 40 --img-size 16 --epochs 1 --name x")...)
	own := []string{"x/.run.json.1-1.tmp", "x/.model.safetensors.99-7.tmp", "x/checkpoints/.step-0000000002.safetensors.1-1.tmp", ".latest.999999999-1.tmp"}
	foreign := []string{"x/.vimrc.1-1.tmp", "x/notes", "x/checkpoints/step-1.safetensors", "x/checkpoints/.x.1-1.tmp", ".run.json.1-1.tmp"}
	for _, name := range append(slices.Clone(own), foreign...) {
		if err := os.WriteFile(filepath.Join(p.output, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.train(0, strings.Fields("--epochs 5 --keep 1 --resume="+filepath.Join(p.output, "x"))...)
	for _, name := range own {
		if _, err := os.Lstat(filepath.Join(p.output, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range foreign {
		if _, err := os.Lstat(filepath.Join(p.output, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if steps := p.steps("x"); !slices.Equal(steps, []int{10}) {
		t.Errorf("with --keep 1 there are checkpoints of the steps %v", steps)
	}
}

// leftovers lists hidden files below dir, which only writers make.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
