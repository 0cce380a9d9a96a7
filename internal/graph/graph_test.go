package graph_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/graph"
)

func f32(shape ...int) graph.Tensor { return graph.Tensor{Type: graph.F32, Shape: shape} }
func u8(shape ...int) graph.Tensor  { return graph.Tensor{Type: graph.U8, Shape: shape} }
func i32(shape ...int) graph.Tensor { return graph.Tensor{Type: graph.I32, Shape: shape} }
func i64(shape ...int) graph.Tensor { return graph.Tensor{Type: graph.I64, Shape: shape} }
func f16(shape ...int) graph.Tensor { return graph.Tensor{Type: graph.F16, Shape: shape} }

// with returns tensors for operations whose inputs stand one beside another.
func with(t ...graph.Tensor) []graph.Tensor { return t }

var (
	conv = graph.Conv{Stride: 1}
	pool = graph.MaxPool{Kernel: 2, Stride: 2}
	sgd  = graph.SGD{LR: 0, Momentum: 1, Decay: 2}
	relu = graph.Act{Kind: graph.ReLU}
	grey = graph.Normalize{Mean: []float64{0.5}, Std: []float64{0.5}}
)

func TestInfer(t *testing.T) {
	for _, c := range []struct {
		name string
		op   graph.Op
		in   []graph.Tensor
		want []graph.Tensor
	}{
		{"conv", conv, with(f32(4, 32, 32, 3), f32(6, 5, 5, 3), f32(6)), with(f32(4, 28, 28, 6))},
		{"conv rounds down", graph.Conv{Stride: 2, Pad: 1}, with(f32(1, 8, 7, 2), f32(3, 3, 3, 2)), with(f32(1, 4, 4, 3))},
		{"conv keeps the type", conv, with(f16(1, 3, 3, 1), f16(1, 3, 3, 1)), with(f16(1, 1, 1, 1))},
		{"conv back to data", graph.ConvBackData{Conv: graph.Conv{Stride: 2, Pad: 1}, H: 8, W: 7}, with(f32(3, 3, 3, 2), f32(1, 4, 4, 3)), with(f32(1, 8, 7, 2))},
		{"conv back to filter", graph.ConvBackFilter{Conv: conv, R: 5, S: 5}, with(f16(4, 32, 32, 3), f16(4, 28, 28, 6)), with(f32(6, 5, 5, 3))},
		{"conv and act", graph.Conv{Stride: 1, Post: graph.Post{Act: &relu}}, with(f32(4, 32, 32, 3), f32(6, 5, 5, 3)), with(f32(4, 28, 28, 6))},
		{"conv and pool", graph.Conv{Stride: 1, Post: graph.Post{Act: &relu, Pool: &pool}}, with(f32(4, 31, 32, 3), f32(6, 5, 5, 3)), with(f32(4, 13, 14, 6), u8(4, 13, 14, 6))},
		{"unpool, conv back to data", graph.ConvBackData{Conv: conv, H: 31, W: 32, Unpool: &pool}, with(f32(6, 5, 5, 3), u8(4, 13, 14, 6), f32(4, 13, 14, 6)), with(f32(4, 31, 32, 3))},
		{"unpool, conv back to filter", graph.ConvBackFilter{Conv: conv, R: 5, S: 5, Unpool: &pool}, with(f32(4, 31, 32, 3), u8(4, 13, 14, 6), f32(4, 13, 14, 6)), with(f32(6, 5, 5, 3))},
		{"linear and act", graph.MatMul{TransB: true, Post: graph.Post{Act: &relu}}, with(f32(4, 400), f32(120, 400)), with(f32(4, 120))},
		{"pool", pool, with(f32(4, 29, 28, 6)), with(f32(4, 14, 14, 6), u8(4, 14, 14, 6))},
		{"pool back", graph.MaxPoolBack{MaxPool: pool, H: 29, W: 28}, with(u8(4, 14, 14, 6), f32(4, 14, 14, 6)), with(f32(4, 29, 28, 6))},
		{"act", graph.Act{}, with(f32(2, 3)), with(f32(2, 3))},
		{"act back", graph.ActBack{}, with(f32(2, 3), f32(2, 3)), with(f32(2, 3))},
		{"matmul", graph.MatMul{}, with(f32(2, 3), f32(3, 5)), with(f32(2, 5))},
		{"linear", graph.MatMul{TransB: true}, with(f32(4, 400), f32(120, 400), f32(120)), with(f32(4, 120))},
		{"a transposed", graph.MatMul{TransA: true}, with(f32(3, 2), f32(3, 5)), with(f32(2, 5))},
		{"reshape", graph.Reshape{Shape: []int{4, 400}}, with(f32(4, 5, 5, 16)), with(f32(4, 400))},
		{"tail", graph.Tail{From: 3}, with(i32(7)), with(i32(4))},
		{"add", graph.Add{}, with(f32(2, 3), f32(2, 3)), with(f32(2, 3))},
		{"channel sum", graph.ChannelSum{}, with(f16(2, 3, 4, 5)), with(f32(5))},
		{"cross-entropy", graph.SoftmaxXent{}, with(f32(4, 10), i32(4)), with(f32(1), f32(4, 10))},
		{"cross-entropy of a part", graph.SoftmaxXent{Of: 12}, with(f32(4, 10), i32(4)), with(f32(1), f32(4, 10))},
		{"smoothed cross-entropy", graph.SoftmaxXent{Smooth: 0.1}, with(f32(4, 10), i32(4)), with(f32(1), f32(4, 10))},
		{"mixed cross-entropy", graph.SoftmaxXent{Mixed: true}, with(f32(4, 10), i32(4), i32(4), f32(4), f32(1)), with(f32(1), f32(4, 10))},
		{"augment", graph.Augment{Policy: augment.Standard, Blank: make([]byte, 3)}, with(u8(4, 8, 8, 3), i32(9), i64(1), i64(1)), with(u8(4, 8, 8, 3))},
		{"mix", graph.Mix{Policy: augment.Policy{Mixup: 1}}, with(u8(4, 8, 8, 3), i32(4), i32(9), i64(1), i64(1)), with(u8(4, 8, 8, 3), i32(4), f32(4))},
		{"gather", graph.Gather{Batch: 4}, with(i32(100), i64(1), u8(50, 8, 8, 3), i32(50)), with(u8(4, 8, 8, 3), i32(4))},
		{"normalize", grey, with(u8(2, 8, 8, 1)), with(f32(2, 8, 8, 1))},
		{"gate of nothing", graph.Gate{}, nil, with(i32(1))},
		{"gate", graph.Gate{}, with(f32(1), f32(7)), with(i32(1))},
		{"cast", graph.Cast{To: graph.F16}, with(f32(2, 3)), with(f16(2, 3))},
		{"product of halves", graph.MatMul{Out: graph.F16}, with(f16(2, 3), f16(3, 5), f32(5)), with(f16(2, 5))},
		{"product of halves, kept whole", graph.MatMul{}, with(f16(2, 3), f16(3, 5)), with(f32(2, 5))},
		{"scaled cross-entropy", graph.SoftmaxXent{}, with(f32(4, 10), i32(4), f32(1)), with(f32(1), f32(4, 10))},
		{"scaled sgd", graph.SGD{Momentum: 1, Decay: 2, Scaled: true}, with(i32(1), f32(3), f32(1), f32(5), f32(5), f32(5)), with(i32(1))},
		{"scaled adamw", graph.AdamW{Eps: 1, Rate: 1, Root: 2, Scaled: true}, with(i32(1), f32(3), f32(1), f32(5), f32(5), f32(5), f32(5)), with(i32(1))},
		{"direction", graph.Direction{Momentum: 1}, with(f32(3), f32(5, 2, 2), f32(5, 2, 2)), with(f32(5, 2, 2), f32(5, 4))},
		{"scaled direction", graph.Direction{Scaled: true}, with(f32(3), f32(1), f32(5, 2), f32(5, 2)), with(f32(5, 2), f32(5, 2))},
		{"quintic", graph.Quintic{}, with(f32(5, 5), f32(5, 5)), with(f32(5, 5))},
		{"moved", graph.Moved{}, with(f32(3), f32(5, 2, 2), f32(5, 4)), with(f32(5, 2, 2))},
		{"assign", graph.Assign{}, with(i32(1), f32(5, 2), f32(5, 2)), nil},
		{"rescale", graph.Rescale{Growth: 2000, Patience: 10}, with(i32(1), f32(1), i64(3)), with(i32(1))},
		{"record", graph.Record{}, with(i32(1), i64(1), f32(1), f32(64)), nil},
		{"tick", graph.Tick{Batch: 4}, with(i32(1), i64(1), i64(1), f32(3), f32(9, 3)), nil},
		{"sgd", sgd, with(i32(1), f32(3), f32(5, 2), f32(5, 2), f32(5, 2), f32(5), f32(5), f32(5)), with(i32(1))},
	} {
		got, err := c.op.Infer(c.in)
		same := slices.EqualFunc(got, c.want, func(a, b graph.Tensor) bool { return a.String() == b.String() })
		if err != nil || !same {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

// Wrong inputs give an error that says what they are and what was wanted.
func TestInferErrors(t *testing.T) {
	for _, c := range []struct {
		op   graph.Op
		in   []graph.Tensor
		want string
	}{
		{conv, with(f32(1, 8, 8, 3)), "has 1 inputs, wants 2 to 3"},
		{conv, with(f32(1, 8, 8, 3), f32(6, 5, 5, 4)), "input has 3 channels, filter wants 4"},
		{conv, with(f32(8, 8, 3), f32(6, 5, 5, 3)), "input 0 is f32 8×8×3, wants floating-point numbers in 4 dimensions"},
		{conv, with(u8(1, 8, 8, 3), f32(6, 5, 5, 3)), "input 0 is u8 1×8×8×3, wants floating-point numbers"},
		{conv, with(f32(1, 8, 8, 3), f32(6, 5, 5, 3), f32(5)), "bias is f32 5, want f32 for the filter's 6 output channels"},
		{conv, with(f32(1, 8, 8, 3), f16(6, 5, 5, 3)), "input is f32 1×8×8×3, filter f16 6×5×5×3: want one type"},
		{conv, with(f16(1, 8, 8, 3), f16(6, 5, 5, 3), f16(6)), "bias is f16 6, want f32"},
		{conv, with(f32(1, 8, 8, 3), f32(6, 5, 5, 3), i32(6)), "bias is i32 6"},
		{conv, with(f32(1, 4, 8, 3), f32(6, 5, 5, 3)), "input 4×8 is smaller than the 5×5 filter"},
		{graph.Conv{Stride: 1, Pad: 1}, with(f32(1, 2, 8, 3), f32(6, 5, 5, 3)), "input 2×8 (and 1 of padding on each side) is smaller than the 5×5 filter"},
		{graph.Conv{}, with(f32(1, 8, 8, 3), f32(6, 5, 5, 3)), "stride 0 and padding 0 makes no sense"},
		{graph.Conv{Stride: 1, Pad: -1}, with(f32(1, 8, 8, 3), f32(6, 5, 5, 3)), "padding -1 makes no sense"},
		{graph.Conv{Stride: 1, Pad: math.MaxInt}, with(f32(1, 8, 8, 3), f32(6, 5, 5, 3)), "makes no sense"},
		{graph.ConvBackData{Conv: conv, H: 9, W: 8}, with(f32(6, 5, 5, 3), f32(1, 4, 4, 6)), "gradient is 1×4×4×6, output is 1×5×4×6"},
		{graph.ConvBackFilter{Conv: conv, R: 3, S: 5}, with(f32(1, 8, 8, 3), f32(1, 4, 4, 6)), "gradient is 1×4×4×6, output is 1×6×4×6"},
		{graph.ConvBackFilter{Conv: conv, R: 0, S: 5}, with(f32(1, 8, 8, 3), f32(1, 4, 4, 6)), "filter 0×5 with stride 1"},
		{graph.Conv{Stride: 1, Post: graph.Post{Pool: &graph.MaxPool{Kernel: 3, Stride: 2}}}, with(f32(1, 8, 8, 3), f32(6, 3, 3, 3)), "window 3×3 with stride 2 and padding 0 is not apart"},
		{graph.Conv{Stride: 1, Post: graph.Post{Pool: &graph.MaxPool{Kernel: 2, Stride: 2, Pad: 1}}}, with(f32(1, 8, 8, 3), f32(6, 3, 3, 3)), "padding 1 is not apart"},
		{graph.Conv{Stride: 1, Post: graph.Post{Pool: &pool}}, with(f32(1, 3, 8, 3), f32(6, 3, 3, 3)), "input 1×6 is smaller than the 2×2 window"},
		{graph.MatMul{Post: graph.Post{Pool: &pool}}, with(f32(4, 3), f32(3, 2)), "wants floating-point numbers in 4 dimensions"},
		{graph.ConvBackData{Conv: conv, H: 8, W: 8, Unpool: &pool}, with(f32(6, 5, 5, 3), f32(1, 4, 4, 6)), "has 2 inputs, wants 3 to 3"},
		{graph.ConvBackData{Conv: conv, H: 8, W: 8, Unpool: &pool}, with(f32(6, 5, 5, 3), u8(1, 4, 4, 6), f32(1, 4, 4, 6)), "gradient is 1×4×4×6, output is 1×2×2×6"},
		{graph.ConvBackFilter{Conv: conv, R: 5, S: 5, Unpool: &pool}, with(f32(1, 8, 8, 3), f32(1, 2, 2, 6), f32(1, 2, 2, 6)), "arg is f32 1×2×2×6"},
		{graph.ConvBackFilter{Conv: conv, R: 9, S: 5, Unpool: &pool}, with(f32(1, 8, 8, 3), u8(1, 2, 2, 6), f32(1, 2, 2, 6)), "smaller than the 9×5 filter"},
		{graph.ConvBackFilter{Conv: conv, R: 5, S: 5, Unpool: &graph.MaxPool{Kernel: 2, Stride: 1}}, with(f32(1, 8, 8, 3), u8(1, 3, 3, 6), f32(1, 3, 3, 6)), "is not apart"},
		{graph.MaxPool{Kernel: 16, Stride: 1}, with(f32(1, 20, 20, 1)), "at most 15×15"},
		{graph.MaxPool{Kernel: 3, Stride: 1, Pad: 2}, with(f32(1, 20, 20, 1)), "padding at most half"},
		{graph.MaxPool{Kernel: 3}, with(f32(1, 20, 20, 1)), "stride 0"},
		{pool, with(f32(1, 1, 8, 1)), "input 1×8 is smaller than the 2×2 window"},
		{graph.MaxPoolBack{MaxPool: pool, H: 8, W: 8}, with(f32(1, 4, 4, 1), f32(1, 4, 4, 1)), "arg is f32 1×4×4×1"},
		{graph.MaxPoolBack{MaxPool: pool, H: 8, W: 8}, with(u8(1, 4, 4, 1), f32(1, 4, 3, 1)), "gradient is f32 1×4×3×1"},
		{graph.MaxPoolBack{MaxPool: pool, H: 7, W: 8}, with(u8(1, 4, 4, 1), f32(1, 4, 4, 1)), "output is 1×3×4×1"},
		{graph.Act{}, with(u8(3)), "input is u8 3, wants floating-point numbers"},
		{graph.ActBack{}, with(f32(3), f32(4)), "inputs are f32 3 and f32 4"},
		{graph.MatMul{TransB: true}, with(f32(4, 400), f32(120, 401)), "input has 400 features, weight wants 401"},
		{graph.MatMul{}, with(f32(4, 3), f32(3, 2), f32(3)), "bias is f32 3, want f32 for the product's 2 columns"},
		{graph.MatMul{}, with(f16(4, 3), f32(3, 2)), "factors are f16 4×3 and f32 3×2"},
		{graph.MatMul{Out: graph.F16}, with(f32(4, 3), f32(3, 2)), "product is to be f16"},
		{graph.Cast{To: graph.I32}, with(f32(3)), "is to be i32"},
		{graph.Rescale{Growth: 1, Patience: 1}, with(i32(1), f32(1), i64(2)), "tally i64 2"},
		{graph.Rescale{}, with(i32(1), f32(1), i64(3)), "growth after 0 steps"},
		{graph.SGD{Momentum: 1, Decay: 2, Scaled: true}, with(i32(1), f32(3), f16(1)), "scale is f16 1"},
		{graph.MatMul{}, with(f32(4, 3), f32(3, 2), i64(2)), "bias is i64 2"},
		{graph.MatMul{}, with(f32(4, 3, 1), f32(3, 2)), "wants floating-point numbers in 2 dimensions"},
		{graph.Reshape{Shape: []int{4, 399}}, with(f32(4, 5, 5, 16)), "4×5×5×16 has 1600 elements, 4×399 has 1596"},
		{graph.Tail{From: 7}, with(i32(7)), "input is i32 7, wants a vector of more than 7 elements"},
		{graph.Tail{From: -1}, with(i32(7)), "more than -1 elements"},
		{graph.Tail{From: 1}, with(i32(7, 2)), "input is i32 7×2, wants a vector"},
		{graph.Reshape{Shape: []int{-1, -6}}, with(f32(6)), "shape -1×-6 has no elements or too many"},
		{graph.Reshape{Shape: []int{math.MaxInt, 2}}, with(f32(6)), "has no elements or too many"},
		{graph.Add{}, with(f32(3), f16(3)), "inputs are f32 3 and f16 3"},
		{graph.ChannelSum{}, with(f32()), "wants floating-point numbers with channels"},
		{graph.SoftmaxXent{}, with(f32(4, 10), i32(5)), "targets i32 5"},
		{graph.SoftmaxXent{}, with(f32(4, 10), i64(4)), "want f32 [N,C] and i32 [N]"},
		{graph.SoftmaxXent{}, with(f16(4, 10), i32(4)), "scores are f16 4×10"},
		{graph.SoftmaxXent{}, with(f32(4, 10), i32(4), f16(1)), "scale is f16 1"},
		{graph.SoftmaxXent{Of: 3}, with(f32(4, 10), i32(4)), "4 samples are to be a part of 3"},
		{graph.SoftmaxXent{Smooth: 1}, with(f32(4, 10), i32(4)), "labels are smoothed by 1, want 0 or more and less than 1"},
		{graph.SoftmaxXent{Smooth: math.NaN()}, with(f32(4, 10), i32(4)), "labels are smoothed by NaN"},
		{graph.SoftmaxXent{Mixed: true}, with(f32(4, 10), i32(4)), "has 2 inputs, wants 4 to 5"},
		{graph.SoftmaxXent{Mixed: true}, with(f32(4, 10), i32(4), i32(4), f32(5)), "weights f32 5"},
		{graph.SoftmaxXent{Mixed: true}, with(f32(4, 10), i32(4), i32(5), f32(4)), "mixed targets are i32 5"},
		{graph.Augment{Policy: augment.Policy{Crop: 8}, Blank: make([]byte, 3)}, with(u8(4, 8, 9, 3), i32(9), i64(1), i64(1)), "crop=8 leaves nothing"},
		{graph.Augment{}, with(u8(4, 8, 8, 3), i32(9), i64(1), i64(1)), "3 channels, a blank pixel 0"},
		{graph.Augment{Blank: make([]byte, 3)}, with(f32(4, 8, 8, 3), i32(9), i64(1), i64(1)), "pictures are f32 4×8×8×3"},
		{graph.Augment{Blank: make([]byte, 3)}, with(u8(4, 8, 8, 3), i32(3), i64(1), i64(1)), "batch of 4 from 3 samples"},
		{graph.Augment{Blank: make([]byte, 3)}, with(u8(4, 8, 8, 3), i32(9), i64(1), i64(2)), "epoch i64 2"},
		{graph.Mix{Policy: augment.Policy{Cutmix: 1}}, with(u8(4, 8, 8, 3), i32(5), i32(9), i64(1), i64(1)), "classes i32 5"},
		{graph.Mix{Policy: augment.Policy{Crop: 1}}, with(u8(4, 8, 8, 3), i32(4), i32(9), i64(1), i64(1)), "neither mixup nor cutmix"},
		{graph.Gather{Batch: 8}, with(i32(7), i64(1), u8(50, 3)), "batch of 8 from 7 samples"},
		{graph.Gather{}, with(i32(7), i64(1), u8(50, 3)), "batch of 0 from 7 samples"},
		{graph.Gather{Batch: 1}, with(i64(7), i64(1), u8(50, 3)), "order is i64 7"},
		{graph.Gather{Batch: 1}, with(i32(7), i64(2), u8(50, 3)), "cursor i64 2"},
		{graph.Gather{Batch: 1}, with(i32(7), i64(1), u8()), "has no samples"},
		{grey, with(u8(2, 8, 8, 3)), "pictures have 3 channels, there are 1 means and 1 deviations"},
		{grey, with(f32(2, 8, 8, 1)), "pictures are f32 2×8×8×1"},
		{graph.Gate{}, with(f32(1), i32(1)), "input is i32 1"},
		{graph.Gate{}, with(f32(1), f16(7)), "input is f16 7"},
		{graph.Record{}, with(i32(1), i64(1), f32(2), f32(64)), "loss f32 2"},
		{graph.Record{}, with(i32(1), i32(1), f32(1), f32(64)), "step i32 1"},
		{graph.Tick{}, with(i32(1), i64(1), i64(1), f32(3), f32(9, 4)), "schedule table is f32 9×4"},
		{graph.Tick{}, with(i32(1), i64(1), f32(1), f32(3), f32(9, 3)), "cursor f32 1"},
		{sgd, with(i32(1), f32(3), f32(5), f32(5)), "has 4 inputs"},
		{sgd, with(i32(1), f32(2), f32(5), f32(5), f32(5)), "scalars are f32 2, too few for column 2"},
		{graph.SGD{LR: -1}, with(i32(1), f32(3), f32(5), f32(5), f32(5)), "too few for column -1"},
		{sgd, with(i32(1), f32(3), f32(5), f32(6), f32(5)), "parameter is f32 5, its gradient f32 6"},
		{sgd, with(f32(1), f32(3), f32(5), f32(5), f32(5)), "gate is f32 1"},
		{graph.SGD{Offset: []int{0, 0}}, with(i32(1), f32(3), f32(5), f32(5), f32(5)), "2 offsets for 1 parameters"},
		{graph.SGD{Offset: []int{3}}, with(i32(1), f32(3), f32(5), f32(5), f32(5)), "too few for column 3"},
		{graph.AdamW{}, with(i32(1), f32(3), f32(5), f32(5), f32(5)), "has 5 inputs"},
		{graph.Direction{Momentum: 3}, with(f32(3), f32(5, 2), f32(5, 2)), "want f32 and a column 3"},
		{graph.Direction{}, with(f32(3), f32(5), f32(5)), "two dimensions or more"},
		{graph.Direction{}, with(f32(3), f32(5, 2), f32(2, 5)), "momentum f32 2×5"},
		{graph.Direction{Scaled: true}, with(f32(3), f32(2), f32(5, 2), f32(5, 2)), "scale is f32 2"},
		{graph.Quintic{}, with(f32(5, 4), f32(5, 4)), "two square"},
		{graph.Quintic{}, with(f32(5, 5), f32(4, 4)), "two square"},
		{graph.Moved{LR: -1}, with(f32(3), f32(5, 2), f32(5, 2)), "column -1"},
		{graph.Moved{}, with(f32(3), f32(5, 2, 2), f32(5, 3)), "its direction f32 5×3"},
		{graph.Assign{}, with(i32(1), f32(5)), "a gate and pairs"},
		{graph.Assign{}, with(f32(1), f32(5), f32(5)), "gate is f32 1"},
		{graph.Assign{}, with(i32(1), f32(5), f32(4)), "its value f32 4"},
		{graph.AdamW{Root: 3}, with(i32(1), f32(3), f32(5), f32(5), f32(5), f32(5)), "too few for column 3"},
		{graph.AdamW{}, with(i32(1), f32(3), f32(5), f32(5), f32(6), f32(5)), "its moments f32 6 and f32 5"},
	} {
		out, err := c.op.Infer(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T%+v of %v: %v, %v; want %q", c.op, c.op, c.in, out, err, c.want)
		}
	}
}

// A network too deep for its pictures is an error that says by how much.
func TestTooSmall(t *testing.T) {
	_, err := pool.Infer(with(f32(1, 1, 8, 1)))
	var small *graph.TooSmall
	if !errors.As(err, &small) || small.H != 1 || small.W != 8 || small.R != 2 || small.What != "window" {
		t.Errorf("%#v", err)
	}
}

// The first error sticks, and building goes on without a panic.
func TestErrSticks(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.F32, 2, 3)
	y := g.Add("fc1", graph.MatMul{}, x, g.Input("w", graph.F32, 4, 5))
	if want := "fc1: input has 3 features, weight wants 4"; g.Err() == nil || g.Err().Error() != want {
		t.Fatalf("%v, want %q", g.Err(), want)
	}
	first := g.Err()
	z := g.Add("relu", graph.Act{}, y[0])
	if z[0] != 0 || g.Backward(z[:1], y[:1]) != nil {
		t.Error("a graph with an error goes on adding nodes")
	}
	g.Fail(errors.New("later"))
	if g.Err() != first {
		t.Errorf("%v replaced the first error", g.Err())
	}
}

// A gradient of the wrong shape is an error of the graph.
func TestBackwardError(t *testing.T) {
	for _, op := range []graph.Op{graph.Act{}, graph.Reshape{Shape: []int{6}}, graph.Add{}} {
		g := graph.New()
		in := []graph.Value{g.Input("x", graph.F32, 2, 3)}
		if _, two := op.(graph.Add); two {
			in = append(in, g.Add("y", graph.Act{}, in[0])[0])
		}
		y := g.Add("op", op, in...)[0]
		g.Backward([]graph.Value{y}, []graph.Value{g.Input("dy", graph.F32, 7)})
		if g.Err() == nil {
			t.Errorf("%T took a gradient of another shape", op)
		}
	}
}

func TestGraphErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(g *graph.Graph)
		want  string
	}{
		{"one name, two shapes", func(g *graph.Graph) {
			g.Input("x", graph.F32, 3)
			g.Input("x", graph.F32, 4)
		}, "x: is input f32 3, cannot be input f32 4 as well"},
		{"one name, two roles", func(g *graph.Graph) {
			g.Input("x", graph.F32, 3)
			g.State("x", graph.F32, 3)
		}, "x: is input f32 3, cannot be state f32 3 as well"},
		{"no elements", func(g *graph.Graph) { g.Input("x", graph.F32, 3, 0) }, "x: shape 3×0 has no elements or too many"},
		{"too many elements", func(g *graph.Graph) { g.Input("x", graph.F32, math.MaxInt, math.MaxInt) }, "too many"},
		{"no tensor", func(g *graph.Graph) { g.Add("relu", graph.Act{}, 0) }, "relu: input 0 of graph.Act is no tensor"},
		{"output too large", func(g *graph.Graph) {
			g.Add("outer", graph.MatMul{}, g.Input("a", graph.F32, 1<<30, 1), g.Input("b", graph.F32, 1, 1<<30))
		}, "outer: shape 1073741824×1073741824 has no elements or too many"},
	} {
		g := graph.New()
		c.build(g)
		if g.Err() == nil || !strings.Contains(g.Err().Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, g.Err(), c.want)
		}
	}
}

