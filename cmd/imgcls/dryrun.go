package main

import (
	"context"
	"time"

	"imgcls/internal/train"
)

// tryOut is --dry-run: data are read, the network is compiled, and two steps are
// taken, of which the second is timed. Nothing is written.
func (s *settings) tryOut(ctx context.Context, t *train.Trainer, cfg train.Config) error {
	place := t.Place().Step // the steps tried here are none of the run
	steps := stepsOf(t, cfg)
	s.tellPlan(t, cfg, steps)
	step, err := t.Try(ctx, func(step int) { s.say("dry run step %d of 2", step) })
	if err != nil {
		return err
	}
	left := max(steps-place, 0)
	s.say("dry run %d steps of %v, about %v beside evaluation; nothing was written",
		left, step.Round(time.Microsecond), (time.Duration(left) * step).Round(time.Second/10))
	return nil
}
