package train

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/run"
)

// Saving says how a run is kept.
type Saving struct {
	Keep  int // of the newest checkpoints; 0 keeps one
	Build checkpoint.Build
}

// Into trains into a run folder: it gives each step and epoch reported to tell,
// saves checkpoints as Config.SaveEvery says, and keeps in the model file the
// weights that are best on the validation split or, where there is none, the last
// ones evaluated. It returns the evaluation, on the test split, of the weights in
// the model file.
//
// A save that fails in mid-run is a warning, and is tried again when the next one
// is due; the last one of a run is an error. When ctx ends or the device finds no room
// for a step, the place and the parameters of the last whole step are saved, and the
// cause is returned. When training diverges, see abandon. With any other error of the
// device nothing is read from it any more: what it holds cannot be trusted.
func (t *Trainer) Into(ctx context.Context, folder *run.Folder, saving Saving, tell func(run.Event) error, slice func(step int, loss float64)) (*metrics.Report, error) {
	s := &session{t: t, folder: folder, saving: saving, store: folder.Checkpoints(saving.Keep), saved: time.Now(), failing: map[string]bool{}}
	if err := s.recoverBest(); err != nil {
		return nil, err
	}
	err := t.Run(ctx, Hooks{
		Slice: slice,
		Point: func(p Point) error { return tell(p.event()) },
		Pause: s.pause,
		Epoch: func(e Epoch) error { return s.epoch(e, tell) },
	})
	switch kind := fault.KindOf(err); {
	case kind == fault.Diverged:
		if unsaved := s.abandon(); unsaved != nil {
			folder.Warn(unsaved.Error())
		}
		return nil, err
	case err != nil && kind != fault.Room && (kind == fault.Device || context.Cause(ctx) == nil):
		return nil, err
	}
	if unsaved := s.finish(); unsaved != nil {
		return nil, unsaved
	}
	if err != nil {
		return nil, err
	}
	report, err := s.result(ctx)
	if err == nil && report != nil && report.NonFinite > 0 {
		err = fault.New(fault.Diverged, "training", "", "lower --lr", "the logits of %d of %d test pictures are not finite after it (learning rate %g)",
			report.NonFinite, report.Samples, t.Rate())
	}
	return report, err
}

// A session is one process's part of a run.
type session struct {
	t      *Trainer
	folder *run.Folder
	saving Saving
	store  checkpoint.Store

	report  *metrics.Report // of the weights in the model file, where this process evaluated them
	pending *pending        // a model that could not be written yet
	saved   time.Time       // when a checkpoint was last tried
	at      *Place          // the place of the newest checkpoint
	failing map[string]bool // what could not be saved last, and the user knows
	unread  bool            // the device did not give what was to be saved
}

// A pending model is ready to be written.
type pending struct {
	file *safetensors.File
	what Saved
}

// pause saves the run in mid-epoch if that is due.
func (s *session) pause() error {
	if !s.t.cfg.SaveEvery.due(s.t.place, s.saved) {
		return nil
	}
	return s.save()
}

// save saves the run in mid-run. A model that cannot be written does not keep the
// checkpoint from being saved: that is what the run goes on from.
func (s *session) save() error {
	if err := s.try("model", s.write); err != nil {
		return err
	}
	return s.try("checkpoint", s.keep)
}

// epoch reports an evaluation, and saves what it calls for: the model where it is
// the newest or the best, and with a best model always the checkpoint that it can
// be made from again.
func (s *session) epoch(e Epoch, tell func(run.Event) error) error {
	event := e.event()
	s.t.history = append(s.t.history, run.Line(event)...)
	if err := tell(event); err != nil {
		return err
	}
	if e.Val == nil || e.Best {
		weights := s.t.newestWeights()
		if e.Best {
			weights = bestWeights
		}
		s.report = e.Test
		if err := s.prepare(weights, e.Test); err != nil {
			return err
		}
	}
	if e.Best || s.t.cfg.SaveEvery.due(s.t.place, s.saved) {
		return s.save()
	}
	return s.try("model", s.write)
}

// try saves the model or a checkpoint in mid-run. Only a run folder that is lost
// for good and a device that fails are errors.
func (s *session) try(what string, save func() error) error {
	if err := s.folder.Keep(); err != nil {
		return err
	}
	err := save()
	if err != nil && s.unread {
		return err
	}
	switch failed := s.failing[what]; {
	case err == nil && failed:
		s.folder.Warn("saving the " + what + " works again")
	case err != nil && !failed:
		s.folder.Warn(err.Error() + "; the run goes on and is saved again when the next save is due")
	}
	s.failing[what] = err != nil
	return nil
}

