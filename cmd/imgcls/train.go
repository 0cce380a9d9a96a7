package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

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
	model, err := models.Lookup(s.model.fallBack(models.All[0].Name))
	if err != nil {
		return err
	}
	if err := run.Vacant(s.output, s.name.value, s.overwrite); err != nil {
		return err
	}
	dev, err := s.openDevice()
	if err != nil {
		return err
	}
	defer dev.Close()
	set, err := s.openData(ctx, s.data.fallBack(defaultData))
	if err != nil {
		return err
	}
	if set.Path != "" {
		s.data.value = set.Path // for config.yaml: it holds wherever it is read
	}
	cfg, err := s.training(model, set)
	if err != nil {
		return err
	}
	trainer, err := train.New(dev, set, cfg)
	if err != nil {
		return err
	}
	defer trainer.Close()
	if s.weights.known {
		if err := s.startFrom(s.weights.value, trainer, set); err != nil {
			return err
		}
	}
	folder, err := s.createRun(set, cfg, dev)
	if err != nil {
		return err
	}
	return s.trainInto(ctx, folder, trainer, cfg)
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
	r.Epochs, r.Batch = s.epochs.settle(r.Epochs), s.batchSize.settle(r.Batch)
	r.Mean, r.Std = s.mean.settle(r.Mean), s.std.settle(r.Std)
	o := &r.Optimizer
	o.LR, o.Momentum = s.lr.settle(o.LR), s.momentum.settle(o.Momentum)
	o.WeightDecay, o.Nesterov = s.weightDecay.settle(o.WeightDecay), s.nesterov.settle(o.Nesterov)
	return r
}

// training returns how the model is trained on set.
func (s *settings) training(model models.Model, set *data.Set) (train.Config, error) {
	if s.batchSize.known && s.batchSize.value > set.Train.Len() {
		return train.Config{}, fault.New(fault.Data, "--batch-size", "", "use a smaller batch",
			"a batch of %d does not fit the %d training pictures", s.batchSize.value, set.Train.Len())
	}
	recipe := model.RecipeFor(set.Name)
	recipe.Batch = min(recipe.Batch, set.Train.Len())
	recipe = s.settleRecipe(recipe)
	preprocess, err := models.Preprocess{
		Height: set.Height, Width: set.Width, Channels: set.Channels, Resize: models.Squash,
	}.Normalized(recipe.Mean, recipe.Std)
	if err != nil {
		return train.Config{}, err
	}
	cfg := train.Config{
		Network: models.Network{Model: model, Classes: set.Classes, Preprocess: preprocess},
		Epochs:  recipe.Epochs, Batch: recipe.Batch, Optimizer: recipe.Optimizer,
		Seed: uint64(s.seed), EvalBatch: evalBatch,
	}
	return cfg, cfg.Network.Check()
}

// startFrom loads the weights of --weights over the first parameters.
func (s *settings) startFrom(path string, t *train.Trainer, set *data.Set) error {
	path, _ = run.Locate(path)
	if absolute, err := filepath.Abs(path); err == nil {
		s.weights.value = absolute // for config.yaml
	}
	file, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	if err := file.CheckClasses(set.Classes, set.Name); err != nil {
		return err
	}
	s.say("weights %s", fault.Quote(path))
	return file.Load(t.Graph(), s.convert, t.Program().Write)
}

// createRun makes the run folder, which from here on keeps what is said.
func (s *settings) createRun(set *data.Set, cfg train.Config, dev device.Device) (*run.Folder, error) {
	record := run.Record{
		Command: commandLine(), Version: version(), Seed: cfg.Seed, Device: dev.String(),
		Model: cfg.Network.Model.Name, Epochs: cfg.Epochs, Weights: "last",
		Data: run.Data{
			Name: set.Name, Path: set.Path, Fingerprint: set.Fingerprint(),
			Train: set.Train.Len(), Test: set.Test.Len(),
		},
	}
	config, err := s.recorded()
	if err != nil {
		return nil, err
	}
	folder, err := run.Create(run.Options{
		Output: s.output, Name: s.name.value, Overwrite: s.overwrite, Config: config,
		Classes: set.Classes, Warn: func(text string) { s.warn("%s", text) },
	}, record)
	if err == nil {
		s.keepIn(folder)
	}
	return folder, err
}

// trainInto trains, shows how it goes, and closes the run however it ends.
func (s *settings) trainInto(ctx context.Context, folder *run.Folder, t *train.Trainer, cfg train.Config) error {
	record, steps := folder.Record(), cfg.Epochs*t.Steps()
	o := cfg.Optimizer
	s.say("model   %s  %d parameters", record.Model, t.Parameters())
	s.say("plan    %d epochs × %d steps  batch %d  sgd lr %g momentum %g weight decay %g  seed %d",
		cfg.Epochs, t.Steps(), cfg.Batch, o.LR, o.Momentum, o.WeightDecay, cfg.Seed)
	s.say("out     %s  stop safely with Ctrl+C", fault.Quote(folder.Dir()))
	s.event(run.Start{
		Run: folder.Dir(), Command: record.Command, Version: record.Version, Seed: record.Seed, Device: record.Device,
		Model: record.Model, Data: record.Data, Epochs: cfg.Epochs, Steps: steps,
	})
	bar := s.progress()
	bar.Start("train", steps)
	last, err := t.Into(ctx, folder, func(e run.Event) error {
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
	if folder.Record().ModelSHA256 != "" {
		s.say("saved   %s at step %d of %d", fault.Quote(folder.Model()), folder.Record().Step, steps)
		s.say("next    imgcls eval %s", quoteArg(folder.Dir()))
		s.say("        imgcls predict %s PICTURE", quoteArg(folder.Dir()))
	}
	if unwritten := folder.End(exitCode(err)); err == nil {
		err = unwritten
	}
	s.event(done(folder.Record(), folder.Dir()))
	if err == nil && last != nil {
		s.result(last)
	}
	return err
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
	if e.TestTop1.Defined() {
		line += fmt.Sprintf("  test loss %s  test top1 %s", decimal(e.TestLoss), percent(e.TestTop1))
	}
	return line + fmt.Sprintf("  %.1f s  %.0f images/s", float64(e.Seconds), float64(e.ImagesPerSecond))
}

func done(r run.Record, dir string) run.Done {
	return run.Done{
		Run: dir, Status: r.Status, Exit: *r.Exit, Epochs: r.Epochs, Step: r.Step,
		TestTop1: r.TestTop1, TestLoss: r.TestLoss, Seconds: metrics.Figure(r.Seconds), ModelSHA256: r.ModelSHA256,
	}
}
