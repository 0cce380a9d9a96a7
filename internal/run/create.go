package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
	"imgcls/internal/metrics"
)

// The files of a run folder beside run.json.
const (
	ModelFile   = "model.safetensors"
	configFile  = "config.yaml"
	classesFile = "classes.txt"
	metricsFile = "metrics.jsonl"
	resultsFile = "results.csv"
	logFile     = "train.log"
	indexFile   = "data.index"
	lockFile    = "run.lock"

	checkpointFolder = "checkpoints"
)

// ownFiles are what --overwrite removes; run.json is replaced.
var ownFiles = []string{ModelFile, configFile, classesFile, metricsFile, resultsFile, logFile, indexFile}

// isOwn reports whether a file of this name in a run folder is imgcls' own.
func isOwn(name string) bool {
	return name == recordFile || name == lockFile || slices.Contains(ownFiles, name)
}

// Options say where a run folder is made and what stands in it from the start.
type Options struct {
	Output    string // the folder of all runs
	Name      string // of the run folder; empty for one of time, data and model
	Overwrite bool   // replace the run of that Name
	Config    []byte // config.yaml
	Classes   []string
	Index     []byte            // of the data, by which later changes of them are counted
	Warn      func(text string) // told of what does not stop the run
}

// Vacant reports, before any work is done, what Create would say of the name.
func Vacant(output, name string, overwrite bool) error {
	if name == "" {
		if overwrite {
			return fault.New(fault.Usage, "--overwrite", "", "give the --name of the run to replace", "does not say which run")
		}
		return nil
	}
	dir := filepath.Join(output, name)
	if _, err := os.Lstat(dir); err != nil {
		return nil
	}
	return replaceable(dir, overwrite)
}

// Create makes the folder of a run, locks it, and writes everything that is known
// before the first step: record is run.json, with Status and Started filled in. A
// name that is taken is a usage error; a folder that cannot be written, or that
// another process writes to, is an error of kind Room. An error leaves nothing
// behind.
func Create(o Options, record Record) (*Folder, error) {
	if o.Name != "" && !ValidName(o.Name) {
		return nil, fault.New(fault.Usage, "--name", "", "choose letters, digits, '-', '_' and '.'",
			"%s is not a plain name for a folder", fault.Quote(o.Name))
	}
	if err := fsys.MkdirAll(o.Output); err != nil {
		return nil, err
	}
	now := time.Now()
	record.Status, record.Exit, record.Started = Running, nil, now.UTC().Truncate(time.Second)
	record.TestTop1, record.TestLoss = metrics.Undefined(), metrics.Undefined()
	dir, made, err := claim(o, record)
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, record: record, started: now, warn: o.Warn, config: o.Config, classes: o.Classes, index: o.Index}
	if err := f.begin(o.Overwrite, made); err != nil {
		f.Close()
		if made {
			err = errors.Join(err, fsys.RemoveAll(dir))
		}
		return nil, err
	}
	f.publish()
	return f, nil
}

// begin locks the folder, empties it where it is not new, and fills it.
func (f *Folder) begin(overwrite, made bool) (err error) {
	if f.lock, err = fsys.TakeLock(filepath.Join(f.dir, lockFile), f.warn); err != nil {
		return err
	}
	if !made {
		if err := vacate(f.dir, overwrite); err != nil {
			return err
		}
	}
	return f.populate(nil)
}

// publish makes runs/latest the run's.
func (f *Folder) publish() {
	output, name := filepath.Split(f.dir)
	if err := point(filepath.Clean(output), name); err != nil {
		f.warn(fmt.Sprintf("%s: %v", fault.Quote(filepath.Join(output, latest)), err))
	}
}

// claim takes a folder for the run, and reports whether it is new.
func claim(o Options, r Record) (dir string, made bool, err error) {
	if o.Name != "" {
		dir = filepath.Join(o.Output, o.Name)
		err = fsys.Mkdir(dir)
		if errors.Is(err, fs.ErrExist) {
			return dir, false, replaceable(dir, o.Overwrite)
		}
		return dir, err == nil, err
	}
	base := strings.Join([]string{r.Started.Format("2006-01-02_1504"), plainName(r.Data.Name), plainName(r.Model)}, "_")
	const most = 10000
	for n := 1; n <= most; n++ {
		dir = filepath.Join(o.Output, base)
		if n > 1 {
			dir += fmt.Sprintf("-%d", n)
		}
		if err = fsys.Mkdir(dir); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return dir, err == nil, err
}

// replaceable reports why the existing dir may not be used for a new run: only
// an empty folder may, one that a run died in before it wrote run.json, and a run
// if the user says so.
func replaceable(dir string, overwrite bool) error {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return fault.New(fault.Usage, "--name", dir, "choose another --name", "exists and is not a folder")
	}
	if empty(dir) {
		return nil
	}
	if _, err := Read(dir); err != nil {
		return fault.New(fault.Usage, "--name", dir, "choose another --name", "exists and is not a run of imgcls")
	}
	if !overwrite {
		return fault.New(fault.Usage, "--name", dir,
			"add --resume to go on with it, --overwrite to replace it, or choose another --name", "holds another run")
	}
	return nil
}

// empty reports whether a folder holds nothing but a lock and what a writer that
// died has left.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != lockFile && !fsys.IsTemporary(e.Name(), isOwn) {
			return false
		}
	}
	return err == nil
}

// vacate makes the existing dir, whose lock is held, ready for a new run. It
// removes only files that a run has, and only where run.json shows that the
// folder is one.
func vacate(dir string, overwrite bool) error {
	if err := replaceable(dir, overwrite); err != nil {
		return err
	}
	if err := errors.Join(sweep(dir), fsys.Trial(dir)); err != nil {
		return err
	}
	checkpoints := checkpoint.Store{Dir: filepath.Join(dir, checkpointFolder)}
	steps, err := checkpoints.Steps()
	if err != nil {
		return err
	}
	var paths []string
	for _, step := range steps {
		paths = append(paths, checkpoints.Path(step))
	}
	for _, name := range ownFiles {
		paths = append(paths, filepath.Join(dir, name))
	}
	for _, path := range paths {
		if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sweep removes what writers that died have left in a folder whose lock is held.
func sweep(dir string) error {
	return errors.Join(fsys.Sweep(dir, isOwn), fsys.Sweep(filepath.Join(dir, checkpointFolder), checkpoint.IsState))
}

// ValidName reports whether name is one plain element of a path on every
// system: no separators, no control characters, none of Windows' forbidden
// characters, no leading dot, and not the name of the link.
func ValidName(name string) bool {
	const most = 200 // bytes
	return name != "" && len(name) <= most && utf8.ValidString(name) && name != latest &&
		!strings.ContainsAny(name, `/\:*?"<>|`) && !strings.ContainsFunc(name, unicode.IsControl) &&
		!strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") && strings.TrimSpace(name) == name
}

// plainName turns the name of a data set or model into part of a folder's name.
func plainName(name string) string {
	const most = 40 // runes
	if r := []rune(filepath.Base(name)); len(r) > most {
		name = string(r[:most])
	} else {
		name = string(r)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, name)
}

// classLines is classes.txt: a class a line, quoted as in Go where its name
// could be mistaken.
func classLines(classes []string) []byte {
	var b strings.Builder
	for _, c := range classes {
		if Plain(c) != c || strings.HasPrefix(c, `"`) {
			c = fmt.Sprintf("%q", c)
		}
		b.WriteString(c + "\n")
	}
	return []byte(b.String())
}

func (r Record) text() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}
