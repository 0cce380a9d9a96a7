package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/run"
	"imgcls/internal/train"
)

// A prior is a run to go on with, and its newest whole checkpoint. Without one
// the run died before its first save and begins anew in its folder.
type prior struct {
	*run.Prior
	state *checkpoint.State
	place train.Place
}

// findPrior returns the run that --resume means, locked and with its settings
// taken over, or nil where a new run is to be made.
func (s *settings) findPrior() (*prior, error) {
	dir, err := s.resumed()
	if dir == "" || err != nil {
		return nil, err
	}
	found, err := run.Take(dir, func(text string) { s.warn("%s", text) })
	if err != nil {
		return nil, err
	}
	p := &prior{Prior: found}
	if err := s.adopt(p); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

// resumed returns the folder of the run that --resume means, and "" for a new run.
func (s *settings) resumed() (dir string, err error) {
	newRun := func() (string, error) { return "", run.Vacant(s.output, s.name.value, s.overwrite) }
	switch {
	case s.resume == resumeNone:
		if s.override != nil {
			return "", fault.New(fault.Usage, "--override", "", "add --resume", "only a resumed run has settings to override")
		}
		return newRun()
	case s.overwrite:
		return "", fault.New(fault.Usage, "--resume and --overwrite", "", "give one of them", "cannot both go on with a run and replace it")
	case s.resume != resumeNewest && s.name.known:
		return "", fault.New(fault.Usage, "--resume and --name", "", "give one of them", "name a run each")
	case s.resume != resumeNewest:
		return run.Resolve(s.resume), nil
	case s.name.known:
		dir = filepath.Join(s.output, s.name.value)
		if _, err := run.Read(dir); err == nil {
			return dir, nil
		}
		if dir, err := newRun(); err != nil {
			return dir, err
		}
		s.say("resume  there is no run %s: a new one begins", fault.Quote(dir))
		return "", nil
	}
	return s.newest()
}

// newest returns the newest unfinished run that has the data and model of the
// command. One that diverged would do so again with its settings: it is passed over,
// unless some are overridden.
func (s *settings) newest() (dir string, err error) {
	source := s.data.fallBack(defaultData)
	model, err := s.modelName()
	if err != nil {
		return "", err
	}
	if _, err := run.Read(source); err == nil {
		return "", fault.New(fault.Usage, "DATA", source, "write --resume="+quoteArg(source), "is a run, not a data set")
	}
	found, err := run.Unfinished(s.output)
	if err != nil {
		return "", err
	}
	path, _ := filepath.Abs(source)
	others := ""
	for _, f := range found {
		if r := f.Record; r.Model == model && (r.Data.Name == source || r.Data.Path != "" && r.Data.Path == path) {
			if r.Status != run.Diverged || s.override != nil {
				return f.Dir, nil
			}
			s.say("resume  %s diverged and is passed over; imgcls train --resume=%s --override lr --lr RATE goes on with it",
				fault.Quote(f.Dir), quoteArg(f.Dir))
			continue
		}
		if others == "" {
			others = fmt.Sprintf("; unfinished is %s, of %s", fault.Quote(f.Dir), f.Record.Data.Name)
		}
	}
	s.say("resume  no unfinished run of %s with %s in %s: a new one begins%s", source, model, fault.Quote(s.output), others)
	return "", nil
}

// adopt reads the newest checkpoint and takes over the settings of the run that
// the user has not given.
func (s *settings) adopt(p *prior) (err error) {
	p.state, err = p.Checkpoints().Newest(func(damaged error) {
		s.warn("%v; the checkpoint before it is used", damaged)
	})
	if err != nil {
		return err
	}
	path, text := filepath.Join(p.Dir, "config.yaml"), p.Config
	if p.state == nil && text == nil {
		if s.resume != resumeNewest || p.Begun() {
			return fault.New(fault.Model, "run", path, "restore it, or start the run anew with its own settings under another --name",
				"no such file, and without a checkpoint the settings of the run are not known")
		}
		text = settingsIn(p.Record)
	}
	if p.state != nil {
		path, text = p.state.Path, p.state.Settings
		if p.place, err = train.ReadPlace(p.state); err != nil {
			return err
		}
	}
	s.normaliseWeights()
	recorded, err := s.parseConfig(fromRun, path, text)
	if err != nil {
		return err
	}
	changed, err := s.takeOver(recorded)
	if err != nil {
		return err
	}
	return s.allow(p.Dir, changed)
}

// settingsIn returns the settings that run.json holds, as those of config.yaml:
// all that is left of a run that died before it wrote that. The others are the
// command's, as when it began.
func settingsIn(r run.Record) []byte {
	return fmt.Appendf(nil, "data: %q\nmodel: %q\nseed: %d\nepochs: %d\n", cmp.Or(r.Data.Path, r.Data.Name), r.Model, r.Seed, r.Epochs)
}

// A change is a setting whose value is another than that of the run.
type change struct {
	row      row
	old, now string
}

// takeOver fills the settings that the user left open from those of a run, and
// returns those given otherwise of which a step's bits depend.
func (s *settings) takeOver(recorded map[string]given) (changed []change, err error) {
	for _, r := range s.rows {
		g, ok := recorded[r.name]
		switch {
		case !ok || !r.has("train") || r.keep == never:
			continue
		case s.origins[r.name] == "":
			if err := r.value.Set(g.text); err != nil {
				return nil, fault.New(fault.Usage, g.what, g.path, "", "%s%s is not %w", g.where, fault.Quote(g.text), err)
			}
			s.origins[r.name] = fromRun
		case r.keep >= decides && r.value.String() != g.text:
			changed = append(changed, change{r, g.text, r.value.String()})
		}
	}
	return changed, nil
}

// allow refuses changes, with a table of them, unless --override names them.
func (s *settings) allow(dir string, changed []change) error {
	for _, name := range s.override {
		i := slices.IndexFunc(s.rows, func(r row) bool { return r.name == s.own(name) })
		switch {
		case i < 0 || s.rows[i].keep < decides:
			var names []string
			for _, r := range s.rows {
				if r.keep == decides {
					names = append(names, r.name)
				}
			}
			return fault.New(fault.Usage, "--override", "", "use some of "+strings.Join(names, ", "), "%s cannot be overridden, or need not be", fault.Quote(name))
		case s.rows[i].keep == fixed:
			return fault.New(fault.Usage, "--override", "", "start a new run; --weights "+quoteArg(dir)+" begins with this one's model",
				"a run cannot go on with another %s", name)
		}
	}
	var refused []change
	for _, c := range changed {
		if slices.ContainsFunc(s.override, func(name string) bool { return s.own(name) == c.row.name }) {
			s.say("override %s  %s → %s", c.row.name, c.old, c.now)
		} else {
			refused = append(refused, c)
		}
	}
	if refused == nil {
		return nil
	}
	return s.refuse(dir, refused)
}

// refuse prints the table of what has changed and returns the error.
func (s *settings) refuse(dir string, changed []change) error {
	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "setting\tof the run\tnow")
	var names, texts []string
	overridable := true
	for _, c := range changed {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", c.row.name, run.Plain(c.old), run.Plain(c.now))
		names = append(names, c.row.name)
		texts = append(texts, fmt.Sprintf("%s %s → %s", c.row.name, c.old, c.now))
		overridable = overridable && c.row.keep == decides
	}
	tw.Flush()
	for line := range strings.Lines(table.String()) {
		s.say("%s", strings.TrimRight(line, " \n"))
	}
	do := "leave them out, or start a new run"
	if overridable {
		do = "leave them out, or add --override " + strings.Join(names, ",")
	}
	return fault.New(fault.Usage, "--resume", dir, do, "settings have changed: %s", strings.Join(texts, "; "))
}

