package graph

import (
	"fmt"
	"slices"
)

// Gather makes a batch of the samples whose turn it is. Inputs are order, i32
// [K], the cursor, i64 [1], and any number of resident tensors of M samples
// each (pictures, labels; later boxes and masks):
//
//	y[b,...] = x[order[cursor+b], ...]   for b < Batch
//
// The caller keeps 0 ≤ cursor ≤ K − Batch and every order within 0 … M−1.
type Gather struct {
	terminal
	Batch int
}

// Infer returns a [Batch, ...] for each resident tensor.
func (g Gather) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 3, 8); err != nil {
		return nil, err
	}
	order, cursor := in[0], in[1]
	if order.Type != I32 || len(order.Shape) != 1 || cursor.Type != I64 || cursor.Len() != 1 {
		return nil, fmt.Errorf("order is %s and cursor %s, want i32 [K] and i64 [1]", order, cursor)
	}
	if g.Batch < 1 || g.Batch > order.Shape[0] {
		return nil, fmt.Errorf("batch of %d from %d samples", g.Batch, order.Shape[0])
	}
	var out []Tensor
	for _, x := range in[2:] {
		if len(x.Shape) == 0 {
			return nil, fmt.Errorf("input %s has no samples", x)
		}
		y := Tensor{Shape: slices.Clone(x.Shape), Type: x.Type}
		y.Shape[0] = g.Batch
		out = append(out, y)
	}
	return out, nil
}

// Normalize turns the bytes of pictures x, u8 [N,H,W,C], into numbers:
//
//	y = (x/255 − Mean[c]) / Std[c]
//
// of type Out.
type Normalize struct {
	terminal
	Mean, Std []float64 // one for each channel
	Out       DType
}

// Infer returns y, of x's shape.
func (n Normalize) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0]
	if x.Type != U8 || len(x.Shape) != 4 {
		return nil, fmt.Errorf("pictures are %s, want u8 [N,H,W,C]", x)
	}
	if c := x.Shape[3]; len(n.Mean) != c || len(n.Std) != c {
		return nil, fmt.Errorf("pictures have %d channels, there are %d means and %d deviations", c, len(n.Mean), len(n.Std))
	}
	if !n.Out.Float() {
		return nil, fmt.Errorf("numbers are to be %s, want floating-point numbers", n.Out)
	}
	return []Tensor{{Shape: x.Shape, Type: n.Out}}, nil
}

// Flops counts two operations an element.
func (n Normalize) Flops(_, out []Tensor) int { return 2 * out[0].Len() }

// Table returns the 256 values that each byte of channel c may become.
func (n Normalize) Table(c int) (values [256]float64) {
	for x := range values {
		values[x] = (float64(x)/255 - n.Mean[c]) / n.Std[c]
	}
	return values
}
