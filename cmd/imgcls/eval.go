package main

import (
	"context"
	"fmt"

	"imgcls/internal/data"
	"imgcls/internal/fault"
	"imgcls/internal/infer"
	"imgcls/internal/metrics"
	"imgcls/internal/run"
)

// An evaluation is what eval prints as JSON.
type evaluation struct {
	Task    string `json:"task"`
	Data    string `json:"data"`
	Split   string `json:"split"`
	Skipped int    `json:"skipped"` // pictures that could not be read
	*metrics.Report
}

// taskClassify is the task of all models so far.
const taskClassify = "classify"

func runEval(ctx context.Context, s *settings, args []string) error {
	c, dir, err := s.openModel(args[0], s.batchSize.settle(evalBatch))
	if err != nil {
		return err
	}
	defer s.close(c)
	name, err := s.evalData(c.Classifier, dir)
	if err != nil {
		return err
	}
	if dir != "" && name == "shapes" {
		if record, err := run.Read(dir); err == nil && record.Data.Name == name {
			s.samples.settle(record.Data.Train) // the set that the run drew
		}
	}
	if !s.imgSize.known {
		s.imgSize.settle(c.Network.Preprocess.Height)
	}
	set, err := s.openData(ctx, name)
	if err != nil {
		return err
	}
	if info := c.File.Info; info != nil && info.Data.Name == set.Name && info.Data.Fingerprint != set.Fingerprint() {
		if name == "shapes" && !s.samples.known {
			return fault.New(fault.Data, "data", name, "give the --samples of its training", "are not the pictures that go with the model")
		}
		s.warn("%s: is not as it was when the model was trained: its fingerprint differs; figures may differ too", set.Name)
	}
	part := map[string]data.Split{"test": set.Test, "train": set.Train}[s.split]
	if part.Len() == 0 {
		return fault.New(fault.Data, "--split", "", "choose another split", "%s has no %s pictures", set.Name, s.split)
	}
	bar := s.progress()
	bar.Start("evaluate", part.Len())
	report, err := c.Evaluate(ctx, set, part, func(done int) { bar.Update(done, "") })
	bar.Finish()
	if err != nil {
		return err
	}
	if s.format == "text" {
		_, err = fmt.Fprint(s.out, reportText(report))
	} else {
		err = s.print(s.format, evaluation{Task: taskClassify, Data: set.Name, Split: s.split, Report: report})
	}
	if err == nil && report.NonFinite > 0 { // they count as wrong
		err = overflow(c, report.NonFinite, part.Len())
	}
	return err
}

// evalData names the data to evaluate on: those of the command line, else those
// that the model was trained on.
func (s *settings) evalData(c *infer.Classifier, dir string) (string, error) {
	if s.data.known {
		return s.data.value, nil
	}
	if dir != "" {
		if record, err := run.Read(dir); err == nil && record.Data.Path != "" {
			return record.Data.Path, nil
		}
	}
	if c.File.Info != nil && c.File.Info.Data.Name != "" {
		return c.File.Info.Data.Name, nil
	}
	return "", fault.New(fault.Usage, "eval", c.File.Path, "give DATA after it", "does not say what it was trained on")
}
