package train

import (
	"context"
	"errors"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
	"imgcls/internal/metrics"
	"imgcls/internal/run"
)

// Into trains into a run folder: it runs all epochs, gives each step and epoch
// reported to tell, and after each epoch saves the model with its figures and
// brings run.json up to date. It returns the last evaluation.
//
// When ctx ends, or training diverges, the parameters of the last whole step
// are saved, without figures since they were never evaluated, and the cause is
// returned.
func (t *Trainer) Into(ctx context.Context, folder *run.Folder, tell func(run.Event) error, slice func(step int, loss float64)) (*metrics.Report, error) {
	var last *metrics.Report
	saved := -1
	save := func(test *metrics.Report) error {
		saved = t.begun
		return t.save(folder, test)
	}
	err := t.Run(ctx, Hooks{
		Slice: slice,
		Point: func(p Point) error { return tell(p.event()) },
		Epoch: func(e Epoch) error {
			last = e.Test
			return errors.Join(tell(e.event()), save(e.Test))
		},
	})
	if worthSaving := context.Cause(ctx) != nil || fault.KindOf(err) == fault.Diverged; err != nil && worthSaving && saved < t.begun {
		last = nil
		if unsaved := save(nil); unsaved != nil {
			return nil, unsaved
		}
	}
	return last, err
}

// save writes the model file and what run.json says of it.
func (t *Trainer) save(folder *run.Folder, test *metrics.Report) error {
	if err := folder.Keep(); err != nil {
		return err
	}
	n, record := t.cfg.Network, folder.Record()
	info := checkpoint.Info{
		Model: n.Model.Name, Classes: n.Classes, Preprocess: n.Preprocess,
		Data: checkpoint.Source{Name: record.Data.Name, Fingerprint: record.Data.Fingerprint},
	}
	loss, top1 := metrics.Undefined(), metrics.Undefined()
	if test != nil {
		loss, top1 = test.Loss, test.Top1
	}
	info.Figures = checkpoint.Figures{Loss: loss, Top1: top1}
	sum, err := checkpoint.Save(folder.Model(), info, t.graph, t.prog.Read)
	if err != nil {
		return err
	}
	return folder.Update(func(r *run.Record) {
		r.Step, r.TestLoss, r.TestTop1, r.ModelSHA256 = t.begun, loss, top1, sum
	})
}

func (p Point) event() run.Event {
	return run.Step{
		Epoch: p.Epoch, Step: p.Step, TrainLoss: metrics.Figure(p.Loss), LR: metrics.Figure(p.LR),
		ImagesPerSecond: metrics.Figure(p.ImagesPerSecond),
	}
}

func (e Epoch) event() run.Event {
	event := run.Epoch{
		Epoch: e.Epoch, Step: e.Step, TrainLoss: metrics.Figure(e.TrainLoss),
		TestLoss: metrics.Undefined(), TestTop1: metrics.Undefined(), LR: metrics.Figure(e.LR),
		Seconds: metrics.Figure(e.Seconds), ImagesPerSecond: metrics.Figure(float64(e.Images) / e.Seconds),
	}
	if e.Test != nil {
		event.TestLoss, event.TestTop1 = e.Test.Loss, e.Test.Top1
	}
	return event
}
