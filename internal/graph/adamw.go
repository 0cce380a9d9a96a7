package graph

import "fmt"

// AdamW is Adam with decoupled weight decay, as PyTorch defines it
// (torch.optim.AdamW), for any number of parameters in one node:
//
//	m = Beta1·m + (1−Beta1)·dp
//	v = Beta2·v + (1−Beta2)·dp²
//	p = keep·p − rate·m / (root·√v + Eps)
//
// Inputs are gate, scalars, and then p, dp, m, v for each parameter. What varies by
// step is in the scalars: column Keep holds 1 − lr·decay, Rate lr/(1−Beta1^t) and
// Root 1/√(1−Beta2^t), for the step t, from 1. Offset, Scaled and the output, applied,
// are as SGD's: all is set or nothing.
type AdamW struct {
	terminal
	Beta1, Beta2, Eps float64
	Keep, Rate, Root  int
	Offset            []int
	Scaled            bool
}

// Parameters returns the place of the first parameter among the inputs.
func (a AdamW) Parameters() int { return beforeParameters(a.Scaled) }

// Infer returns applied, i32 [1].
func (a AdamW) Infer(in []Tensor) ([]Tensor, error) {
	first := a.Parameters()
	if err := learns(in, first, 4, a.Offset, a.Keep, a.Rate, a.Root); err != nil {
		return nil, err
	}
	for i := first; i < len(in); i += 4 {
		if p := in[i]; !p.Type.Float() || !p.sameAs(in[i+1]) || !p.sameAs(in[i+2]) || !p.sameAs(in[i+3]) {
			return nil, fmt.Errorf("parameter is %s, its gradient %s, its moments %s and %s", p, in[i+1], in[i+2], in[i+3])
		}
	}
	return []Tensor{{Shape: []int{1}, Type: I32}}, nil
}

// Of returns the operation for parameter i alone, with its own columns.
func (a AdamW) Of(i int) AdamW {
	if a.Offset != nil {
		n := a.Offset[i]
		a.Keep, a.Rate, a.Root, a.Offset = a.Keep+n, a.Rate+n, a.Root+n, nil
	}
	return a
}

// Flops counts thirteen operations a parameter.
func (a AdamW) Flops(in, _ []Tensor) int {
	n := 0
	for i := a.Parameters(); i < len(in); i += 4 {
		n += 13 * in[i].Len()
	}
	return n
}

// beforeParameters is the number of an optimizer's inputs before the first parameter.
func beforeParameters(scaled bool) int {
	if scaled {
		return 3
	}
	return 2
}

// learns checks the inputs of an optimizer but for the parameters, of which each has
// width inputs from the first on, and columns that are moved by an offset, or by none.
func learns(in []Tensor, first, width int, offset []int, columns ...int) error {
	if len(in) < first || (len(in)-first)%width != 0 {
		return fmt.Errorf("has %d inputs, wants %d and %d for each parameter", len(in), first, width)
	}
	if first == 3 && !in[2].single(F32) {
		return fmt.Errorf("scale is %s, want f32 1", in[2])
	}
	if !in[0].single(I32) || in[1].Type != F32 {
		return fmt.Errorf("gate is %s and scalars %s, want i32 1 and f32", in[0], in[1])
	}
	if offset == nil {
		offset = []int{0}
	} else if parameters := (len(in) - first) / width; len(offset) != parameters {
		return fmt.Errorf("%d offsets for %d parameters", len(offset), parameters)
	}
	for _, moved := range offset {
		for _, column := range columns {
			if at := column + moved; at < 0 || at >= in[1].Len() {
				return fmt.Errorf("scalars are %s, too few for column %d", in[1], at)
			}
		}
	}
	return nil
}
