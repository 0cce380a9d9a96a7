package run

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// Sizes are the lengths of a run's logs at a checkpoint. What was written behind
// them belongs to steps that a resumed run takes again.
type Sizes struct {
	Metrics int64 `json:"metrics"`
	Results int64 `json:"results"`
}

// Sizes makes the logs durable and returns their lengths.
func (f *Folder) Sizes() Sizes {
	if f.metrics == nil || f.results == nil {
		return Sizes{}
	}
	for _, log := range []*fsys.Log{f.metrics, f.results} {
		if err := log.Sync(); err != nil {
			f.lament(err)
		}
	}
	return Sizes{f.metrics.Size(), f.results.Size()}
}

// A Prior is a run that exists, locked, to be gone on with.
type Prior struct {
	Dir    string
	Record Record
	Config []byte // config.yaml; nil where it is missing

	lock *fsys.Lock
}

// Take locks the run in dir and removes what writers that died in it have left.
// A folder that is no run is an error of kind Model, one that another process
// writes to of kind Room.
func Take(dir string, warn func(string)) (*Prior, error) {
	if _, err := Read(dir); err != nil {
		return nil, err
	}
	lock, err := fsys.TakeLock(filepath.Join(dir, lockFile), warn)
	if err != nil {
		return nil, err
	}
	p := &Prior{Dir: dir, lock: lock}
	if err := p.read(); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

// read reads what the process before may have written until it let go of the
// lock.
func (p *Prior) read() (err error) {
	if err = sweep(p.Dir); err != nil {
		return err
	}
	if p.Record, err = Read(p.Dir); err != nil {
		return err
	}
	p.Config, err = os.ReadFile(filepath.Join(p.Dir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Room, "run", filepath.Join(p.Dir, configFile), "check its owner and mode", "%w", fault.Cause(err))
	}
	return nil
}

// Index returns the index of the data that the run began with, or nil.
func (p *Prior) Index() []byte {
	index, err := os.ReadFile(filepath.Join(p.Dir, indexFile))
	if err != nil {
		return nil // it only makes a message better
	}
	return index
}

// Begun reports whether the run had got beyond writing config.yaml: it may have
// taken steps.
func (p *Prior) Begun() bool {
	_, err := os.Lstat(filepath.Join(p.Dir, classesFile))
	return p.Config != nil || err == nil
}

// Checkpoints returns the store of the run's checkpoints.
func (p *Prior) Checkpoints() checkpoint.Store {
	return checkpoint.Store{Dir: filepath.Join(p.Dir, checkpointFolder)}
}

// Release gives the run up.
func (p *Prior) Release() error {
	if p.lock == nil {
		return nil
	}
	err := p.lock.Release()
	p.lock = nil
	return err
}

// Reopen goes on with the run: it is running again, under the record given, whose
// Seconds are those of the parts before, and its logs end where sizes says. The
// Folder takes over the lock. Of the options Output, Name and Overwrite do not
// count.
func (p *Prior) Reopen(o Options, record Record, sizes Sizes) (*Folder, error) {
	record.Status, record.Exit, record.Ended, record.Started = Running, nil, "", p.Record.Started
	f := &Folder{
		dir: p.Dir, record: record, started: time.Now(), before: record.Seconds, warn: o.Warn,
		config: o.Config, classes: o.Classes, index: o.Index, lock: p.lock,
	}
	p.lock = nil
	if err := f.populate(&sizes); err != nil {
		f.Close()
		return nil, err
	}
	f.publish()
	return f, nil
}

// A Found is a run below a folder of runs.
type Found struct {
	Dir    string
	Record Record
}

// Unfinished lists the runs in the folder output that did not end by themselves,
// the newest first. The newest is the one that latest stands for; the others
// follow by the time at which they began, since nothing else orders them.
func Unfinished(output string) ([]Found, error) {
	entries, err := os.ReadDir(output)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Room, "--output", output, "check that it is a folder of yours", "%w", fault.Cause(err))
	}
	newest := newestName(output)
	var found []Found
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(output, e.Name())
		if r, err := Read(dir); err == nil && r.Status != Complete {
			found = append(found, Found{dir, r})
		}
	}
	slices.SortFunc(found, func(a, b Found) int {
		if first := cmp.Compare(rank(b, newest), rank(a, newest)); first != 0 {
			return first
		}
		return cmp.Or(b.Record.Started.Compare(a.Record.Started), cmp.Compare(b.Dir, a.Dir))
	})
	return found, nil
}

func rank(f Found, newest string) int {
	if filepath.Base(f.Dir) == newest {
		return 1
	}
	return 0
}

// newestName returns the name of the run that latest stands for.
func newestName(output string) string {
	path := filepath.Join(output, latest)
	if to, err := os.Readlink(path); err == nil {
		return filepath.Base(to)
	}
	name, _ := readLatest(path)
	return name
}

// Resolve returns the folder of the run that a user means by path: the folder
// itself, or what latest stands for.
func Resolve(path string) string {
	_, dir := Locate(path)
	if dir == "" {
		return path
	}
	if to, err := filepath.EvalSymlinks(dir); err == nil && filepath.Base(dir) == latest {
		return filepath.Join(filepath.Dir(dir), filepath.Base(to))
	}
	return dir
}
