package run

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"imgcls/internal/fault"
	"imgcls/internal/metrics"
)

// A Status says how far a run has come.
type Status string

// The states of a run.
const (
	Running  Status = "running"
	Complete Status = "done"
	Stopped  Status = "stopped"  // by a signal, after saving
	Diverged Status = "diverged" // loss or weights left the finite numbers
	Failed   Status = "failed"
)

// Ended returns the Status of a run that ended with this exit code.
func Ended(exit int) Status {
	switch {
	case exit == 0:
		return Complete
	case exit == int(fault.Diverged):
		return Diverged
	case exit > 128:
		return Stopped
	}
	return Failed
}

// A Record is run.json.
type Record struct {
	Status      Status         `json:"status"`
	Exit        *int           `json:"exit"` // nil while running
	Command     []string       `json:"command"`
	Version     string         `json:"version"`
	Seed        uint64         `json:"seed"`
	Device      string         `json:"device"`
	Precision   string         `json:"precision"` // fp32, bf16 or fp16
	Model       string         `json:"model"`
	Data        Data           `json:"data"`
	Epochs      int            `json:"epochs"`
	Step        int            `json:"step"`      // of the weights in model.safetensors,
	TestTop1    metrics.Figure `json:"test_top1"` // and so these
	TestLoss    metrics.Figure `json:"test_loss"`
	Weights     string         `json:"weights"` // which the model file holds, once it is there: last, ema or best
	ModelSHA256 string         `json:"model_sha256"`
	Seconds     float64        `json:"seconds"`
	Started     time.Time      `json:"started"`
	Ended       string         `json:"ended"` // by what: "all 12 epochs", "--max-steps 500"; empty while running
}

// Data names a data set and counts its samples.
type Data struct {
	Name        string `json:"name"`
	Path        string `json:"path"`
	Fingerprint string `json:"fingerprint"`
	Train       int    `json:"train"`
	Val         int    `json:"val"`
	Test        int    `json:"test"`
}

const recordFile = "run.json"

// Read returns the record of the run in folder dir.
func Read(dir string) (Record, error) {
	const most = 16 << 20
	path := filepath.Join(dir, recordFile)
	fail := func(why string, args ...any) (Record, error) {
		return Record{}, fault.New(fault.Model, "run", path, "name a run folder, as runs/latest", why, args...)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail("no such file")
	} else if err != nil {
		return fail("%w", errors.Unwrap(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return fail("%w", err)
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return fail("is not the record of a run: %v", err)
	}
	if r.Status == "" {
		return fail("is not the record of a run: it has no status")
	}
	return r, nil
}

// Locate finds the model that a user means by path: a model file, or a run
// folder, which is then returned as well. The newest run can be named by the
// file latest that stands for a link where there are none.
func Locate(path string) (model, dir string) {
	dir = path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		name, ok := readLatest(path)
		if !ok {
			return path, ""
		}
		dir = filepath.Join(filepath.Dir(path), name)
	}
	return filepath.Join(dir, ModelFile), dir
}
