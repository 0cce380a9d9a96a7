package graph

import "fmt"

// Post is what a Conv or MatMul does to its sums before it stores them: an
// activation, then pooling by windows that are apart; or, of a Conv alone, a batch
// norm with given statistics and what follows that; or nothing, and Moments says that
// mean and variance of each channel come out besides, as of a BatchNorm in training.
// Only the planner sets it, when all gradients have been added. The inputs of Norm but
// for the first follow those of the operation. The zero Post stores the sums as they
// are. A sum is rounded to the type that is stored before it is compared, so that of
// numbers which rounding makes equal the first wins, as it does in MaxPool.
type Post struct {
	Act     *Act
	Pool    *MaxPool
	Norm    *BatchNorm
	Moments bool
}

// Inputs returns how many inputs follow those of the operation.
func (p Post) Inputs() int {
	if p.Norm == nil {
		return 0
	}
	return p.Norm.inputs() - 1
}

// infer returns what is stored of the sums: y, and with pooling arg as well, or mean
// and variance. More are the inputs of Norm.
func (p Post) infer(sums Tensor, more []Tensor) ([]Tensor, error) {
	out := []Tensor{sums}
	var err error
	switch {
	case p.Norm != nil || p.Moments:
		norm := BatchNorm{}
		if p.Norm != nil {
			norm = *p.Norm
		}
		if p.Act != nil || p.Pool != nil || norm.Running == p.Moments {
			return nil, fmt.Errorf("a batch norm goes with no other form of activation or pooling, and is either given its statistics or its input's are asked for")
		}
		if p.Moments {
			c := Tensor{Shape: sums.Shape[len(sums.Shape)-1:], Type: F32}
			return norm.Infer([]Tensor{sums, c, c})
		}
		return norm.Infer(append(out, more...))
	}
	if p.Act != nil {
		if out, err = p.Act.Infer(out); err != nil {
			return nil, err
		}
	}
	if p.Pool != nil {
		if err := p.Pool.apart(); err != nil {
			return nil, err
		}
		return p.Pool.Infer(out)
	}
	return out, nil
}

// flops counts what is done to the sums.
func (p Post) flops(sums Tensor) int {
	n := 0
	if p.Norm != nil {
		n += p.Norm.Flops([]Tensor{sums}, nil)
	}
	if p.Moments {
		n += 4 * sums.Len()
	}
	if p.Act != nil {
		n += sums.Len()
	}
	if p.Pool != nil {
		if y, err := p.Pool.Infer([]Tensor{sums}); err == nil {
			n += p.Pool.Flops(nil, y)
		}
	}
	return n
}

// parts names what follows the operation of that name.
func (p Post) parts(op string) []string {
	names := []string{op}
	if p.Norm != nil {
		names = append(names, p.Norm.Parts()...)
	}
	if p.Moments {
		names = append(names, "Moments")
	}
	if p.Act != nil {
		names = append(names, "Act")
	}
	if p.Pool != nil {
		names = append(names, "MaxPool")
	}
	return names
}

// apart reports windows that share values or reach outside: there is no doing
// each alone, as operations that pool or unpool on the way do.
func (m MaxPool) apart() error {
	if m.Stride < m.Kernel || m.Pad > 0 {
		return fmt.Errorf("window %d×%d with stride %d and padding %d is not apart from its neighbours", m.Kernel, m.Kernel, m.Stride, m.Pad)
	}
	return nil
}
