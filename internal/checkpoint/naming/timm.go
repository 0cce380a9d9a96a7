package naming

import "fmt"

// timm has torchvision's names for ResNets, and its own for the networks that it
// builds from blocks: mobilenetv2_100 is torchvision's mobilenet_v2.
var timm = Library{
	Name: "timm",
	mark: "conv_stem",
	rules: []rule{
		{"conv_stem", is("features.0.0")},
		{"bn1", is("features.0.1")},
		{"blocks.0.0.conv_dw", is("features.1.conv.0.0")}, // the first block does not expand
		{"blocks.0.0.bn1", is("features.1.conv.0.1")},
		{"blocks.0.0.conv_pw", is("features.1.conv.1")},
		{"blocks.0.0.bn2", is("features.1.conv.2")},
		{"blocks.#.#.conv_pw", inverted("conv.0.0")},
		{"blocks.#.#.bn1", inverted("conv.0.1")},
		{"blocks.#.#.conv_dw", inverted("conv.1.0")},
		{"blocks.#.#.bn2", inverted("conv.1.1")},
		{"blocks.#.#.conv_pwl", inverted("conv.2")},
		{"blocks.#.#.bn3", inverted("conv.3")},
		{"conv_head", is("features.18.0")},
		{"bn2", is("features.18.1")},
		{"classifier", is("classifier.1")},
	},
}

// inverted renames a module of block n[1] of stage n[0]. torchvision counts blocks
// through all stages, from 1.
func inverted(module string) func(n []int) string {
	blocks := []int{1, 2, 3, 4, 3, 3, 1} // of each stage
	return func(n []int) string {
		if n[0] >= len(blocks) || n[1] >= blocks[n[0]] {
			return ""
		}
		number := 1 + n[1]
		for _, before := range blocks[:n[0]] {
			number += before
		}
		return fmt.Sprintf("features.%d.%s", number, module)
	}
}