// read reads from the device what is to be saved.
func (s *session) read(v graph.Value, dst []byte) error {
	err := s.t.prog.Read(v, dst)
	s.unread = err != nil
	return err
}

// prepare makes the model of the parameters as they are, with the figures of
// their evaluation, if there was one. It takes the place of one still unwritten.
func (s *session) prepare(weights string, test *metrics.Report) error {
	n, record := s.t.cfg.Network, s.folder.Record()
	figures := checkpoint.Figures{Loss: metrics.Undefined(), Top1: metrics.Undefined()}
	if test != nil {
		figures = checkpoint.Figures{Loss: test.Loss, Top1: test.Top1}
	}
	file, err := checkpoint.Prepare(checkpoint.Info{
		Model: n.Model.Name, Classes: n.Classes, Preprocess: n.Preprocess, Figures: figures,
		Data: checkpoint.Source{Name: record.Data.Name, Fingerprint: record.Data.Fingerprint},
	}, s.t.graph, func(v graph.Value, dst []byte) error { return s.read(s.t.judgedBy(v), dst) })
	if err != nil {
		return err
	}
	s.pending = &pending{file, Saved{Step: s.t.place.Step, Weights: weights, TestLoss: figures.Loss, TestTop1: figures.Top1}}
	return nil
}

// write writes the pending model, and what run.json says of it.
func (s *session) write() error {
	if s.pending == nil {
		return nil
	}
	if err := safetensors.Write(s.folder.Model(), s.pending.file); err != nil {
		return err
	}
	m := s.pending.what
	m.SHA256 = s.pending.file.SHA256
	s.t.place.Model, s.t.place.Due, s.pending = &m, nil, nil
	return s.folder.Update(func(r *run.Record) {
		r.Step, r.Weights, r.TestLoss, r.TestTop1, r.ModelSHA256 = m.Step, m.Weights, m.TestLoss, m.TestTop1, m.SHA256
	})
}

// keep saves a checkpoint. The model that it speaks of has been written before; a
// best one that could not be is due.
func (s *session) keep() error {
	s.saved = time.Now()
	p := &s.t.place
	if s.pending != nil && s.pending.what.Weights == bestWeights {
		p.Due = &s.pending.what
	}
	p.Logs = s.folder.Sizes()
	place, err := json.Marshal(p)
	if err != nil {
		return err
	}
	record := s.folder.Record()
	state := &checkpoint.State{
		Step: p.Step, Place: place, History: s.t.history, Settings: s.folder.Config(), Build: s.saving.Build,
		Data: checkpoint.Source{Name: record.Data.Name, Fingerprint: record.Data.Fingerprint},
	}
	if err := state.Capture(s.t.graph, s.read); err != nil {
		return err
	}
	best := 0
	if p.Best != nil {
		best = p.Best.Step
	}
	stuck, err := s.store.Save(state, best)
	if err != nil {
		return err
	}
	if stuck != nil {
		s.folder.Warn(stuck.Error() + "; the checkpoint stays beside the newer ones")
	}
	at := *p
	s.at = &at
	return s.folder.Update(func(*run.Record) {})
}

// finish saves the run where it stands, for the last time.
func (s *session) finish() error {
	if err := s.folder.Keep(); err != nil {
		return err
	}
	if err := s.recoverBest(); err != nil {
		return err
	}
	p := &s.t.place
	// A best model stays; otherwise the file holds the last step, with the figures
	// of its evaluation if that is done.
	if s.lacksLast() {
		if err := s.prepare(s.t.newestWeights(), s.judged()); err != nil {
			return err
		}
	}
	unwritten := s.write()
	if p.Step == 0 || s.at != nil && s.at.Step == p.Step && s.at.Judged == p.Judged && s.at.Due == p.Due {
		return unwritten
	}
	err := s.keep()
	if err != nil && unwritten != nil {
		s.folder.Warn(unwritten.Error())
	}
	return cmp.Or(err, unwritten)
}

