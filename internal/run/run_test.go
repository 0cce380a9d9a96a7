package run

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
	"imgcls/internal/metrics"
)

var record = Record{
	Command: []string{"imgcls", "train", "digits"}, Version: "imgcls 1", Seed: 42, Device: "cpu", Model: "cifar-net",
	Data: Data{Name: "digits", Train: 1434, Test: 363}, Epochs: 2, Weights: "last",
}

// options are those of most tests; warnings are collected.
func options(t *testing.T, output string) (Options, *[]string) {
	var warnings []string
	return Options{
		Output: output, Config: []byte("epochs: 2\n"), Classes: []string{"cat", "dog"},
		Warn: func(text string) { warnings = append(warnings, text) },
	}, &warnings
}

func create(t *testing.T, o Options) *Folder {
	t.Helper()
	f, err := Create(o, record)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A whole run: every file of the folder, from the first second to the last.
func TestFolder(t *testing.T) {
	output := filepath.Join(t.TempDir(), "deep", "runs")
	o, warnings := options(t, output)
	f := create(t, o)

	if want := []string{"classes.txt", "config.yaml", "metrics.jsonl", "results.csv", "run.json", "run.lock", "train.log"}; !slices.Equal(names(t, f.Dir()), want) {
		t.Errorf("at the start the folder holds %q", names(t, f.Dir()))
	}
	at := f.Record().Started
	if base := filepath.Base(f.Dir()); base != at.Format("2006-01-02_1504")+"_digits_cifar-net" || at.Location() != time.UTC {
		t.Errorf("name %q, started %v", base, at)
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(read(t, f.Dir(), "run.json")), &raw); err != nil {
		t.Fatal(err)
	}
	if raw["status"] != "running" || raw["exit"] != nil || raw["test_top1"] != nil || raw["started"] != at.Format(time.RFC3339) {
		t.Errorf("run.json at the start: %v", raw)
	}

	step := Step{Epoch: 1, Step: 10, TrainLoss: 1.5, LR: 1e-7, ImagesPerSecond: 100}
	epoch := Epoch{
		Epoch: 1, Step: 20, TrainLoss: 0.30000000000000004, TestLoss: metrics.Figure(math.Inf(1)), TestTop1: 0.5,
		LR: 0.001, Seconds: 2, ImagesPerSecond: 717, DataWait: metrics.Undefined(),
	}
	for _, e := range []Event{Start{}, step, Warning{Why: "x"}, epoch, Done{}} {
		if err := f.Log(e); err != nil {
			t.Error(err)
		}
	}
	wantMetrics := `{"event":"step","epoch":1,"step":10,"train_loss":1.5,"lr":1e-7,"images_per_second":100}
{"event":"epoch","epoch":1,"step":20,"train_loss":0.30000000000000004,"test_loss":null,"test_top1":0.5,"lr":0.001,"seconds":2,"images_per_second":717,"data_wait":null}
`
	if diff := cmp.Diff(wantMetrics, read(t, f.Dir(), "metrics.jsonl")); diff != "" {
		t.Errorf("metrics.jsonl: (-want +got)\n%s", diff)
	}
	if got := string(Line(step)) + string(Line(epoch)); got != wantMetrics {
		t.Errorf("the lines for stdout differ: %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(read(t, f.Dir(), "results.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	wantRow := []string{"1", "2", "0.001", "0.30000000000000004", "", "", "717", "", "", "0.5"}
	if len(rows) != 2 || rows[0][0] != "epoch" || !slices.Equal(rows[1], wantRow) {
		t.Errorf("results.csv: %q", rows)
	}
	f.Say("plain\x1b[31m\ntext")
	if got := read(t, f.Dir(), "train.log"); got != "plain\\x1b[31m\\ntext\n" {
		t.Errorf("train.log: %q", got)
	}

	if err := f.Update(func(r *Record) { r.Step, r.TestTop1 = 20, 0.5 }); err != nil {
		t.Error(err)
	}
	if err := f.End(143, "SIGTERM"); err != nil {
		t.Error(err)
	}
	got, err := Read(filepath.Join(output, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != Stopped || got.Exit == nil || *got.Exit != 143 || got.Step != 20 || got.TestTop1 != 0.5 ||
		got.TestLoss.Defined() || !got.Started.Equal(at) || got.Seconds <= 0 || !slices.Equal(got.Command, record.Command) {
		t.Errorf("run.json at the end: %+v", got)
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings %q", *warnings)
	}
}

// run.json has every key of the contract.
func TestRecordKeys(t *testing.T) {
	text, err := record.text()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"status", "exit", "command", "version", "seed", "device", "model", "data", "epochs", "step", "test_top1",
		"test_loss", "weights", "model_sha256", "seconds", "started", "ended",
	} {
		if _, ok := got[key]; !ok {
			t.Errorf("no key %q", key)
		}
	}
	for _, key := range []string{"name", "path", "fingerprint", "train", "val", "test"} {
		if _, ok := got["data"].(map[string]any)[key]; !ok {
			t.Errorf("no key data.%s", key)
		}
	}
}

// Every event is one line of valid JSON that begins with its name.
func TestLine(t *testing.T) {
	loss := metrics.Figure(0.5)
	for want, e := range map[string]Event{
		`{"event":"start","run":"a\nb",`:      Start{Run: "a\nb"},
		`{"event":"epoch","epoch":1,`:         Epoch{Epoch: 1, ValLoss: &loss},
		`{"event":"warning","what":"",`:       Warning{Why: "\xff\x1b"},
		`{"event":"error","what":"x",`:        Error{What: "x"},
		`{"event":"done","run":"",`:           Done{Seconds: metrics.Undefined()},
		`{"event":"step","epoch":0,"step":0,`: Step{},
	} {
		line := string(Line(e))
		if !strings.HasPrefix(line, want) || !json.Valid([]byte(line)) || strings.Count(line, "\n") != 1 {
			t.Errorf("%T: %q", e, line)
		}
	}
}

// Names that no flag gives never meet: the second run of a minute gets -2.
func TestAutomaticNames(t *testing.T) {
	output := t.TempDir()
	o, _ := options(t, output)
	seen := map[string]bool{}
	for range 3 {
		f := create(t, o)
		if seen[f.Dir()] {
			t.Fatalf("%s is used twice", f.Dir())
		}
		seen[f.Dir()] = true
	}
	suffixed := 0
	for dir := range seen {
		if strings.HasSuffix(dir, "cifar-net-2") || strings.HasSuffix(dir, "cifar-net-3") {
			suffixed++
		}
	}
	// At most one turn of the minute falls between the three.
	if suffixed < 1 {
		t.Errorf("no suffix in %v", seen)
	}
	f, err := Create(o, Record{Data: Data{Name: "../my\n pets/" + strings.Repeat("x", 300)}, Model: "a/b"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if filepath.Dir(f.Dir()) != output || !ValidName(filepath.Base(f.Dir())) {
		t.Errorf("folder %q", f.Dir())
	}
}

// What exists is never written into, but for a run that the user gives up.
func TestNamesTaken(t *testing.T) {
	for _, row := range []struct {
		name      string
		prepare   func(t *testing.T, dir string)
		overwrite bool
		want      string // part of the error, or empty for success
	}{
		{"run", aRun, false, "holds another run; add --resume to go on with it, --overwrite to replace it"},
		{"run, overwritten", aRun, true, ""},
		{"empty folder", aFolder, false, ""},
		{"other folder", func(t *testing.T, dir string) { aFolder(t, dir); aFile(t, filepath.Join(dir, "thesis.tex")) },
			true, "is not a run of imgcls"},
		{"folder with another run.json", func(t *testing.T, dir string) { aFolder(t, dir); aFile(t, filepath.Join(dir, "run.json")) },
			true, "is not a run of imgcls"},
		{"file", aFile, true, "is not a folder"},
		{"link to a run", func(t *testing.T, dir string) {
			aRun(t, dir+"-real")
			if err := os.Symlink("x-real", dir); err != nil {
				t.Skip(err)
			}
		}, true, "is not a folder"},
	} {
		t.Run(row.name, func(t *testing.T) {
			output := t.TempDir()
			dir := filepath.Join(output, "x")
			row.prepare(t, dir)
			before := tree(t, output)
			o, _ := options(t, output)
			o.Name, o.Overwrite = "x", row.overwrite
			f, err := Create(o, record)
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if got := read(t, dir, "config.yaml"); got != string(o.Config) {
					t.Errorf("config.yaml holds %q", got)
				}
				if slices.Contains(names(t, dir), ModelFile) {
					t.Error("the old model is still there")
				}
				return
			}
			if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
			if diff := cmp.Diff(before, tree(t, output)); diff != "" {
				t.Errorf("files changed:\n%s", diff)
			}
		})
	}
}

// --overwrite leaves the files alone that no run writes.
func TestOverwriteSparesOthers(t *testing.T) {
	output := t.TempDir()
	dir := filepath.Join(output, "x")
	aRun(t, dir)
	aFile(t, filepath.Join(dir, "notes.txt"))
	o, _ := options(t, output)
	o.Name, o.Overwrite = "x", true
	create(t, o)
	if got := read(t, dir, "notes.txt"); got != "text" {
		t.Errorf("notes.txt holds %q", got)
	}
	if got := read(t, dir, "metrics.jsonl"); got != "" {
		t.Errorf("metrics.jsonl holds %q", got)
	}
}

func aFolder(t *testing.T, dir string) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func aFile(t *testing.T, path string) {
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// aRun is a finished run with a model.
func aRun(t *testing.T, dir string) {
	aFolder(t, dir)
	for _, name := range ownFiles {
		aFile(t, filepath.Join(dir, name))
	}
	if err := os.WriteFile(filepath.Join(dir, recordFile), []byte(`{"status":"done","exit":0}`), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree lists what is below dir, with the contents of files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found[path] = read(t, filepath.Dir(path), d.Name())
		} else {
			found[path] = d.Type().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "ä-1_2.3 b": true, "-x": true, "": false, ".": false, "..": false, ".x": false, "a.": false, "a/b": false,
		`a\b`: false, "a\x00": false, "a\nb": false, "\x1b": false, "\xff": false, " a": false, "a:b": false,
		"latest": false, strings.Repeat("x", 200): true, strings.Repeat("x", 201): false,
	} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) is %v", name, !want)
		}
	}
}

// E1: where files cannot be written, the error comes before the first step and
// nothing is left.
func TestNoRoom(t *testing.T) {
	for _, at := range []fsys.Call{fsys.CallMkdir, fsys.CallOpen, fsys.CallWrite, fsys.CallSync, fsys.CallRename} {
		t.Run(string(at), func(t *testing.T) {
			output := t.TempDir()
			o, _ := options(t, output)
			o.Name = "x"
			defer fsys.Inject(func(call fsys.Call, path string) error {
				if call == at {
					return syscall.EROFS
				}
				return nil
			})()
			_, err := Create(o, record)
			if fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), "read-only") {
				t.Errorf("error %v", err)
			}
			if left := names(t, output); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	aFile(t, file)
	o, _ := options(t, filepath.Join(file, "runs"))
	if _, err := Create(o, record); fault.KindOf(err) != fault.Room {
		t.Errorf("below a file: %v", err)
	}
}

// E4: a full disk under the logs is one warning; run.json of the end is an error.
func TestLogsFull(t *testing.T) {
	o, warnings := options(t, t.TempDir())
	f := create(t, o)
	restore := fsys.Inject(func(call fsys.Call, _ string) error {
		if call == fsys.CallWrite {
			return syscall.ENOSPC
		}
		return nil
	})
	for range 3 {
		f.Say("line")
		err := errors.Join(f.Log(Step{}), f.Log(Epoch{}), f.Update(func(*Record) {}))
		if err != nil {
			t.Error(err)
		}
	}
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "no space left") {
		t.Errorf("warnings %q", *warnings)
	}
	if err := f.End(0, ""); fault.KindOf(err) != fault.Room {
		t.Errorf("the end is lost: %v", err)
	}
	restore()
	f.Log(Step{Step: 7})
	if got := read(t, f.Dir(), "metrics.jsonl"); got != string(Line(Step{Step: 7})) {
		t.Errorf("after the disk is free again: %q", got)
	}
}

// E5: a folder deleted in mid-run is made again once.
func TestDeleted(t *testing.T) {
	o, warnings := options(t, t.TempDir())
	f := create(t, o)
	if err := os.RemoveAll(f.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := f.Log(Step{Step: 3}); err != nil {
		t.Fatal(err)
	}
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "deleted") {
		t.Errorf("warnings %q", *warnings)
	}
	if read(t, f.Dir(), "metrics.jsonl") != string(Line(Step{Step: 3})) || read(t, f.Dir(), "classes.txt") != "cat\ndog\n" {
		t.Error("files are missing")
	}
	if _, err := Read(f.Dir()); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(f.Dir()); err != nil {
		t.Fatal(err)
	}
	f.Say("line")
	if err := f.Keep(); fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), "deleted twice") {
		t.Errorf("error %v", err)
	}
	if err := f.End(0, ""); fault.KindOf(err) != fault.Room {
		t.Errorf("error %v", err)
	}
}

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"done","exit":0,"test_top1":null}`: "",
		`{"status":"done"`:                            "not the record",
		`[]`:                                          "not the record",
		`{}`:                                          "no status",
		``:                                            "not the record",
		"\x80\x02}q":                                  "not the record",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Read(dir)
		if want == "" && err != nil || want != "" && (fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Read(t.TempDir()); fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// runs/latest is the newest run, as a link or, without links, as a file; what
// is neither stays.
func TestLatest(t *testing.T) {
	noLinks := func(call fsys.Call, _ string) error {
		if call == fsys.CallLink {
			return errors.ErrUnsupported
		}
		return nil
	}
	for _, links := range []bool{true, false} {
		output := t.TempDir()
		o, warnings := options(t, output)
		if !links {
			defer fsys.Inject(noLinks)()
		}
		var f *Folder
		for range 2 {
			f = create(t, o)
		}
		model, dir := Locate(filepath.Join(output, "latest"))
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := filepath.EvalSymlinks(f.Dir())
		if real != want || model != filepath.Join(dir, ModelFile) || len(*warnings) > 0 {
			t.Errorf("links %v: latest is %q, want %q; warnings %q", links, real, want, *warnings)
		}
	}
	output := t.TempDir()
	aFolder(t, filepath.Join(output, "latest"))
	o, warnings := options(t, output)
	create(t, o)
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "neither a link") {
		t.Errorf("warnings %q", *warnings)
	}
}

func TestLocate(t *testing.T) {
	output := t.TempDir()
	aRun(t, filepath.Join(output, "x"))
	aFile(t, filepath.Join(output, "latest")) // holds "text"
	evil := t.TempDir()
	if err := os.WriteFile(filepath.Join(evil, "latest"), []byte("../x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ path, model, dir string }{
		{filepath.Join(output, "x"), filepath.Join(output, "x", ModelFile), filepath.Join(output, "x")},
		{filepath.Join(output, "x") + "/", filepath.Join(output, "x", ModelFile), filepath.Join(output, "x") + "/"},
		{filepath.Join(output, "x", ModelFile), filepath.Join(output, "x", ModelFile), ""},
		{filepath.Join(output, "none"), filepath.Join(output, "none"), ""},
		{filepath.Join(output, "latest"), filepath.Join(output, "text", ModelFile), filepath.Join(output, "text")},
		{filepath.Join(evil, "latest"), filepath.Join(evil, "latest"), ""},
	} {
		if model, dir := Locate(row.path); model != row.model || dir != row.dir {
			t.Errorf("Locate(%q) = %q, %q", row.path, model, dir)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"plain ü 日本": "plain ü 日本", "a\tb\r\n": `a\tb\r\n`, "\x1b[2J": `\x1b[2J`, "\u202e\u2028": `\u202e\u2028`, "": "",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestClassLines(t *testing.T) {
	got := string(classLines([]string{"cat", "a\nb", `"quoted"`, "ü x"}))
	if want := "cat\n\"a\\nb\"\n\"\\\"quoted\\\"\"\nü x\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEnded(t *testing.T) {
	for exit, want := range map[int]Status{0: Complete, 7: Diverged, 130: Stopped, 143: Stopped, 1: Failed, 6: Failed} {
		if got := Ended(exit); got != want {
			t.Errorf("Ended(%d) = %s", exit, got)
		}
	}
}
