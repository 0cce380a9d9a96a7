package models

import (
	"math"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// AirBench94 is Jordan's network and recipe airbench94_muon (arXiv 2404.00498;
// github.com/KellerJordan/cifar10-airbench), whose published accuracy is 94.01 % of
// CIFAR-10 after 8 epochs. There logits are divided by the features of the head; here
// the head's weight is: it starts smaller by that, and its rate is smaller by the square.
var AirBench94 = Model{
	Name:  "airbench94",
	About: "for CIFAR-10 in a hurry: 8 epochs, by Muon, the first layer fitted to the pictures",
	Net: layers.Seq{
		{Name: "whiten", Layer: layers.Whiten{Kernel: 2}},
		{Layer: layers.GELU{}},
		{Name: "layers.1", Layer: convGroup(64)},
		{Name: "layers.2", Layer: convGroup(256)},
		{Name: "layers.3", Layer: convGroup(airbenchFeatures)},
		{Layer: lastPool{}},
		{Name: "head", Layer: layers.Linear{Out: layers.Classes, NoBias: true, Bound: math.Sqrt(3) / airbenchFeatures}},
	},
	Recipe: airbench(8, 2000),
	On:     map[string]Recipe{"shapes": airbench(8, 64), "digits": airbenchDigits},
	Measured: []Measured{{
		Data: "cifar10", Epochs: 8, Top1: 0.9395, Seeds: 1, Seconds: 3281, On: "AMD EPYC with AVX2, 2 busy cores",
		Command: "imgcls train --model airbench94 --device cpu", Date: "2026-11-28",
	}},
}

// lastPool takes the maximum of windows of 3×3, which is all that is left of pictures of
// 32×32, or of smaller ones where there is less, and the mean of these.
type lastPool struct{}

func (lastPool) Apply(s *layers.Scope, x graph.Value) graph.Value {
	kernel := 3
	if shape := s.Shape(x); len(shape) == 4 {
		kernel = min(kernel, shape[1], shape[2])
	}
	return layers.GlobalAvgPool{}.Apply(s, layers.MaxPool{Kernel: kernel}.Apply(s, x))
}

const airbenchFeatures = 256

// convGroup is two convolutions that start by handing channels on.
func convGroup(out int) layers.Layer {
	conv := layers.Conv{Out: out, Kernel: 3, Pad: 1, NoBias: true, Init: layers.Dirac}
	norm := layers.BatchNorm{Eps: 1e-12, Momentum: 0.4, NoScale: true}
	return layers.Seq{
		{Name: "conv1", Layer: conv}, {Layer: layers.MaxPool{Kernel: 2}}, {Name: "norm1", Layer: norm}, {Layer: layers.GELU{}},
		{Name: "conv2", Layer: conv}, {Name: "norm2", Layer: norm}, {Layer: layers.GELU{}},
	}
}

// airbench is the recipe for batches of that many pictures, 2000 in the original. Its rates
// and its decay are for the sum of a batch's losses and not for the mean, and decay is
// what is taken off a parameter in a step.
func airbench(epochs, batch int) Recipe {
	const biasRate, headRate, decayOfOne = 0.053, 0.67, 2e-6
	n := float64(batch)
	bias, head, decay := biasRate*n, headRate*n/(airbenchFeatures*airbenchFeatures), decayOfOne*n
	rest := optim.SGD{LR: bias, Momentum: 0.85, WeightDecay: decay / bias, Nesterov: true}
	return Recipe{
		Epochs: epochs, Batch: batch,
		Optimizer: optim.Muon{LR: 0.24, Momentum: 0.6, Rest: rest},
		Schedule:  optim.Schedule{Kind: "linear"},
		Groups: []optim.Group{
			{Match: "whiten.bias", LR: 1, Decay: 1, Epochs: 3},
			{Match: "*norm*", LR: 1, Decay: 1},
			{Match: "head.weight", LR: head / bias, Decay: bias / head},
		},
		Augment: augment.Policy{Flip: augment.Alternate, Crop: 2, Reflect: true},
		Smooth:  0.2, TTA: "6",
		Size: 32, Mean: cifarMean, Std: cifarStd, Half: true,
	}
}

var airbenchDigits = func() Recipe {
	r := airbench(8, 64)
	r.Augment, r.TTA = augment.Policy{Crop: 2}, "" // a mirrored digit is none
	return r
}()