// The same lasting tensor is shared by entries, and parameters keep the order
// in which they were made.
func TestLasting(t *testing.T) {
	g := graph.New()
	param := func(name string) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: []int{2}, Role: graph.Param})
	}
	g.Begin("train")
	w, b := param("w"), param("b")
	v := g.State("v", graph.F32, 2)
	g.Begin("eval")
	if param("w") != w || g.Named("v") != v || g.Named("u") != 0 {
		t.Error("a name does not stand for one tensor")
	}
	if got := g.Params(); !slices.Equal(got, []graph.Value{w, b}) {
		t.Errorf("parameters %v, want %v", got, []graph.Value{w, b})
	}
	if g.Err() != nil {
		t.Error(g.Err())
	}
}

// Every gradient has the shape of what it is the gradient of, in all places
// where a value is used, and nothing has one that does not lead to the result.
func TestBackwardShapes(t *testing.T) {
	g := graph.New()
	param := func(name string, shape ...int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: shape, Role: graph.Param})
	}
	x, labels := g.Input("x", graph.F32, 2, 9, 8, 3), g.Input("labels", graph.I32, 2)
	h := g.Add("conv", graph.Conv{Stride: 2, Pad: 1}, x, param("w", 6, 3, 3, 3), param("b", 6))[0]
	h = g.Add("pool", pool, g.Add("relu", graph.Act{}, h)[0])[0]
	h = g.Add("flatten", graph.Reshape{Shape: []int{2, 24}}, h)[0]
	twice := g.Add("add", graph.Add{}, h, g.Add("relu", graph.Act{}, h)[0])[0]
	aside := g.Add("aside", graph.Act{}, h)[0]
	y := g.Add("fc", graph.MatMul{TransB: true}, twice, param("fc", 5, 24))[0]
	loss := g.Add("loss", graph.SoftmaxXent{}, y, labels)
	grads := g.Backward([]graph.Value{y}, loss[1:])
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	for v, d := range grads {
		if g.Tensor(v).Dims() != g.Tensor(d).Dims() {
			t.Errorf("%s is %s, its gradient %s", g.Tensor(v).Name, g.Tensor(v), g.Tensor(d))
		}
	}
	for _, v := range append(g.Params(), x, h, twice) {
		if grads[v] == 0 {
			t.Errorf("%s has no gradient", g.Tensor(v).Name)
		}
	}
	if grads[aside] != 0 || grads[labels] != 0 {
		t.Error("what does not lead to the result has a gradient")
	}
}

