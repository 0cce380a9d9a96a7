package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

// A Store is the folder of one run's checkpoints. Each save is a file of its own,
// named by its step and written whole or not at all, and the number alone orders
// them: neither clocks nor times of files count. Of what lies in the folder, a
// Store removes only checkpoints, and those only once a newer one is safe.
type Store struct {
	Dir  string
	Keep int // of the newest, at least 1
}

var stateName = regexp.MustCompile(`^step-(\d{10,18})\.safetensors$`)

// IsState reports whether a file of this name is a checkpoint's.
func IsState(name string) bool { return stateName.MatchString(name) }

// Path returns the path of the checkpoint of a step.
func (s Store) Path(step int) string {
	return filepath.Join(s.Dir, fmt.Sprintf("step-%010d.safetensors", step))
}

// Save writes a checkpoint, and then removes all before it but the newest Keep
// and that of the step best. What lies behind it, the damaged rest of a run that
// went back, stays until its step is saved again. A checkpoint that is safe is
// not lost to an old one that cannot be removed: that is told by stuck.
func (s Store) Save(state *State, best int) (stuck, err error) {
	file, err := state.file()
	if err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(s.Dir); err != nil {
		return nil, err
	}
	path := s.Path(state.Step)
	// After a failed sync nobody knows what of a file has reached the disk, and a
	// second sync proves nothing: the file is written anew.
	if err = safetensors.Write(path, file); errors.Is(err, syscall.EIO) {
		err = safetensors.Write(path, file)
	}
	if err != nil {
		return nil, withSize(err, file)
	}
	return s.rotate(state.Step, best), nil
}

// withSize adds to an error how much room was wanted.
func withSize(err error, file *safetensors.File) error {
	bytes := 0
	for _, t := range file.Tensors {
		bytes += len(t.Data)
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Room {
		f.Why += fmt.Sprintf(" (a checkpoint takes %s bytes)", fault.Grouped(int64(bytes)))
	}
	return err
}

func (s Store) rotate(newest, best int) error {
	steps, err := s.Steps()
	if err != nil {
		return err
	}
	kept := 0
	var all []error
	for _, step := range steps {
		switch {
		case step > newest:
		case kept < max(s.Keep, 1):
			kept++
		case step != best:
			if err := fsys.Remove(s.Path(step)); !errors.Is(err, fs.ErrNotExist) {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}

// Steps returns the steps of which there are checkpoints, the newest first.
func (s Store) Steps() ([]int, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Room, "checkpoints", s.Dir, "check its owner and mode", "%w", fault.Cause(err))
	}
	var steps []int
	for _, e := range entries {
		if m := stateName.FindStringSubmatch(e.Name()); m != nil && e.Type().IsRegular() {
			step, _ := strconv.Atoi(m[1]) // 18 digits fit
			if s.Path(step) == filepath.Join(s.Dir, e.Name()) {
				steps = append(steps, step)
			}
		}
	}
	slices.SortFunc(steps, func(a, b int) int { return cmp.Compare(b, a) })
	return steps, nil
}

// Newest returns the newest checkpoint that proves to be what was written, and
// nil where there is none at all. Of each that it passes over it tells damaged
// why. It is an error if there are checkpoints and none is whole; nothing is
// removed.
func (s Store) Newest(damaged func(error)) (*State, error) {
	steps, err := s.Steps()
	if err != nil {
		return nil, err
	}
	var last error
	for _, step := range steps {
		state, err := ReadState(s.Path(step))
		if err == nil && state.Step != step {
			err = badState(s.Path(step), "", "is of step %d", state.Step)
		}
		if err == nil {
			return state, nil
		}
		if fault.KindOf(err) != fault.Model || errors.Is(err, errNewer) {
			return nil, err // it may be whole
		}
		damaged(err)
		last = err
	}
	if last != nil {
		return nil, fault.New(fault.Model, "checkpoints", s.Dir, "start the run anew under another --name",
			"none of the %d is whole", len(steps))
	}
	return nil, nil
}
