package run

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
	"imgcls/internal/metrics"
)

// A Folder is the run folder of a training in progress. It is not safe for
// concurrent use.
type Folder struct {
	dir     string
	record  Record
	started time.Time // of this process's part, with its monotonic reading
	before  float64   // seconds that the parts before it took
	config  []byte
	classes []string
	index   []byte

	lock                  *fsys.Lock
	metrics, results, log *fsys.Log

	warn   func(string)
	warned bool  // that a log cannot be written
	remade bool  // after somebody deleted it
	lost   error // why the folder is not this process's any more
}

// Dir returns the path of the folder.
func (f *Folder) Dir() string { return f.dir }

// Model returns the path of the model file, which package checkpoint writes.
func (f *Folder) Model() string { return filepath.Join(f.dir, ModelFile) }

// Checkpoints returns the store of the run's checkpoints, of which it keeps the
// newest.
func (f *Folder) Checkpoints(keep int) checkpoint.Store {
	return checkpoint.Store{Dir: filepath.Join(f.dir, checkpointFolder), Keep: keep}
}

// Config returns config.yaml.
func (f *Folder) Config() []byte { return f.config }

// Seconds returns how long the run has gone on, all its parts together.
func (f *Folder) Seconds() float64 { return f.before + time.Since(f.started).Seconds() }

// Warn tells the user of something that does not stop the run.
func (f *Folder) Warn(text string) { f.warn(text) }

// Record returns run.json as it stands.
func (f *Folder) Record() Record { return f.record }

// Update changes run.json, and keeps its seconds. While the run goes on, a
// failure to write it is a warning; the end of a run is reported as an error
// when it cannot be written.
func (f *Folder) Update(change func(*Record)) error {
	change(&f.record)
	f.record.Seconds = f.Seconds()
	if err := f.Keep(); err != nil {
		return err
	}
	err := f.writeRecord()
	if err != nil && f.record.Status == Running {
		f.lament(err)
		return nil
	}
	return err
}

// End writes how the run ended: by what, the exit code of the process, and the
// status that follows from it.
func (f *Folder) End(exit int, by string) error {
	return f.Update(func(r *Record) { r.Status, r.Exit, r.Ended = Ended(exit), &exit, by })
}

// Log adds a step or an epoch to metrics.jsonl, and an epoch to results.csv;
// other events leave no trace. Its error is that of Keep: a log that cannot be
// written is a warning.
func (f *Folder) Log(e Event) error {
	switch e.(type) {
	case Step, Epoch:
	default:
		return nil
	}
	if err := f.Keep(); err != nil {
		return err
	}
	f.write(f.metrics, Line(e))
	if epoch, ok := e.(Epoch); ok {
		f.write(f.results, csvLine(epoch.row()))
	}
	return nil
}

// Say adds one line to train.log.
func (f *Folder) Say(line string) {
	if f.Keep() == nil {
		f.write(f.log, []byte(Plain(line)+"\n"))
	}
}

// Keep makes the folder again if somebody has deleted it, or its lock: once, with
// a warning. The second time is an error, and so is a folder that another process
// has taken since then: nothing is written to that. Call it before saving the
// model.
func (f *Folder) Keep() error {
	if f.lost != nil {
		return f.lost
	}
	_, err := os.Stat(f.dir)
	what := "the run folder was deleted while the run went on; it was made again, its logs begin anew"
	if lost := errors.Is(err, fs.ErrNotExist); !lost {
		if f.lock == nil { // closed
			return nil
		}
		if lost, f.lost = f.lock.Check(); !lost {
			return f.lost
		}
		what = "the lock was deleted while the run went on; it was made again"
	}
	if f.remade {
		return fault.New(fault.Room, "run folder", f.dir, "choose an --output that nothing else cleans up",
			"was deleted twice while the run went on")
	}
	f.remade = true
	if err := f.remake(); err != nil {
		return err
	}
	f.warn(fault.Quote(f.dir) + ": " + what)
	return nil
}

// remake makes the folder with what it has from its start, under a new lock.
func (f *Folder) remake() (err error) {
	f.closeLogs()
	f.metrics, f.results, f.log = nil, nil, nil
	if err := fsys.MkdirAll(f.dir); err != nil {
		return err
	}
	if f.lock != nil {
		f.lock.Release()
		f.lock = nil
	}
	if f.lock, err = fsys.TakeLock(filepath.Join(f.dir, lockFile), f.warn); err != nil {
		f.lock, f.lost = nil, err
		return err
	}
	return f.populate(nil)
}

// Close closes the logs and gives the folder up.
func (f *Folder) Close() error {
	err := f.closeLogs()
	f.metrics, f.results, f.log = nil, nil, nil
	if f.lock != nil {
		err = errors.Join(err, f.lock.Release())
		f.lock = nil
	}
	return err
}

func (f *Folder) closeLogs() error {
	var all []error
	for _, l := range []*fsys.Log{f.metrics, f.results, f.log} {
		if l != nil {
			all = append(all, l.Close())
		}
	}
	return errors.Join(all...)
}

// populate writes the files that a run has from its start. Of logs that are
// there it keeps what sizes says.
func (f *Folder) populate(sizes *Sizes) error {
	if err := f.writeRecord(); err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{configFile, f.config}, {classesFile, classLines(f.classes)}, {indexFile, f.index}} {
		if file.content == nil {
			continue
		}
		if err := fsys.WriteFile(filepath.Join(f.dir, file.name), file.content); err != nil {
			return err
		}
	}
	for name, log := range map[string]**fsys.Log{metricsFile: &f.metrics, resultsFile: &f.results, logFile: &f.log} {
		l, err := fsys.Append(filepath.Join(f.dir, name))
		if err != nil {
			return err
		}
		*log = l
	}
	if sizes != nil {
		if err := errors.Join(f.metrics.Cut(sizes.Metrics), f.results.Cut(sizes.Results)); err != nil {
			return err
		}
	}
	if f.results.Size() > 0 {
		return nil
	}
	_, err := f.results.Write(csvLine(resultsHead))
	return err
}

func (f *Folder) writeRecord() error {
	text, err := f.record.text()
	if err != nil {
		return err
	}
	return fsys.WriteFile(filepath.Join(f.dir, recordFile), text)
}

// write adds to a log; a failure is told once.
func (f *Folder) write(log *fsys.Log, p []byte) {
	if log == nil { // closed
		return
	}
	if _, err := log.Write(p); err != nil {
		f.lament(err)
	}
}

func (f *Folder) lament(err error) {
	if f.warned {
		return
	}
	f.warned = true
	f.warn(err.Error() + "; the run goes on, its logs have gaps")
}

// resultsHead are the columns of results.csv; time is the epoch's own seconds of
// training. New ones are added at the end.
var resultsHead = []string{
	"epoch", "time", "lr", "train_loss", "val_loss", "val_top1", "img_s", "data_wait", "test_loss", "test_top1",
}

func (e Epoch) row() []string {
	row := []string{strconv.Itoa(e.Epoch)}
	for _, f := range []*metrics.Figure{
		&e.Seconds, &e.LR, &e.TrainLoss, e.ValLoss, e.ValTop1, &e.ImagesPerSecond, &e.DataWait, &e.TestLoss, &e.TestTop1,
	} {
		cell := ""
		if f != nil && f.Defined() {
			cell = strconv.FormatFloat(float64(*f), 'g', -1, 64)
		}
		row = append(row, cell)
	}
	return row
}

func csvLine(cells []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(cells) // to memory: it cannot fail
	w.Flush()
	return b.Bytes()
}
