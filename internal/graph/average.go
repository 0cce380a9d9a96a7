package graph

import "fmt"

// Average moves averages of cells towards what these have become, for any number of them
// in one node:
//
//	average = Decay·average + (1−Decay)·p
//
// Its inputs are gate and then average and p, F32, for each; it sets every average. Where
// the gate follows from the node that sets p, it is the new p that counts.
type Average struct {
	terminal
	Decay float64
}

// Infer returns nothing.
func (a Average) Infer(in []Tensor) ([]Tensor, error) {
	if len(in)%2 == 0 || !in[0].single(I32) {
		return nil, fmt.Errorf("has %d inputs, wants a gate, i32 1, and two for each average", len(in))
	}
	if !(a.Decay >= 0 && a.Decay <= 1) {
		return nil, fmt.Errorf("decay is %g, wants 0 to 1", a.Decay)
	}
	for i := 1; i < len(in); i += 2 {
		if in[i].Type != F32 || !in[i].sameAs(in[i+1]) {
			return nil, fmt.Errorf("average is %s of %s, wants two f32 of one shape", in[i], in[i+1])
		}
	}
	return nil, nil
}

// Flops counts three operations an element.
func (a Average) Flops(in, _ []Tensor) int {
	n := 0
	for i := 1; i < len(in); i += 2 {
		n += 3 * in[i].Len()
	}
	return n
}
