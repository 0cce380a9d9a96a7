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
// Root 1/√(1−Beta2^t), for the step t, from 1. Offset and the output, applied, are
// as SGD's: all is set or nothing.
type AdamW struct {
	terminal
	Beta1, Beta2, Eps float64
	Keep, Rate, Root  int
	Offset            []int
}

// Infer returns applied, i32 [1].
func (a AdamW) Infer(in []Tensor) ([]Tensor, error) {
	if len(in) < 2 || len(in)%4 != 2 {
		return nil, fmt.Errorf("has %d inputs, wants gate, scalars and four for each parameter", len(in))
	}
	if err := learns(in, len(in)/4, a.Offset, a.Keep, a.Rate, a.Root); err != nil {
		return nil, err
	}
	for i := 2; i < len(in); i += 4 {
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
	for i := 2; i < len(in); i += 4 {
		n += 13 * in[i].Len()
	}
	return n
}

// learns checks gate and scalars of an optimizer of so many parameters, whose
// columns are moved by an offset for each of them, or by none.
func learns(in []Tensor, parameters int, offset []int, columns ...int) error {
	if !in[0].single(I32) || in[1].Type != F32 {
		return fmt.Errorf("gate is %s and scalars %s, want i32 1 and f32", in[0], in[1])
	}
	if offset == nil {
		offset = []int{0}
	} else if len(offset) != parameters {
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
