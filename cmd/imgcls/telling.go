package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"imgcls/internal/augment"
	"imgcls/internal/device"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
	"imgcls/internal/run"
	"imgcls/internal/train"
)

// tellPlan says what is trained, and how, in a run of so many steps.
func (s *settings) tellPlan(t *train.Trainer, cfg train.Config, steps int) {
	s.say("model   %s  %s", cfg.Network.Model.Name, parameters(t, cfg))
	rates := cfg.Optimizer.String()
	if schedule := cfg.Schedule.String(); schedule != "" {
		rates += ", " + schedule
	}
	if cfg.ClipGrad > 0 {
		rates += fmt.Sprintf(", gradients clipped to norm %g", cfg.ClipGrad)
	}
	if cfg.Smooth > 0 {
		rates += fmt.Sprintf(", label smoothing %g", cfg.Smooth)
	}
	if cfg.EMA > 0 {
		rates += fmt.Sprintf(", ema %g", cfg.EMA)
	}
	batch := strconv.Itoa(cfg.Batch)
	if cfg.Accum > 1 {
		batch += fmt.Sprintf(" as %d × %d", cfg.Accum, cfg.Batch/cfg.Accum)
	}
	s.say("plan    %d epochs × %d steps  batch %s  %s  %s  seed %d",
		cfg.Epochs, t.Steps(), batch, rates, device.PrecisionName(cfg.Precision), cfg.Seed)
	if from := t.Place().Step; from > 0 && cfg.Schedule.ByStep() {
		s.say("rate    %.4g at step %d, by the schedule over %d epochs", t.Rate(), from+1, cfg.Epochs)
	}
	if all := cfg.Epochs * t.Steps(); steps < all && cfg.Schedule.ByStep() {
		s.say("rate    --max-steps %d ends in mid-schedule: that is over %d epochs, %d steps", steps, cfg.Epochs, all)
	}
	for i, group := range cfg.Groups {
		what := "groups"
		if i > 0 {
			what = ""
		}
		s.say("%-7s %s", what, group)
	}
	if cfg.Augment != (augment.Policy{}) {
		s.say("augment %s", cfg.Augment)
	}
	if tta := cfg.Network.Preprocess.TTA; tta != "" {
		s.say("tta     %s", tta)
	}
	// The average begins with the first weights, which count less by the decay each step.
	const most = 0.05
	if rest := math.Pow(cfg.EMA, float64(steps)); cfg.EMA > 0 && rest > most && t.Place().Step == 0 {
		s.warn("--ema %g: after the %d steps of this run %.0f %% of the average are the weights it began with; a smaller one follows sooner", cfg.EMA, steps, 100*rest)
	}
}

// withCheckpoint says beside an error of the device, after which nothing could be
// saved, from where the run goes on.
func withCheckpoint(folder *run.Folder, err error) error {
	steps, unread := folder.Checkpoints(1).Steps()
	if unread != nil || len(steps) == 0 {
		return err
	}
	return fmt.Errorf("%w; imgcls train --resume=%s goes on from step %d", err, quoteArg(folder.Dir()), steps[0])
}

// bestOf says by what the model file was chosen, if it was.
func bestOf(p train.Place) string {
	if p.Best == nil || p.Model == nil || p.Model.Step != p.Best.Step {
		return ""
	}
	return fmt.Sprintf(", the best: val top1 %.2f %%", 100*float64(p.Best.ValTop1))
}

// missed says that a run is over and its target was not reached.
func missed(cfg train.Config, p train.Place) string {
	if cfg.Budget.Target == 0 || p.Best == nil || float64(p.Best.ValTop1) >= cfg.Budget.Target {
		return ""
	}
	return fmt.Sprintf("; --target-acc %g was not reached", cfg.Budget.Target)
}

// below reports whether a run got ten points less of the test pictures right than the
// model is known for: then another model is not what it lacks.
func below(m models.Model, r run.Record) bool {
	for _, known := range m.Measured {
		if known.Data == r.Data.Name && !(float64(r.TestTop1) >= known.Top1-0.1) {
			return true
		}
	}
	return false
}

// next says what can be done with a run that ended, by taking all its epochs or
// otherwise.
func (s *settings) next(folder *run.Folder, ended bool, err error) {
	if err != nil {
		s.say("resume  imgcls train --resume=%s", quoteArg(folder.Dir()))
		return
	}
	s.say("next    imgcls eval %s", quoteArg(folder.Dir()))
	s.say("        imgcls predict %s PICTURE", quoteArg(folder.Dir()))
	if m, err := models.Lookup(folder.Record().Model); err == nil && m.Stronger != "" && ended && !below(m, folder.Record()) {
		s.say("tip     %s is stronger, and takes longer: %s", m.Stronger, trainCommand(s.data.fallBack(defaultData), m.Stronger))
	}
}

// afterDivergence says what can be done with a run that diverged. Where no step could be
// taken from its newest checkpoint, this is lost as well.
func (s *settings) afterDivergence(folder *run.Folder, atOnce bool) {
	store, from := folder.Checkpoints(1), "begins anew"
	steps, err := store.Steps()
	if err == nil && len(steps) > 0 && atOnce {
		s.say("resume  the numbers ran away before step %d already: remove %s to go on from before it", steps[0], quoteArg(store.Path(steps[0])))
		steps = steps[1:]
	}
	if err == nil && len(steps) > 0 {
		from = fmt.Sprintf("goes on from step %d", steps[0])
	}
	more := ""
	if s.origins["epochs"] == fromFlag { // the checkpoint may be of a shorter run
		more = fmt.Sprintf(" --epochs %d", s.epochs.value)
	}
	s.say("resume  imgcls train --resume=%s%s --override lr --lr RATE  %s at another rate", quoteArg(folder.Dir()), more, from)
}

// result prints the last evaluation: to standard output, unless that is for
// events, and to train.log. A run whose model is saved does not fail for a
// standard output that does not take it.
func (s *settings) result(r *metrics.Report) {
	text := reportText(r)
	for line := range strings.Lines(text) {
		s.folder.Say(strings.TrimSuffix(line, "\n"))
	}
	if s.logFormat == "json" {
		return
	}
	if _, err := fmt.Fprint(s.out, text); err != nil && !errors.Is(err, errReaderGone) {
		s.warn("%v", err)
	}
}

func epochLine(e run.Epoch, epochs int) string {
	width := len(strconv.Itoa(epochs))
	line := fmt.Sprintf("epoch   %*d/%d  train loss %.4f", width, e.Epoch, epochs, float64(e.TrainLoss))
	if e.ValTop1 != nil {
		line += fmt.Sprintf("  val loss %s  val top1 %s", decimal(*e.ValLoss), percent(*e.ValTop1))
	}
	if e.TestTop1.Defined() {
		line += fmt.Sprintf("  test loss %s  test top1 %s", decimal(e.TestLoss), percent(e.TestTop1))
	}
	if e.Skipped > 0 {
		line += fmt.Sprintf("  %d steps skipped", e.Skipped)
	}
	return line + fmt.Sprintf("  %.1f s  %.0f images/s", float64(e.Seconds), float64(e.ImagesPerSecond))
}
