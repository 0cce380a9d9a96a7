package models

import (
	"fmt"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// The residual networks of He et al. (arXiv 1512.03385), with torchvision's names of
// parameters and its first values. Those for CIFAR, of three stages, begin with 16
// channels and have no pooling; where they halve the picture, a 1×1 convolution does
// so to the sum as well.
var (
	ResNet20 = residual("resnet20", "for pictures of about 32×32: 0.27 M parameters", "resnet18", basic, []int{16, 32, 64}, []int{3, 3, 3}, small)
	ResNet18 = residual("resnet18", "torchvision's; a small first layer for small pictures", "", basic, imageNet, []int{2, 2, 2, 2}, large)
	ResNet34 = residual("resnet34", "torchvision's; as resnet18, deeper", "", basic, imageNet, []int{3, 4, 6, 3}, large)
	ResNet50 = residual("resnet50", "torchvision's; as resnet34, blocks of three layers", "", bottleneck, imageNet, []int{3, 4, 6, 3}, large)
)

var imageNet = []int{64, 128, 256, 512}

var (
	cifarMean, cifarStd = []float64{0.4914, 0.4822, 0.4465}, []float64{0.2470, 0.2435, 0.2616}

	// small is the usual recipe for CIFAR-10, and large that for pictures of the size of
	// ImageNet's.
	small = Recipe{
		Epochs: 30, Batch: 128,
		Optimizer: optim.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 5e-4, Nesterov: true},
		Schedule:  optim.Schedule{Kind: "cosine", Warmup: 1},
		Augment:   augment.Standard,
		Size:      32, Mean: cifarMean, Std: cifarStd, Half: true,
	}
	large = small.sized(224, []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225})
)

// builtIn are the recipes for the sets that come with imgcls. Shapes and digits are few,
// and a mirrored digit is none.
var builtIn = map[string]Recipe{"cifar10": small, "shapes": small.with(10, 64, 0.05), "digits": digits}

var digits = func() Recipe {
	r := small.with(10, 64, 0.1)
	r.Augment = augment.Policy{Crop: 2}
	return r
}()

// sized returns the recipe for pictures of another size and normalisation.
func (r Recipe) sized(size int, mean, std []float64) Recipe {
	r.Size, r.Mean, r.Std = size, mean, std
	return r
}

// residual returns a network of stages of blocks. Every stage but the first halves
// the picture.
func residual(name, about, stronger string, kind func(out, stride int) layers.Layer, channels, blocks []int, recipe Recipe) Model {
	net := layers.Seq{{Layer: stem(channels[0], recipe.Size > smallest)}}
	for i, out := range channels {
		for k := range blocks[i] {
			stride := 1
			if i > 0 && k == 0 {
				stride = 2
			}
			net = append(net, layers.Named{Name: fmt.Sprintf("layer%d.%d", i+1, k), Layer: kind(out, stride)})
		}
	}
	net = append(net, layers.Named{Layer: layers.GlobalAvgPool{}}, layers.Named{Name: "fc", Layer: layers.Linear{Out: layers.Classes}})
	return Model{Name: name, About: about, Net: net, Recipe: recipe, On: builtIn, Stronger: stronger, Measured: measured[name]}
}

// measured is what residual networks gave.
var measured = map[string][]Measured{"resnet20": {{
	Data: "cifar10", Epochs: 30, Top1: 0.9031, Seeds: 1, Seconds: 2621, On: "Intel Xeon with AVX-512, 2 busy cores",
	Command: "imgcls train --model resnet20 --device cpu", Date: "2026-11-29",
}}}

// smallest is the height of the smallest picture that is worth halving twice at once.
const smallest = 64

// bySize is one layer where the shorter side of its input is Over or less, and another
// where it is more.
type bySize struct {
	Over         int
	Small, Large layers.Layer
}

func (b bySize) Apply(s *layers.Scope, x graph.Value) graph.Value {
	if shape := s.Shape(x); len(shape) == 4 && min(shape[1], shape[2]) > b.Over {
		return b.Large.Apply(s, x)
	}
	return b.Small.Apply(s, x)
}

// stem is the layers before the first stage. On large pictures it makes a quarter of
// both sides, where reduces says so.
func stem(channels int, reduces bool) layers.Layer {
	first := func(c layers.Conv) layers.Seq {
		return layers.Seq{{Name: "conv1", Layer: c}, {Name: "bn1", Layer: layers.BatchNorm{}}, {Name: "relu", Layer: layers.ReLU{}}}
	}
	low := first(conv(channels, 3, 1))
	if !reduces {
		return low
	}
	high := append(first(conv(channels, 7, 2)), layers.Named{Name: "maxpool", Layer: layers.MaxPool{Kernel: 3, Stride: 2, Pad: 1}})
	return bySize{smallest, low, high}
}

// conv is a convolution without bias, which keeps the extents but for the stride.
func conv(out, kernel, stride int) layers.Conv {
	return layers.Conv{Out: out, Kernel: kernel, Stride: stride, Pad: kernel / 2, NoBias: true, Init: layers.HeNormal}
}

// basic is a block of two 3×3 convolutions.
func basic(out, stride int) layers.Layer {
	return block(out, stride, layers.Seq{
		{Name: "conv1", Layer: conv(out, 3, stride)},
		{Name: "bn1", Layer: layers.BatchNorm{}},
		{Name: "relu", Layer: layers.ReLU{}},
		{Name: "conv2", Layer: conv(out, 3, 1)},
		{Name: "bn2", Layer: layers.BatchNorm{}},
	})
}

// bottleneck is a block of a 3×3 convolution between two of 1×1; the last one has four
// times as many channels.
func bottleneck(width, stride int) layers.Layer {
	out := 4 * width
	return block(out, stride, layers.Seq{
		{Name: "conv1", Layer: conv(width, 1, 1)},
		{Name: "bn1", Layer: layers.BatchNorm{}},
		{Name: "relu1", Layer: layers.ReLU{}},
		{Name: "conv2", Layer: conv(width, 3, stride)},
		{Name: "bn2", Layer: layers.BatchNorm{}},
		{Name: "relu2", Layer: layers.ReLU{}},
		{Name: "conv3", Layer: conv(out, 1, 1)},
		{Name: "bn3", Layer: layers.BatchNorm{}},
	})
}

// block adds its input to what body makes of it, through a convolution where the
// shapes differ.
func block(out, stride int, body layers.Layer) layers.Layer {
	return layers.Seq{{Layer: layers.Residual{Body: body, Skip: shortcut{out, stride}}}, {Name: "relu", Layer: layers.ReLU{}}}
}

type shortcut struct{ out, stride int }

func (c shortcut) Apply(s *layers.Scope, x graph.Value) graph.Value {
	shape := s.Shape(x)
	if c.stride == 1 && len(shape) == 4 && shape[3] == c.out {
		return x
	}
	return layers.Seq{
		{Name: "0", Layer: conv(c.out, 1, c.stride)},
		{Name: "1", Layer: layers.BatchNorm{}},
	}.Apply(s.Sub("downsample"), x)
}
