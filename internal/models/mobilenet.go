package models

import (
	"fmt"

	"imgcls/internal/layers"
)

// MobileNetV2 is the network of Sandler et al. (arXiv 1801.04381) with torchvision's
// names of parameters and its first values.
// Small pictures are halved less often, as is usual for CIFAR.
var MobileNetV2 = Model{
	Name:   "mobilenet_v2",
	About:  "torchvision's, of few operations; fewer strides for small pictures",
	Net:    mobileNet(),
	Recipe: large,
	On:     builtIn,
}

// mobileStages are the network's blocks: how many times as many channels they have
// inside, the channels that they give, how many there are, and the stride of the first.
var mobileStages = []struct{ expand, out, n, stride int }{
	{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
}

func mobileNet() layers.Seq {
	const first, last = 32, 1280 // channels
	var net layers.Seq
	add := func(l layers.Layer) {
		net = append(net, layers.Named{Name: fmt.Sprint("features.", len(net)), Layer: l})
	}
	add(bySize{smallest, normed(conv(first, 3, 1)), normed(conv(first, 3, 2))})
	in := first
	for i, stage := range mobileStages {
		for k := range stage.n {
			switch {
			case k > 0:
				add(inverted(in, stage.expand, stage.out, 1))
			case i == 1: // the second halving
				add(bySize{smallest / 2, inverted(in, stage.expand, stage.out, 1), inverted(in, stage.expand, stage.out, 2)})
			default:
				add(inverted(in, stage.expand, stage.out, stage.stride))
			}
			in = stage.out
		}
	}
	add(normed(conv(last, 1, 1)))
	return append(net,
		layers.Named{Layer: layers.GlobalAvgPool{}},
		layers.Named{Name: "classifier.0", Layer: layers.Dropout{Rate: 0.2}},
		layers.Named{Name: "classifier.1", Layer: layers.Linear{Out: layers.Classes, Std: 0.01}})
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
