package models

import (
	"imgcls/internal/layers"
	"imgcls/internal/metrics"
	"imgcls/internal/optim"
)

// tutorial is the recipe of PyTorch's tutorial "Training a Classifier": about
// 55 % on CIFAR-10 after two epochs.
var tutorial = Recipe{
	Epochs:    2,
	Batch:     4,
	Optimizer: optim.SGD{LR: 0.001, Momentum: 0.9},
	Size:      32,
	Mean:      []float64{0.5, 0.5, 0.5},
	Std:       []float64{0.5, 0.5, 0.5},
}

// CifarNet is the tutorial's network. The sets that come with imgcls are small,
// so they are gone through more often and in larger steps.
var CifarNet = Model{
	Name:  "cifar-net",
	About: "the tutorial's net: two convolutions, three linear layers",
	Net: layers.Seq{
		{Name: "conv1", Layer: layers.Conv{Out: 6, Kernel: 5}},
		{Name: "relu1", Layer: layers.ReLU{}},
		{Name: "pool1", Layer: layers.MaxPool{Kernel: 2}},
		{Name: "conv2", Layer: layers.Conv{Out: 16, Kernel: 5}},
		{Name: "relu2", Layer: layers.ReLU{}},
		{Name: "pool2", Layer: layers.MaxPool{Kernel: 2}},
		{Name: "flatten", Layer: layers.Flatten{}},
		{Name: "fc1", Layer: layers.Linear{Out: 120}},
		{Name: "relu3", Layer: layers.ReLU{}},
		{Name: "fc2", Layer: layers.Linear{Out: 84}},
		{Name: "relu4", Layer: layers.ReLU{}},
		{Name: "fc3", Layer: layers.Linear{Out: layers.Classes}},
	},
	Recipe: tutorial,
	On: map[string]Recipe{
		"digits": tutorial.with(12, 32, 0.01),
		"shapes": tutorial.with(8, 32, 0.01),
	},
	Stronger: "resnet20",
	Measured: []Measured{{
		Data: "cifar10", Epochs: 2, Top1: 0.5444, Seeds: 5, Seconds: metrics.Undefined(), On: "AMD EPYC with AVX-512, 2 cores",
		Command: "make learn", Date: "2026-11-24",
	}},
}
