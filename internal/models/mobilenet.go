package models

import (
	"fmt"

	"imgcls/internal/graph"
	"imgcls/internal/layers"
)

// MobileNetV2 is the network of Sandler et al. (arXiv 1801.04381) with torchvision's
// names of parameters and its first values. On small pictures the first two of its
// strides are left out, as is usual for CIFAR.
var MobileNetV2 = Model{
	Name:   "mobilenet_v2",
	About:  "torchvision's, of few operations; fewer strides for small pictures",
	Net:    mobileNet{},
	Recipe: large,
	On:     builtIn,
}

// mobileStages are the network's blocks: how many times as many channels they have
// inside, the channels that they give, how many there are, and the stride of the first.
var mobileStages = []struct{ expand, out, n, stride int }{
	{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
}

type mobileNet struct{}

// Apply builds the features for the size of x, and the classifier behind them.
func (mobileNet) Apply(s *layers.Scope, x graph.Value) graph.Value {
	strides := 2 // yet to be left out
	if !isSmall(s, x) {
		strides = 0
	}
	stride := func(n int) int {
		if n > 1 && strides > 0 {
			strides--
			return 1
		}
		return n
	}
	const first, last = 32, 1280 // channels
	features := layers.Seq{{Name: "0", Layer: normed(conv(first, 3, stride(2)))}}
	in := first
	for _, stage := range mobileStages {
		step := stride(stage.stride)
		for range stage.n {
			features = append(features, layers.Named{Name: fmt.Sprint(len(features)), Layer: inverted(in, stage.expand, stage.out, step)})
			in, step = stage.out, 1
		}
	}
	features = append(features, layers.Named{Name: fmt.Sprint(len(features)), Layer: normed(conv(last, 1, 1))})
	return layers.Seq{
		{Name: "features", Layer: features},
		{Layer: layers.GlobalAvgPool{}},
		{Name: "classifier.1", Layer: layers.Linear{Out: layers.Classes, Std: 0.01}},
	}.Apply(s, x)
}

// normed is a convolution with what follows it in this network.
func normed(c layers.Conv) layers.Seq {
	return layers.Seq{{Name: "0", Layer: c}, {Name: "1", Layer: layers.BatchNorm{}}, {Layer: layers.ReLU6{}}}
}

// inverted is a block that is wide inside: a 1×1 convolution to expand times the
// channels, unless that is once, a 3×3 one of each channel by itself, and a 1×1 one back
// without an activation. Where the shape stays, its input is added.
func inverted(in, expand, out, stride int) layers.Layer {
	var body layers.Seq
	add := func(l layers.Layer) {
		body = append(body, layers.Named{Name: fmt.Sprint("conv.", len(body)), Layer: l})
	}
	wide := expand * in
	if expand > 1 {
		add(normed(conv(wide, 1, 1)))
	}
	each := conv(wide, 3, stride)
	each.Groups = wide
	add(normed(each))
	add(conv(out, 1, 1))
	add(layers.BatchNorm{})
	if stride == 1 && in == out {
		return layers.Residual{Body: body}
	}
	return body
}
