package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"imgcls/internal/augment"
	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
	"imgcls/internal/run"
	"imgcls/internal/train"
)

// defaultData is what `imgcls train` alone trains on.
const defaultData = "cifar10"

// evalBatch is the number of pictures in a forward run of an evaluation.
const evalBatch = 250

func runTrain(ctx context.Context, s *settings, _ []string) error {
	from, err := s.findPrior()
	if err != nil {
		return err
	}
	if from != nil {
		defer from.Release()
		if err := s.sameSet(from); err != nil {
			return err
		}
		if err := s.checkEpochs(from); err != nil {
			return err
		}
		if s.complete(from) {
			return nil
		}
	}
	model, err := s.startModel(from)
	if err != nil {
		return err
	}
	dev, err := s.openDevice()
	if err != nil {
		return err
	}
	defer s.close(dev)
	precision, err := s.precisionOn(dev, model.Recipe)
	if err != nil {
		return err
	}
	set, err := s.openData(ctx, s.data.fallBack(defaultData))
	if err != nil {
		return err
	}
	if set.Path != "" {
		s.data.value = set.Path // for config.yaml: it holds wherever it is read
	}
	source := describe(set)
	if from != nil {
		if err := from.checkData(set, source.Fingerprint); err != nil {
			return err
		}
	}
	var index []byte // where the run has none yet
	if !s.dryRun && (from == nil || from.Index() == nil) {
		index = set.Index()
	}
	if err := s.holdOut(set, &source); err != nil {
		return err
	}
	cfg, err := s.training(model, set)
	if err != nil {
		return err
	}
	cfg.Precision = precision
	trainer, err := s.trainer(dev, set, cfg, from)
	if err != nil {
		return err
	}
	defer s.close(trainer)
	if s.dryRun {
		return s.tryOut(ctx, trainer, cfg)
	}
	folder, err := s.openRun(from, source, index, cfg, dev)
	if err != nil {
		return err
	}
	return s.trainInto(ctx, folder, trainer, cfg, build(dev))
}

// describe names the data set as it was read, for run.json.
func describe(set *data.Set) run.Data {
	return run.Data{
		Name: set.Name, Path: set.Path, Fingerprint: set.Fingerprint(), Train: set.Train.Len(), Test: set.Test.Len(),
	}
}