// checkEpochs refuses an end before the place where the run stands.
func (s *settings) checkEpochs(p *prior) error {
	epochs := p.place.Epoch
	if p.place.Done == 0 {
		epochs--
	}
	if epochs <= s.epochs.value || !s.epochs.known {
		return nil
	}
	return fault.New(fault.Usage, "--epochs", p.Dir, fmt.Sprintf("give %d or more, or leave it out", epochs),
		"%d is less than the %d that the run has reached", s.epochs.value, epochs)
}

// complete reports whether the run has ended by itself and nothing that is given
// now takes it further; then it says how to.
func (s *settings) complete(p *prior) bool {
	if p.Record.Status != run.Complete {
		return false
	}
	reached := p.Record.Ended
	if p.state != nil {
		if reached = (train.Config{Epochs: s.epochs.value, Budget: s.budget()}).Reached(p.place); reached == "" {
			return false
		}
	}
	epoch := p.place.Epoch
	if p.place.Done == 0 {
		epoch--
	}
	flag := "--epochs"
	if strings.HasPrefix(reached, "--") {
		flag, _, _ = strings.Cut(reached, " ")
	}
	s.say("resume  %s is complete at epoch %d (%s); raise %s to extend it: imgcls train --resume=%s %s N",
		fault.Quote(p.Dir), epoch, reached, flag, quoteArg(p.Dir), flag)
	s.event(done(p.Record, p.Dir))
	return true
}

