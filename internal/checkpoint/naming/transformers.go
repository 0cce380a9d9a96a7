package naming

import "fmt"

// transformers is Hugging Face's library. ResNetForImageClassification has the
// prefix and a head; ResNetModel has neither. Its layers are torchvision's blocks.
var transformers = Library{
	Name:   "transformers",
	mark:   "embedder.embedder.convolution",
	prefix: "resnet.",
	rules: []rule{
		{"embedder.embedder.convolution", is("conv1")},
		{"embedder.embedder.normalization", is("bn1")},
		{"encoder.stages.#.layers.#.layer.#.convolution", block("conv%d")},
		{"encoder.stages.#.layers.#.layer.#.normalization", block("bn%d")},
		{"encoder.stages.#.layers.#.shortcut.convolution", shortcut(0)},
		{"encoder.stages.#.layers.#.shortcut.normalization", shortcut(1)},
		{"classifier.1", is("fc")},
	},
}

// block renames module n[2] of block n[1] of stage n[0]; torchvision counts stages
// and modules from 1.
func block(module string) func(n []int) string {
	return func(n []int) string { return fmt.Sprintf("layer%d.%d."+module, n[0]+1, n[1], n[2]+1) }
}

func shortcut(module int) func(n []int) string {
	return func(n []int) string { return fmt.Sprintf("layer%d.%d.downsample.%d", n[0]+1, n[1], module) }
}

// transformersMobile is MobileNetV2 as Google published it.
var transformersMobile = Library{
	Name:    "transformers",
	Refusal: "is MobileNetV2 with TensorFlow's padding and an epsilon of 0.001 in its norms, which is another network than mobilenet_v2",
	mark:    "conv_stem.first_conv.convolution",
	prefix:  "mobilenet_v2.",
}