// build names what takes the steps.
func build(dev device.Device) checkpoint.Build {
	return checkpoint.Build{Version: version(), Device: dev.String(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
}

// trainer compiles the training, once its memory is known to suffice, with the
// parameters and at the place where it begins.
func (s *settings) trainer(dev device.Device, set *data.Set, cfg train.Config, from *prior) (*train.Trainer, error) {
	memory, err := train.Measure(dev, set, cfg)
	if err != nil {
		return nil, err
	}
	free := ""
	if memory.Known {
		free = fmt.Sprintf(" of %s free", megabytes(memory.Free))
	}
	s.say("memory  %s%s", megabytes(memory.Need), free)
	t, err := train.New(dev, set, cfg)
	if err != nil {
		return nil, err
	}
	set.Train.Images = nil // the device has them: their room goes back before training takes its own
	debug.FreeOSMemory()
	switch {
	case from != nil && from.state != nil || from != nil && !s.weights.known:
		err = s.restore(from, t, dev)
	case s.weights.known:
		err = s.startFrom(t, cfg.Network, set)
	}
	if err != nil {
		s.close(t)
		return nil, err
	}
	return t, nil
}

func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// needsVal is the fraction held out for flags that choose by a validation split.
// The test split never chooses.
const needsVal = 0.1

// holdOut cuts the validation split of set, and counts what is left in source.
func (s *settings) holdOut(set *data.Set, source *run.Data) error {
	fraction := 0.0
	needed := ""
	switch {
	case s.patience > 0:
		needed = "--patience"
	case s.targetAcc > 0:
		needed = "--target-acc"
	case s.sched.known && s.sched.value == "plateau":
		needed = "--sched plateau"
	}
	if needed != "" {
		fraction = needsVal
	}
	if fraction = s.valSplit.fallBack(fraction); fraction == 0 && needed != "" {
		return fault.New(fault.Usage, needed, "", "give --val-split a fraction such as 0.1, in a new run if this one has none",
			"chooses by a validation split, and --val-split is 0")
	}
	if err := set.HoldOut(fraction, uint64(s.seed)); err != nil {
		return err
	}
	source.Train, source.Val = set.Train.Len(), set.Val.Len()
	if fraction > 0 {
		s.say("split   %d train, %d val", source.Train, source.Val)
	}
	return nil
}

// budget is what bounds the run beside its epochs.
func (s *settings) budget() train.Budget {
	return train.Budget{MaxSteps: s.maxSteps, MaxTime: s.maxTime, Patience: s.patience, Target: s.targetAcc}
}

// settleTrain settles what is known before data are read, for --print-config.
func settleTrain(s *settings) error {
	model, err := models.Lookup(s.model.fallBack(models.All[0].Name))
	if err == nil {
		s.settleRecipe(model.RecipeFor(s.data.fallBack(defaultData)))
	}
	return err
}

// settleRecipe returns the recipe with what the user gave in its place, and
// settles what the user left open.
func (s *settings) settleRecipe(r models.Recipe) models.Recipe {
	r = r.Batched(s.batchSize.settle(r.Batch))
	r.Epochs = s.epochs.settle(r.Epochs)
	r.Mean, r.Std = s.mean.settle(r.Mean), s.std.settle(r.Std)
	r.Augment, r.Smooth = s.augment.settle(r.Augment), s.smooth.settle(r.Smooth)
	r.ClipGrad, r.EMA = s.clipGrad.settle(r.ClipGrad), s.ema.settle(r.EMA)
	r.TTA = s.tta.settle(cmp.Or(r.TTA, augment.TTA[0]))
	if s.opt.fallBack(r.Optimizer.Name()) != r.Optimizer.Name() {
		r.Groups = nil // their factors are of other rates
	}
	r.Optimizer, r.Groups = s.settleOptimizer(r.Optimizer), s.groups.settle(r.Groups)
	r.Schedule = s.settleSchedule(r.Schedule, r.Epochs)
	return r
}

// training returns how the model is trained on set.
func (s *settings) training(model models.Model, set *data.Set) (train.Config, error) {
	if s.batchSize.known && s.batchSize.value > set.Train.Len() {
		return train.Config{}, fault.New(fault.Data, "--batch-size", "", "use a smaller batch",
			"a batch of %d does not fit the %d training pictures", s.batchSize.value, set.Train.Len())
	}
	recipe := model.RecipeFor(set.Name)
	recipe = recipe.Batched(min(recipe.Batch, set.Train.Len()))
	if s.start != nil { // as they were made for, whatever is usual for the data
		recipe.Mean, recipe.Std = model.Recipe.Mean, model.Recipe.Std
		if info := s.start.Info; info != nil {
			recipe.Mean, recipe.Std = info.Preprocess.Mean, info.Preprocess.Std
		}
	}
	recipe = s.settleRecipe(recipe)
	if err := s.checkRates(recipe); err != nil {
		return train.Config{}, err
	}
	if err := checkAccum(recipe.Batch, s.gradAccum); err != nil {
		return train.Config{}, err
	}
	if err := checkMixes(recipe.Augment, recipe.Batch, s.gradAccum); err != nil {
		return train.Config{}, err
	}
	preprocess, err := models.Preprocess{
		Height: set.Height, Width: set.Width, Channels: set.Channels, Resize: models.Squash, TTA: strings.TrimPrefix(recipe.TTA, augment.TTA[0]),
	}.Normalized(recipe.Mean, recipe.Std)
	if err != nil {
		return train.Config{}, err
	}
	if err := recipe.Augment.Fit(set.Height, set.Width); err != nil {
		return train.Config{}, fault.New(fault.Usage, "--augment", "", "use a smaller one, or a larger --img-size", "%w", err)
	}
	network := models.Network{Model: model, Classes: set.Classes, Preprocess: preprocess}
	if err := network.Check(); err != nil {
		return train.Config{}, err
	}
	frozen, err := s.frozen(network)
	cfg := train.Config{
		Network: network, Frozen: frozen,
		Epochs: recipe.Epochs, Batch: recipe.Batch, Accum: s.gradAccum, Optimizer: recipe.Optimizer, Schedule: recipe.Schedule, Groups: recipe.Groups,
		Augment: recipe.Augment, Smooth: recipe.Smooth, ClipGrad: recipe.ClipGrad, EMA: recipe.EMA,
		Seed: uint64(s.seed), EvalBatch: evalBatch, Budget: s.budget(), SaveEvery: s.saveEvery, CheckEvery: s.checkEvery,
	}
	return cfg, err
}

// checkAccum refuses a batch that is not to be cut into so many equal parts, and names the
// nearest numbers that go together.
func checkAccum(batch, accum int) error {
	if batch%accum == 0 {
		return nil
	}
	fewer := min(accum, batch)
	for batch%fewer != 0 {
		fewer--
	}
	return fault.New(fault.Usage, "--grad-accum", "", fmt.Sprintf("use --grad-accum %d, or --batch-size %d", fewer, (batch+accum-1)/accum*accum),
		"%d equal micro-batches cannot be made of a --batch-size of %d", accum, batch)
}

// checkMixes refuses to mix pictures where there is one in a micro-batch: it would be mixed
// with itself. What is left of an epoch may end in one, which then stays as it is.
func checkMixes(p augment.Policy, batch, accum int) error {
	if !p.Mixes() || batch/accum > 1 {
		return nil
	}
	if accum == 1 {
		return fault.New(fault.Usage, "--augment", "", "use a larger --batch-size, or leave mixup and cutmix out",
			"%s mixes a picture with others of its batch, which is of one", p)
	}
	return fault.New(fault.Usage, "--augment", "", "use a larger --batch-size or fewer --grad-accum, or leave mixup and cutmix out",
		"%s mixes a picture with others of its micro-batch, and a --batch-size of %d with --grad-accum %d has one in each", p, batch, accum)
}

// openRun makes the run folder, or goes on in that of the run resumed. From here
// on it keeps what is said.
func (s *settings) openRun(from *prior, source run.Data, index []byte, cfg train.Config, dev device.Device) (*run.Folder, error) {
	record := run.Record{
		Command: commandLine(), Version: version(), Seed: cfg.Seed, Device: dev.String(), Precision: device.PrecisionName(cfg.Precision),
		Model: cfg.Network.Model.Name, Epochs: cfg.Epochs, Weights: "last", Data: source,
		TestTop1: metrics.Undefined(), TestLoss: metrics.Undefined(),
	}
	config, err := s.recorded()
	if err != nil {
		return nil, err
	}
	o := run.Options{
		Output: s.output, Name: s.name.value, Overwrite: s.overwrite, Config: config, Index: index,
		Classes: cfg.Network.Classes, Warn: func(text string) { s.warn("%s", text) },
	}
	var folder *run.Folder
	if from != nil {
		folder, err = s.reopen(from, o, record)
	} else {
		folder, err = run.Create(o, record)
		err = choosing(err, s.output, "--output")
	}
	if err == nil {
		s.keepIn(folder)
	}
	return folder, err
}

// stepsOf returns how many steps a run takes at most.
func stepsOf(t *train.Trainer, cfg train.Config) int {
	steps := cfg.Epochs * t.Steps()
	if most := cfg.Budget.MaxSteps; most > 0 {
		steps = min(steps, most)
	}
	return steps
}

// trainInto trains, shows how it goes, and closes the run however it ends.
func (s *settings) trainInto(ctx context.Context, folder *run.Folder, t *train.Trainer, cfg train.Config, by checkpoint.Build) error {
	record, steps := folder.Record(), stepsOf(t, cfg)
	s.tellPlan(t, cfg, steps)
	s.say("out     %s  stop safely with Ctrl+C", fault.Quote(folder.Dir()))
	s.event(run.Start{
		Run: folder.Dir(), Command: record.Command, Version: record.Version, Seed: record.Seed, Device: record.Device,
		Model: record.Model, Data: record.Data, Epochs: cfg.Epochs, Steps: steps, Step: t.Place().Step,
	})
	begun := t.Place().Step
	bar := s.progress()
	bar.Start("train", steps)
	last, err := t.Into(ctx, folder, train.Saving{Keep: s.keep, Build: by}, func(e run.Event) error {
		switch e := e.(type) {
		case run.Step:
			if s.verbose > 0 {
				s.say("step    [%d, %5d]  loss %.3f  %.0f images/s", e.Epoch, e.Step, float64(e.TrainLoss), float64(e.ImagesPerSecond))
			}
		case run.Epoch:
			s.say("%s", epochLine(e, cfg.Epochs))
		}
		return s.emit(e)
	}, func(step int, loss float64) { bar.Update(step, fmt.Sprintf("loss %.3f", loss)) })
	bar.Finish()
	unsaved := fault.KindOf(err) == fault.Room
	if fault.KindOf(err) == fault.Device {
		err = withCheckpoint(folder, err)
	}
	if folder.Record().ModelSHA256 != "" && !unsaved {
		what := bestOf(t.Place())
		if fault.KindOf(err) == fault.Diverged && !folder.Record().TestLoss.Defined() {
			what = ", the last finite weights"
		}
		s.say("saved   %s at step %d of %d%s", fault.Quote(folder.Model()), folder.Record().Step, steps, what)
	}
	switch {
	case fault.KindOf(err) == fault.Diverged:
		s.afterDivergence(folder, t.Place().Step == begun)
	case folder.Record().ModelSHA256 != "" && (!unsaved || folder.Keep() == nil):
		s.next(folder, t.Place().Epoch > cfg.Epochs, err)
	}
	ended := cfg.Reached(t.Place())
	if err != nil {
		ended = err.Error()
	}
	if err == nil && cfg.Budget != (train.Budget{}) {
		s.say("ended   %s%s", ended, missed(cfg, t.Place()))
		if flag, value, _ := strings.Cut(ended, " "); value != "" && strings.HasPrefix(flag, "--max-") {
			s.say("        imgcls train --resume=%s %s MORE goes further", quoteArg(folder.Dir()), flag)
		}
	}
	if unwritten := folder.End(exitCode(err), ended); err == nil {
		err = unwritten
	}
	s.event(done(folder.Record(), folder.Dir()))
	if err == nil && last != nil {
		s.result(last)
	}
	return err
}

func done(r run.Record, dir string) run.Done {
	return run.Done{
		Run: dir, Status: r.Status, Exit: *r.Exit, Epochs: r.Epochs, Step: r.Step,
		TestTop1: r.TestTop1, TestLoss: r.TestLoss, Seconds: metrics.Figure(r.Seconds), ModelSHA256: r.ModelSHA256,
	}
}