// abandon ends a run whose numbers have run away. What was saved before stays as it is,
// since the parameters of the last steps, though finite, are mostly lost already: to go
// on from them at a lower rate would lead nowhere. Only where there is no model yet do
// they become it, to be looked at.
func (s *session) abandon() error {
	if err := s.folder.Keep(); err != nil {
		return err
	}
	if s.pending == nil && s.t.place.Model == nil && s.t.place.Step > 0 {
		if err := s.prepare(s.t.newestWeights(), nil); err != nil {
			return err
		}
	}
	return s.write()
}

// lacksLast reports whether the last step is to be made the model.
func (s *session) lacksLast() bool {
	p := &s.t.place
	if s.pending != nil {
		return s.pending.what.Weights != bestWeights && s.pending.what.Step != p.Step
	}
	return (p.Best == nil || p.Model == nil) && (p.Model == nil || p.Model.Step != p.Step || !s.holds(p.Model))
}

// judged returns the figures of the last evaluation, if it was of this very step.
func (s *session) judged() *metrics.Report {
	p := s.t.place
	if p.Judged != p.Step || p.Step == 0 {
		return nil
	}
	if s.report == nil && p.Model != nil && p.Model.Step == p.Step && p.Model.TestLoss.Defined() {
		return &metrics.Report{Loss: p.Model.TestLoss, Top1: p.Model.TestTop1}
	}
	return s.report
}

// holds reports whether the model file is the one that m describes.
func (s *session) holds(m *Saved) bool {
	file, err := checkpoint.Open(s.folder.Model())
	return err == nil && file.SHA256 == m.SHA256
}

// recoverBest makes a best model again, from its checkpoint, when the file is not
// the one that the place knows of: damaged, gone, or of a step that the run went
// back behind, or could not be written then.
func (s *session) recoverBest() error {
	m := cmp.Or(s.t.place.Due, s.t.place.Model)
	if s.pending != nil || m == nil || m.Weights != bestWeights || s.holds(m) {
		return nil
	}
	best, err := checkpoint.ReadState(s.store.Path(m.Step))
	if err != nil {
		s.folder.Warn(err.Error() + "; the best model so far is lost")
		s.t.place.Model, s.t.place.Due, s.t.place.Best = nil, nil, nil
		return nil
	}
	var now checkpoint.State
	if err := now.Capture(s.t.graph, s.read); err != nil {
		return err
	}
	if err := best.Restore(s.t.graph, s.t.prog.Write); err != nil {
		return err
	}
	figures := &metrics.Report{Loss: m.TestLoss, Top1: m.TestTop1}
	if err := s.prepare(bestWeights, figures); err != nil {
		return err
	}
	s.pending.what.Step = m.Step
	return errors.Join(s.try("model", s.write), now.Restore(s.t.graph, s.t.prog.Write))
}

// result returns the evaluation of the model file on the test split. One that
// this process did not make itself it makes from the file.
func (s *session) result(ctx context.Context) (*metrics.Report, error) {
	if s.report != nil || s.t.set.Test.Len() == 0 {
		return s.report, nil
	}
	file, err := checkpoint.Open(s.folder.Model())
	if err != nil {
		return nil, err
	}
	if err := file.Load(s.t.graph, false, s.t.prog.Write); err != nil {
		return nil, err
	}
	return s.t.evaluate(ctx, s.t.set.Test)
}

func (p Point) event() run.Event {
	return run.Step{
		Epoch: p.Epoch, Step: p.Step, TrainLoss: metrics.Figure(p.Loss), Skipped: p.Skipped, LR: metrics.Figure(p.LR),
		ImagesPerSecond: metrics.Figure(p.ImagesPerSecond),
	}
}

func (e Epoch) event() run.Event {
	event := run.Epoch{
		Epoch: e.Epoch, Step: e.Step, TrainLoss: metrics.Figure(e.TrainLoss), Skipped: e.Skipped,
		TestLoss: metrics.Undefined(), TestTop1: metrics.Undefined(), LR: metrics.Figure(e.LR),
		Seconds: metrics.Figure(e.Seconds), ImagesPerSecond: metrics.Figure(float64(e.Images) / e.Seconds),
	}
	if e.Test != nil {
		event.TestLoss, event.TestTop1 = e.Test.Loss, e.Test.Top1
	}
	if e.Val != nil {
		event.ValLoss, event.ValTop1 = &e.Val.Loss, &e.Val.Top1
	}
	return event
}
