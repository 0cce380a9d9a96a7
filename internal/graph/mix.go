package graph

import (
	"fmt"

	"imgcls/internal/augment"
)

// Mix mixes each picture of a batch x, u8 [N,H,W,C], with another of it, its partner, by
// mixup or cutmix. The other inputs are the classes t, i32 [N], and order, cursor and epoch
// as of Augment. Outputs are the pictures y, of x's shape, the partners' classes u, i32 [N],
// and the weights w of t, f32 [N], which SoftmaxXent takes. With the Mixture m of a picture:
//
//	mixup   y[n] = (x[n]·m.Share + x[m.Partner]·(One − m.Share)) / One, to nearest, halves up
//	cutmix  y[n] = x[m.Partner] in the rectangle, x[n] elsewhere
type Mix struct {
	terminal
	Policy augment.Policy
	Seed   uint64
}

// Infer returns y, u and w.
func (m Mix) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 5, 5); err != nil {
		return nil, err
	}
	x, t := in[0], in[1]
	if x.Type != U8 || len(x.Shape) != 4 || t.Type != I32 || len(t.Shape) != 1 || t.Shape[0] != x.Shape[0] {
		return nil, fmt.Errorf("pictures are %s and classes %s, want u8 [N,H,W,C] and i32 [N]", x, t)
	}
	if err := drawnBy(in[2:], x.Shape[0]); err != nil {
		return nil, err
	}
	if !m.Policy.Mixes() {
		return nil, fmt.Errorf("neither mixup nor cutmix is asked for")
	}
	return []Tensor{{Shape: x.Shape, Type: U8}, t.Like(), {Shape: t.Shape, Type: F32}}, nil
}

// drawnBy checks order, cursor and epoch, by which a batch of n samples is drawn.
func drawnBy(in []Tensor, n int) error {
	order, cursor, epoch := in[0], in[1], in[2]
	if order.Type != I32 || len(order.Shape) != 1 || !cursor.single(I64) || !epoch.single(I64) {
		return fmt.Errorf("order is %s, cursor %s and epoch %s, want i32 [K], i64 [1] and i64 [1]", order, cursor, epoch)
	}
	if n > order.Shape[0] {
		return fmt.Errorf("batch of %d from %d samples", n, order.Shape[0])
	}
	return nil
}