// A pass that is added to the sums of another differentiates its own nodes alone, and adds
// one node for each parameter that both reach.
func TestBackwardOnto(t *testing.T) {
	g := graph.New()
	w := g.Lasting(graph.Tensor{Name: "w", Shape: []int{5, 3}, Role: graph.Param})
	forward := func(name string) graph.Value {
		return g.Add(name, graph.MatMul{TransB: true}, g.Add("relu", graph.Act{}, g.Input(name, graph.F32, 4, 3))[0], w)[0]
	}
	dy := g.Input("dy", graph.F32, 4, 5)
	y := forward("first")
	first := g.Backward([]graph.Value{y}, []graph.Value{dy})
	z, before := forward("second"), len(g.Entries[0].Nodes)
	second := g.BackwardOnto(first, []graph.Value{z}, []graph.Value{dy})
	if g.Err() != nil {
		t.Fatal(g.Err())
	}
	added := g.Entries[0].Nodes[before:]
	sum := added[len(added)-1]
	for _, n := range added {
		if _, ok := n.Op.(graph.Add); ok {
			sum = n
		}
		if slices.Contains(n.In, y) {
			t.Errorf("%T differentiates the first pass again", n.Op)
		}
	}
	if _, ok := sum.Op.(graph.Add); !ok || sum.In[0] != first[w] || sum.Out[0] != second[w] {
		t.Errorf("the gradient %d is made by %T of %v, the first pass gave %d", second[w], sum.Op, sum.In, first[w])
	}
	if second[y] != 0 || second[z] != dy {
		t.Errorf("the second pass says of the first %d, and of its own %d", second[y], second[z])
	}
}

