package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/fault"
	"imgcls/internal/fetch"
	"imgcls/internal/graph"
	"imgcls/internal/infer"
	"imgcls/internal/models"
	"imgcls/internal/run"
)

// kinds are the devices of this build, the best first.
func (s *settings) kinds() []device.Kind {
	return append(s.gpus(), cpu.Kind(s.threads), ref.Kind())
}

// openDevice opens the device of --device, and says which it is and why.
func (s *settings) openDevice() (device.Device, error) {
	dev, why, err := device.Open(s.device, s.kinds()...)
	if err == nil {
		s.say("device  %s (%s)", dev, why)
	}
	return dev, err
}

// close gives back a device or what is on it. Results are safe by then, so that it
// cannot be done is a warning.
func (s *settings) close(what io.Closer) {
	if err := what.Close(); err != nil {
		s.warn("%v", err)
	}
}

// precisionOn returns what --precision means on dev for a model with that recipe, and
// settles it where the user left it open.
func (s *settings) precisionOn(dev device.Device, r models.Recipe) (graph.DType, error) {
	typ, err := device.Precision(dev, asked(s.precision), r.Half)
	if err == nil {
		s.precision.settle(device.PrecisionName(typ))
	}
	return typ, err
}

// asked returns the name of a precision as --precision has it.
func asked(name auto[string]) string {
	if name.known {
		return name.value
	}
	return "auto"
}

// trainedIn returns the precision in which the run in folder dir was trained, if
// --precision is left open and dev has it, so that an evaluation gives the run's figures.
func (s *settings) trainedIn(dir string, dev device.Device) string {
	if dir == "" || s.precision.known {
		return asked(s.precision)
	}
	if record, err := run.Read(dir); err == nil {
		if _, err := device.Precision(dev, record.Precision, false); err == nil {
			return record.Precision
		}
	}
	return asked(s.precision)
}

// openData opens the data set of that name, and says what it is.
func (s *settings) openData(ctx context.Context, name string) (*data.Set, error) {
	bar := s.progress()
	begun := false
	set, err := data.Open(ctx, name, data.Options{
		Dir: s.dataDir, Offline: s.download == "never", Mirror: s.mirror.value,
		Samples: s.samples.value, Size: s.imgSize.value,
		Warn: func(text string) { s.warn("%s", text) },
		Progress: func(p fetch.Progress) {
			if !begun {
				bar.Start("download", int(p.Total))
				begun = true
			}
			bar.Update(int(p.Done), p.URL)
		},
	})
	bar.Finish()
	if err != nil {
		return nil, choosing(err, s.dataDir, "--data-dir")
	}
	for _, w := range set.Warnings {
		s.warn("%s", w)
	}
	from := ""
	if set.Path != "" {
		from = "  from " + fault.Quote(set.Path)
	}
	s.say("data    %s  %d train, %d test  %d classes  %d×%d×%d%s", set.Name, set.Train.Len(), set.Test.Len(),
		len(set.Classes), set.Height, set.Width, set.Channels, from)
	return set, nil
}

// choosing names the flag that chooses dir in an error that asks for another folder.
func choosing(err error, dir, flag string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Room || !strings.HasPrefix(e.Path, dir) || !strings.Contains(e.Do, "folder") {
		return err
	}
	named := *e
	named.Do += ": " + flag + " FOLDER"
	return &named
}

// openModel loads the MODEL of a command: a run folder, a model file, or a file
// of weights together with --model. dir is the run folder, if it is one.
func (s *settings) openModel(path string, batch int) (m *loaded, dir string, err error) {
	path, dir = run.Locate(path)
	o := infer.Options{Convert: s.convert, Batch: batch}
	if o.Overrides, err = s.overrides(); err != nil {
		return nil, "", err
	}
	dev, err := s.openDevice()
	if err != nil {
		return nil, "", err
	}
	o.Precision = s.trainedIn(dir, dev)
	c, err := infer.Open(dev, path, o)
	if err != nil {
		s.close(dev)
		return nil, "", err
	}
	return &loaded{c, dev}, dir, nil
}

// A loaded model has the device to itself.
type loaded struct {
	*infer.Classifier
	device device.Device
}

// Close gives the model's memory and the device back.
func (l *loaded) Close() error { return errors.Join(l.Classifier.Close(), l.device.Close()) }

// overrides are the flags that say what a file of bare weights does not.
func (s *settings) overrides() (o checkpoint.Overrides, err error) {
	o = checkpoint.Overrides{Model: s.model.value, Size: s.imgSize.value, Mean: s.mean.value, Std: s.std.value, TTA: s.tta.value}
	if s.classMap.known {
		o.Classes, err = readClasses(s.classMap.value)
	}
	return o, err
}

// readClasses reads a class map: one name a line, in the order of the network's
// outputs.
func readClasses(path string) ([]string, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, fault.New(fault.Usage, "--class-map", path, "", "%w", err)
	}
	var classes []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name := strings.TrimRight(line, "\r\n")
		if name == "" || seen[name] {
			return nil, fault.New(fault.Usage, "--class-map", path, "write each class once, one a line",
				"line %d is empty or names a class again: %s", len(classes)+1, fault.Quote(name))
		}
		seen[name] = true
		classes = append(classes, name)
	}
	if len(classes) == 0 {
		return nil, fault.New(fault.Usage, "--class-map", path, "write each class once, one a line", "names no class")
	}
	return classes, nil
}

// commandLine is the command as it was given, for run.json.
func commandLine() []string { return append([]string{"imgcls"}, os.Args[1:]...) }
