package devicetest

import (
	"fmt"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
)

// augmentCases are each kind alone and all of them together, in odd shapes.
func augmentCases() (cases []testCase) {
	add := func(name string, p augment.Policy, n, h, w, c int) {
		cases = append(cases, testCase{
			name: name, rows: 2,
			op: graph.Augment{Policy: p, Seed: 1<<40 + 5, Blank: []uint8{125, 122, 114, 7}[:c]},
			in: []arg{
				{graph.U8, below(256), []int{n, h, w, c}}, {graph.I32, below(50_000), []int{n}},
				{graph.I64, given(0), []int{1}}, {graph.I64, given(300), []int{1}},
			},
		})
	}
	add("nothing", augment.Policy{}, 3, 2, 3, 3)
	add("flip", augment.Policy{Flip: augment.RandomFlip}, 8, 3, 5, 3)
	add("alternate, one row", augment.Policy{Flip: augment.Alternate}, 8, 1, 4, 1)
	add("one pixel", augment.Policy{Flip: augment.Alternate, Cutout: 1, Brightness: 1, Contrast: 1, Saturation: 1}, 8, 1, 1, 3)
	add("crop", augment.Policy{Crop: 2}, 9, 3, 5, 3)
	add("crop of four channels", augment.Policy{Crop: 4, Flip: augment.RandomFlip}, 5, 7, 5, 4)
	add("reflected to the other edge", augment.Policy{Crop: 4, Reflect: true, Flip: augment.RandomFlip}, 9, 5, 6, 3)
	add("jitter", augment.Policy{Brightness: 0.4, Contrast: 0.4, Saturation: 0.4}, 9, 7, 5, 3)
	add("strong jitter", augment.Policy{Brightness: 1, Contrast: 1, Saturation: 1}, 30, 3, 3, 3)
	add("contrast of grey pictures", augment.Policy{Contrast: 0.8, Saturation: 0.5}, 9, 8, 8, 1)
	add("cutout", augment.Policy{Cutout: 3}, 9, 5, 4, 3)
	add("even cutout of all", augment.Policy{Cutout: 4}, 9, 4, 4, 2)
	all := augment.Policy{Crop: 4, Flip: augment.RandomFlip, Brightness: 0.2, Contrast: 0.3, Saturation: 0.4, Cutout: 8}
	add("all", all, 16, 32, 32, 3)
	add("all, large", all, 2, 65, 131, 3)
	cases = append(cases, testCase{
		name: "samples from the third on", op: graph.Augment{Policy: all, Seed: 4, Blank: []uint8{1, 2, 3}},
		in: []arg{
			{graph.U8, below(256), []int{5, 9, 8, 3}}, {graph.I32, below(50_000), []int{9}},
			{graph.I64, given(2), []int{1}}, {graph.I64, given(1), []int{1}},
		},
	})
	for _, p := range []augment.Policy{{Mixup: 0.2}, {Cutmix: 1}, {Mixup: 1, Cutmix: 0.5}} {
		for _, shape := range [][]int{{1, 2, 3, 1}, {9, 1, 1, 3}, {7, 5, 4, 3}, {33, 8, 9, 2}} {
			cases = append(cases, testCase{
				name: fmt.Sprint(p, shape), op: graph.Mix{Policy: p, Seed: 3},
				in: []arg{
					{graph.U8, below(256), shape}, {graph.I32, below(1000), shape[:1]}, {graph.I32, below(50_000), []int{shape[0] + 2}},
					{graph.I64, given(2), []int{1}}, {graph.I64, given(300), []int{1}},
				},
			})
		}
	}
	return cases
}
