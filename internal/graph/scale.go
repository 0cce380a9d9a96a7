package graph

import "fmt"

// Rescale ends a step whose gradients are those of the loss times a scale, as a
// half-precision step needs them: small ones would become 0 in F16. It is PyTorch's
// GradScaler:
//
//	applied:     the streak of good steps grows, and every Growth of them the
//	             scale is doubled
//	not applied: the step is skipped; the scale is halved and a new streak begins
//
// The scale starts as a power of two and stays one whose inverse is exact, from
// 2⁻¹²⁶ to 2¹²⁶: to scale and to unscale rounds nothing. Inputs are applied (i32
// [1]), the scale (f32 [1]) and the tally (i64 [3]: good steps in a row, skipped
// steps in a row, skipped steps in all), of which it sets the last two. Its output,
// counted, is the gate of what ends the step: 1 when the update was applied or
// may be skipped. Where it would be the Patience-th skipped in a row, counted is
// 0 and Rescale sets nothing, as any further step would do the same: training has
// diverged.
type Rescale struct {
	terminal
	Growth, Patience int
}

// Infer returns counted, i32 [1].
func (r Rescale) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 3, 3); err != nil {
		return nil, err
	}
	if !in[0].single(I32) || !in[1].single(F32) || in[2].Type != I64 || in[2].Len() != 3 {
		return nil, fmt.Errorf("applied is %s, scale %s and tally %s, want i32 1, f32 1 and i64 3", in[0], in[1], in[2])
	}
	if r.Growth < 1 || r.Patience < 1 {
		return nil, fmt.Errorf("growth after %d steps and patience of %d make no sense", r.Growth, r.Patience)
	}
	return []Tensor{{Shape: []int{1}, Type: I32}}, nil
}
