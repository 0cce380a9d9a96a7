package models

import (
	"fmt"

	"imgcls/internal/layers"
)

// The residual networks of He, Zhang, Ren and Sun, "Deep residual learning for image
// recognition" (2015), under torchvision's names. Pictures of at most smallPicture
// pixels a side are taken in at full size.
var (
	ResNet18 = resnet("resnet18", basicBlock, 2, 2, 2, 2)
	ResNet34 = resnet("resnet34", basicBlock, 3, 4, 6, 3)
	ResNet50 = resnet("resnet50", bottleneck, 3, 4, 6, 3)
)

// ResNet20 is that paper's network for CIFAR, with a 1×1 convolution where the shape
// changes, as most PyTorch code has it (pytorch-cifar-models among others, whose names
// these are), and not the paper's padding with zeros.
var ResNet20 = Model{
	Name:  "resnet20",
	About: "He et al.'s small residual net for CIFAR, with 1×1 convolutions on the side",
	Net: layers.Seq{
		{Name: "conv1", Layer: conv(16, 3, 1)},
		{Name: "bn1", Layer: layers.BatchNorm{}},
		{Layer: layers.ReLU{}},
		{Name: "layer1", Layer: stage(basicBlock, 16, 16, 1, 3)},
		{Name: "layer2", Layer: stage(basicBlock, 16, 32, 2, 3)},
		{Name: "layer3", Layer: stage(basicBlock, 32, 64, 2, 3)},
		{Layer: layers.GlobalAvgPool{}},
		{Name: "fc", Layer: layers.Linear{Out: layers.Classes}},
	},
	Recipe: fromScratch,
	On:     builtIn(fromScratch),
}

// A block makes the body of a residual block that begins with stride, and returns it
// with the channels that it gives.
type block func(width, stride int) (body layers.Seq, out int)

func basicBlock(width, stride int) (layers.Seq, int) {
	return layers.Seq{
		{Name: "conv1", Layer: conv(width, 3, stride)},
		{Name: "bn1", Layer: layers.BatchNorm{}},
		{Layer: layers.ReLU{}},
		{Name: "conv2", Layer: conv(width, 3, 1)},
		{Name: "bn2", Layer: layers.BatchNorm{}},
	}, width
}

// bottleneck strides in its 3×3 convolution, as torchvision does ("v1.5") and not in
// the first, as the paper.
func bottleneck(width, stride int) (layers.Seq, int) {
	const expansion = 4
	return layers.Seq{
		{Name: "conv1", Layer: conv(width, 1, 1)},
		{Name: "bn1", Layer: layers.BatchNorm{}},
		{Layer: layers.ReLU{}},
		{Name: "conv2", Layer: conv(width, 3, stride)},
		{Name: "bn2", Layer: layers.BatchNorm{}},
		{Layer: layers.ReLU{}},
		{Name: "conv3", Layer: conv(expansion*width, 1, 1)},
		{Name: "bn3", Layer: layers.BatchNorm{}},
	}, expansion * width
}

// stage is n blocks, of which the first takes in that many channels and strides.
func stage(make block, in, width, stride, n int) layers.Seq {
	var seq layers.Seq
	for i := range n {
		body, out := make(width, stride)
		residual := layers.Residual{Body: body}
		if stride != 1 || in != out {
			residual.Skip = layers.Seq{
				{Name: "downsample.0", Layer: conv(out, 1, stride)},
				{Name: "downsample.1", Layer: layers.BatchNorm{}},
			}
		}
		seq = append(seq, layers.Named{Name: fmt.Sprint(i), Layer: layers.Seq{{Layer: residual}, {Layer: layers.ReLU{}}}})
		in, stride = out, 1
	}
	return seq
}

func resnet(name string, make block, depths ...int) Model {
	stem := func(conv1 layers.Conv) layers.Seq {
		return layers.Seq{{Name: "conv1", Layer: conv1}, {Name: "bn1", Layer: layers.BatchNorm{}}, {Layer: layers.ReLU{}}}
	}
	const first = 64 // channels
	large := append(stem(conv(first, 7, 2)), layers.Named{Layer: layers.MaxPool{Kernel: 3, Stride: 2, Pad: 1}})
	net := layers.Seq{{Layer: bySize{Small: stem(conv(first, 3, 1)), Large: large}}}
	in := first
	for i, n := range depths {
		width, stride := first<<i, 2
		if i == 0 {
			stride = 1
		}
		net = append(net, layers.Named{Name: fmt.Sprint("layer", i+1), Layer: stage(make, in, width, stride, n)})
		_, in = make(width, stride)
	}
	net = append(net, layers.Named{Layer: layers.GlobalAvgPool{}}, layers.Named{Name: "fc", Layer: layers.Linear{Out: layers.Classes}})
	return Model{
		Name:   name,
		About:  "torchvision's; pictures of at most 64 pixels a side enter at full size",
		Net:    net,
		Recipe: imageNet(fromScratch),
		On:     builtIn(fromScratch),
	}
}
