package models

import (
	"fmt"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// smallPicture is the longest side of pictures that networks made for ImageNet take
// in at full size: their first strides would leave too little of them. It is the
// usual change of these networks for CIFAR.
const smallPicture = 64

// bySize is one layer for small pictures and another for all others.
type bySize struct{ Small, Large layers.Layer }

// Apply takes the pictures, [N,H,W,C].
func (b bySize) Apply(s *layers.Scope, x graph.Value) graph.Value {
	if shape := s.Shape(x); len(shape) == 4 && max(shape[1], shape[2]) <= smallPicture {
		return b.Small.Apply(s, x)
	}
	return b.Large.Apply(s, x)
}

// conv is a convolution as batch norm follows it: padded to keep the size at stride
// 1, and without a bias.
func conv(out, kernel, stride int) layers.Conv {
	return layers.Conv{Out: out, Kernel: kernel, Stride: stride, Pad: kernel / 2, NoBias: true, FanOut: true}
}

// numbered names layers 0, 1, 2 …, as PyTorch's Sequential does.
func numbered(list ...layers.Layer) layers.Seq {
	seq := make(layers.Seq, len(list))
	for i, l := range list {
		seq[i] = layers.Named{Name: fmt.Sprint(i), Layer: l}
	}
	return seq
}

// fromScratch is how the networks with batch norm are trained on CIFAR-10 in the
// field: 200 epochs of SGD down half a cosine, on crops and mirror images.
var fromScratch = Recipe{
	Epochs:    200,
	Batch:     128,
	Optimizer: optim.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 5e-4, Nesterov: true},
	Schedule:  optim.Schedule{Kind: "cosine", Warmup: 1},
	Augment:   augment.Policy{Crop: 4, Flip: augment.RandomFlip},
	Size:      32,
	Mean:      []float64{0.4914, 0.4822, 0.4465}, // CIFAR-10's
	Std:       []float64{0.2470, 0.2435, 0.2616},
}

// imageNet is the recipe at the size and with the normalisation of torchvision's
// weights.
func imageNet(r Recipe) Recipe {
	r.Size, r.Mean, r.Std = 224, []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	return r
}

// builtIn holds a recipe for each set that comes with imgcls. Digits and shapes are
// small, and a mirrored digit is none.
func builtIn(r Recipe) map[string]Recipe {
	shapes := r.with(10, 64, 0.05)
	digits := shapes
	digits.Augment = augment.Policy{Crop: 2}
	return map[string]Recipe{"cifar10": r, "digits": digits, "shapes": shapes}
}