func TestNormalizeTable(t *testing.T) {
	n := graph.Normalize{Mean: []float64{0, 0.5}, Std: []float64{1, 0.5}}
	first, second := n.Table(0), n.Table(1)
	for i, c := range []struct{ got, want float64 }{
		{first[0], 0}, {first[255], 1}, {first[51], 0.2}, {second[0], -1}, {second[255], 1}, {second[51], -0.6},
	} {
		if math.Abs(c.got-c.want) > 1e-15 {
			t.Errorf("value %d is %v, want %v", i, c.got, c.want)
		}
	}
}

// The counts are multiply-adds times two, for the tutorial's first layers.
func TestFlops(t *testing.T) {
	for _, c := range []struct {
		op      graph.Op
		in, out []graph.Tensor
		want    int
	}{
		{conv, with(f32(4, 32, 32, 3), f32(6, 5, 5, 3)), with(f32(4, 28, 28, 6)), 2 * 4 * 28 * 28 * 6 * 75},
		{graph.ConvBackData{Conv: conv, H: 32, W: 32}, with(f32(6, 5, 5, 3), f32(4, 28, 28, 6)), with(f32(4, 32, 32, 3)), 2 * 4 * 28 * 28 * 6 * 75},
		{graph.ConvBackFilter{Conv: conv, R: 5, S: 5}, with(f32(4, 32, 32, 3), f32(4, 28, 28, 6)), with(f32(6, 5, 5, 3)), 2 * 4 * 28 * 28 * 6 * 75},
		{graph.MatMul{TransB: true}, with(f32(4, 400), f32(120, 400)), with(f32(4, 120)), 2 * 4 * 400 * 120},
		{graph.MatMul{TransA: true}, with(f32(4, 120), f32(4, 400)), with(f32(120, 400)), 2 * 4 * 400 * 120},
		{pool, with(f32(4, 28, 28, 6)), with(f32(4, 14, 14, 6), u8(4, 14, 14, 6)), 4 * 28 * 28 * 6},
	} {
		if got := c.op.(graph.Coster).Flops(c.in, c.out); got != c.want {
			t.Errorf("%T: %d operations, want %d", c.op, got, c.want)
		}
	}
}
