package main

import (
	"encoding/csv"
	"regexp"
	"strings"
	"testing"
)

// Budgets end a run by themselves, with an evaluation and a model, and say which
// it was. Those that choose do it by pictures held out of the training set.
func TestBudgets(t *testing.T) {
	for _, row := range []struct {
		args, ended string // pattern
		weights     string
		val         float64
		steps       float64 // of the model; 0 for any
	}{
		{"--epochs 2", `all 2 epochs`, "last", 0, 12},
		{"--max-steps 9", `--max-steps 9`, "last", 0, 9},
		{"--max-time 1ms --epochs 1000", `--max-time 1ms`, "last", 0, 0},
		{"--epochs 300 --patience 2 --lr 1e-9", `--patience 2`, "best", 20, 0},
		{"--epochs 300 --target-acc 0.02", `--target-acc 0.02`, "best", 20, 5},
		{"--epochs 300 --target-acc 0.02 --val-split 0.5", `--target-acc 0.02`, "best", 99, 3},
		{"--epochs 3 --val-split 0.3", `all 3 epochs`, "best", 60, 0},
	} {
		t.Run(row.args, func(t *testing.T) {
			s := newScene(t)
			events := s.mustRun(append(strings.Fields("train shapes --samples 200 --img-size 16 --batch-size 37 --name x --log-format json"), strings.Fields(row.args)...)...)
			record := object(t, s.read("runs/x/run.json"))
			wantObject(t, "run.json", record, recordKeys)
			if ended := record["ended"].(string); !regexp.MustCompile("^" + row.ended + "$").MatchString(ended) {
				t.Errorf("ended by %q, want %q", ended, row.ended)
			}
			if record["status"] != "done" || record["weights"] != row.weights || row.steps > 0 && record["step"] != row.steps {
				t.Errorf("status %v, weights %v, step %v, want %s of step %v", record["status"], record["weights"], record["step"], row.weights, row.steps)
			}
			counts := record["data"].(map[string]any)
			if val := counts["val"].(float64); val < row.val-3 || val > row.val+3 || counts["train"].(float64)+val != 200 || counts["test"] != 50.0 {
				t.Errorf("pictures %v", counts)
			}
			epochs := epochEvents(t, events)
			for _, e := range epochs {
				keys := epochKeys
				if row.val > 0 {
					keys += " val_loss val_top1"
				}
				wantObject(t, "epoch", e, keys)
			}
			if row.weights == "best" {
				checkBest(t, epochs, record)
			}
			report := object(t, s.mustRun(strings.Fields("eval runs/x --format json shapes --samples 200 --img-size 16")...))
			if report["top1"] != record["test_top1"] || report["loss"] != record["test_loss"] {
				t.Errorf("eval finds %v, %v; run.json says %v, %v", report["top1"], report["loss"], record["test_top1"], record["test_loss"])
			}
			rows, err := csv.NewReader(strings.NewReader(s.read("runs/x/results.csv"))).ReadAll()
			if err != nil || len(rows) != 1+len(epochs) || (rows[1][4] != "") != (row.val > 0) {
				t.Errorf("results.csv: %v, %q", err, rows)
			}
		})
	}
}

func epochEvents(t *testing.T, events string) (epochs []map[string]any) {
	t.Helper()
	for line := range strings.Lines(events) {
		if e := object(t, line); e["event"] == "epoch" {
			epochs = append(epochs, e)
		}
	}
	if len(epochs) == 0 {
		t.Fatalf("no epoch in %s", events)
	}
	return epochs
}

// checkBest wants the model to be of the epoch that is best on the validation
// split, whatever the test split says.
func checkBest(t *testing.T, epochs []map[string]any, record map[string]any) {
	t.Helper()
	best := epochs[0]
	for _, e := range epochs[1:] {
		a, b := e["val_top1"].(float64), best["val_top1"].(float64)
		if a > b || a == b && e["val_loss"].(float64) < best["val_loss"].(float64) {
			best = e
		}
	}
	for key, want := range map[string]string{"step": "step", "test_top1": "test_top1", "test_loss": "test_loss"} {
		if record[key] != best[want] {
			t.Errorf("run.json: %s is %v, the best epoch has %v", key, record[key], best[want])
		}
	}
}

// A dry run tells memory and time, and leaves no trace.
func TestDryRun(t *testing.T) {
	s := newScene(t)
	before := len(s.files())
	out := s.run(strings.Fields("train digits --dry-run --name x --max-steps 1000")...)
	want := `memory  \d+\.\d MB( of \d+\.\d MB free)?\nmodel   cifar-net  62006 parameters\nplan    12 epochs × 46 steps [^\n]*\ndry run step 1 of 2\ndry run step 2 of 2\ndry run 552 steps of [^,]+, about [^;]+; nothing was written\n$`
	if out.code != 0 || out.stdout != "" || !regexp.MustCompile(want).MatchString(out.stderr) {
		t.Errorf("exit code %d, stdout %q, stderr %s", out.code, out.stdout, out.stderr)
	}
	if after := len(s.files()); after != before {
		t.Errorf("%d files and folders were made", after-before)
	}
}

// What ends a run stands in its log and in run.json.
func TestEndIsLogged(t *testing.T) {
	s := newScene(t)
	if out := s.run(strings.Fields("train shapes --samples 40 --lr 1e6 --epochs 50 --name x --quiet")...); out.code != 7 {
		t.Fatalf("exit code %d: %s", out.code, out.stderr)
	}
	record := object(t, s.read("runs/x/run.json"))
	if log := s.read("runs/x/train.log"); !strings.Contains(log, "error: training: ") || !strings.Contains(record["ended"].(string), "is not finite at step") {
		t.Errorf("ended by %v; train.log:\n%s", record["ended"], log)
	}
}