// sameSet refuses the name of another data set before it is opened with the run's
// settings, which may not fit it.
func (s *settings) sameSet(p *prior) error {
	was, now := p.Record.Data.Name, s.data.fallBack(p.Record.Data.Name)
	if now != was && slices.Contains(data.Names, now) {
		return otherSet(p.Dir, was, now)
	}
	return nil
}

func otherSet(dir, was, now string) error {
	return fault.New(fault.Usage, "--resume", dir, "leave out DATA, or start a new run", "settings have changed: data %s → %s", was, now)
}

// checkData refuses data other than those that the run began with.
func (p *prior) checkData(set *data.Set, fingerprint string) error {
	was := p.Record.Data
	if p.state != nil {
		was.Fingerprint = p.state.Data.Fingerprint
	}
	if was.Fingerprint == fingerprint {
		return nil
	}
	if was.Name != set.Name {
		return otherSet(p.Dir, was.Name, set.Name)
	}
	why := "has changed since the run began"
	if counts := set.Changes(p.Index()); counts != "" {
		why += ": " + counts
	}
	path := set.Path
	if path == "" {
		path = set.Name
	}
	return fault.New(fault.Data, "data", path, "restore it, or start a new run; --weights "+quoteArg(p.Dir)+" begins with this one's model", "%s", why)
}

// threads is the part of a device's name on which no bit depends.
var threads = regexp.MustCompile(`\d+ threads?`)

// compareBuild warns once where other bits may come from here on.
func (s *settings) compareBuild(p *prior, now checkpoint.Build) {
	if p.state == nil {
		return
	}
	was := p.state.Build
	var changed []string
	for _, part := range []struct{ what, old, now string }{
		{"version", was.Version, now.Version}, {"platform", was.Platform, now.Platform},
		{"device", threads.ReplaceAllString(was.Device, "threads"), threads.ReplaceAllString(now.Device, "threads")},
	} {
		if part.old != part.now {
			changed = append(changed, fmt.Sprintf("%s %s → %s", part.what, part.old, part.now))
		}
	}
	if changed != nil {
		s.warn("bits may differ from here on from those of a run that never stopped: %s", strings.Join(changed, "; "))
	}
}

// restore puts the trainer where the run stands, and says where that is.
func (s *settings) restore(p *prior, t *train.Trainer, dev device.Device) error {
	if p.state == nil {
		s.say("resume  %s from its beginning: it has no checkpoint yet", fault.Quote(p.Dir))
		return nil
	}
	s.compareBuild(p, build(dev))
	if err := t.Resume(p.state); err != nil {
		return err
	}
	s.say("resume  %s at epoch %d, step %d of %d  %s", fault.Quote(p.Dir), p.place.Epoch, p.place.Done, t.Steps(), filepath.Base(p.state.Path))
	return nil
}

// reopen goes on in the run's folder.
func (s *settings) reopen(p *prior, o run.Options, record run.Record) (*run.Folder, error) {
	if m := p.place.Model; m != nil {
		record.Step, record.Weights, record.TestLoss, record.TestTop1, record.ModelSHA256 = m.Step, m.Weights, m.TestLoss, m.TestTop1, m.SHA256
	}
	record.Seconds = p.place.Seconds
	return p.Reopen(o, record, p.place.Logs)
}
