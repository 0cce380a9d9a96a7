package graph

import (
	"fmt"

	"imgcls/internal/augment"
)

// Augment changes the pictures x of a batch, u8 [N,H,W,C], as Policy says. The other
// inputs are order, i32 [K], and cursor, i64 [1], as of Gather, and the epoch, i64 [1]:
// picture n is sample order[cursor+n], and what becomes of it is the Draw of Seed, epoch
// and sample. In this order:
//
//	crop    z[h,w] = x[h+Top−Crop, w+Left−Crop], outside of x black or mirrored
//	flip    z[h,w] = z[h, W−1−w]
//	jitter  z = f·z + (1−f)·m, cut off to a whole number within 0 … 255, where m is 0 for
//	        brightness, the mean of the picture's grey for contrast, and the pixel's grey
//	        for saturation. Grey is 0.2989·R + 0.587·G + 0.114·B, cut off. Where C is not
//	        3, contrast takes the mean of all values and saturation does nothing.
//	cutout  z[h,w,c] = Blank[c] in the square
type Augment struct {
	terminal
	Policy augment.Policy
	Seed   uint64
	Blank  []uint8
}

// Infer returns the pictures, of x's shape.
func (a Augment) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 4, 4); err != nil {
		return nil, err
	}
	x := in[0]
	if x.Type != U8 || len(x.Shape) != 4 {
		return nil, fmt.Errorf("pictures are %s, want u8 [N,H,W,C]", x)
	}
	if err := drawnBy(in[1:], x.Shape[0]); err != nil {
		return nil, err
	}
	if len(a.Blank) != x.Shape[3] {
		return nil, fmt.Errorf("pictures have %d channels, a blank pixel %d", x.Shape[3], len(a.Blank))
	}
	if err := a.Policy.Fit(x.Shape[1], x.Shape[2]); err != nil {
		return nil, err
	}
	return []Tensor{{Shape: x.Shape, Type: U8}}, nil
}
