package main

import (
	"context"
	"strconv"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/models"
	"imgcls/internal/train"
)

// planSamples stands for the size of the training set, which decides the room
// that its pictures take and nothing else of a plan. It is CIFAR-10's, or as many
// pictures as planBytes holds.
const planSamples, planBytes = 50_000, 4 << 30

func runPlan(_ context.Context, s *settings, _ []string) error {
	model, err := models.Lookup(s.model.fallBack(models.All[0].Name))
	if err != nil {
		return err
	}
	size := s.imgSize.settle(model.RecipeFor(defaultData).Size) // as `imgcls models` says
	set := &data.Set{
		Name: "plan", Height: size, Width: size, Channels: 3,
		Train: data.Split{Labels: make([]int32, min(planSamples, planBytes/(3*size*size)))},
	}
	for i := range s.classes.settle(10) {
		set.Classes = append(set.Classes, strconv.Itoa(i))
	}
	cfg, err := s.training(model, set)
	if err != nil {
		return err
	}
	dev, _, err := device.Open(s.device, s.kinds()...)
	if err != nil {
		return err
	}
	defer dev.Close()
	if cfg.Precision, err = s.precisionOn(dev, model.Recipe); err != nil {
		return err
	}
	module, err := train.Plan(dev, set, cfg)
	if err != nil {
		return err
	}
	if s.format == "text" {
		return module.Print(s.out)
	}
	return s.print(s.format, module.List())
}
