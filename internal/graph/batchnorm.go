package graph

import (
	"errors"
	"fmt"
)

// BatchNorm normalises each channel of x [..., C], then scales and shifts it by
// weight and bias [C]. In training inputs are x, weight and bias; mean and variance
// are those of the M places of the batch, and come out besides y:
//
//	mean[c] = 1/M Σ x[m,c]
//	var[c]  = 1/M Σ (x[m,c] − mean[c])²
//	y[m,c]  = (x[m,c] − mean[c]) / √(var[c] + Eps) · weight[c] + bias[c]
//
// With Running, inputs 3 and 4 are the mean and the variance to use, and y is the
// only output. These are numbers like any other then: a place of y depends on
// that place of x alone.
//
// The planner alone sets what follows: Plus adds the last input, shaped like x, to y,
// and then Act is applied.
type BatchNorm struct {
	Eps     float64
	Running bool
	Plus    bool
	Act     *Act
}

// ErrOneValue is the error of a BatchNorm in training of one value of each channel.
var ErrOneValue = errors.New("a batch norm wants more than one value of each channel to normalise by")

// Infer returns y, shaped like x, and in training mean and var, f32 [C].
func (b BatchNorm) Infer(in []Tensor) ([]Tensor, error) {
	inputs := b.inputs()
	if err := arity(in, inputs, inputs); err != nil {
		return nil, err
	}
	x := in[0]
	if len(x.Shape) < 2 || !x.Type.Float() {
		return nil, fmt.Errorf("input is %s, wants floating-point numbers with channels", x)
	}
	if b.Plus {
		if plus := in[inputs-1]; !plus.sameAs(x) {
			return nil, fmt.Errorf("input is %s, what is added to it %s", x, plus)
		}
		inputs--
	}
	if err := b.channels(x, in[1:inputs]); err != nil {
		return nil, err
	}
	if b.Running {
		return []Tensor{x.Like()}, nil
	}
	c := Tensor{Shape: x.Shape[len(x.Shape)-1:], Type: F32}
	if x.Len() == c.Len() {
		return nil, fmt.Errorf("input is %s: %w", x, ErrOneValue)
	}
	return []Tensor{x.Like(), c, c}, nil
}

// inputs returns the number of inputs.
func (b BatchNorm) inputs() int {
	n := 3
	if b.Running {
		n = 5
	}
	if b.Plus {
		n++
	}
	return n
}

// channels checks tensors that hold a number for each channel of x.
func (b BatchNorm) channels(x Tensor, in []Tensor) error {
	if !(b.Eps >= 0 && b.Eps < 1) {
		return fmt.Errorf("eps is %g, wants 0 or more, and less than 1", b.Eps)
	}
	for i, t := range in {
		if len(t.Shape) != 1 || t.Shape[0] != x.Shape[len(x.Shape)-1] || !t.Type.Float() {
			return fmt.Errorf("input %d is %s, wants a floating-point number for each of the channels of %s", i+1, t, x)
		}
	}
	return nil
}

// Grad uses BatchNormBack. No gradient passes through mean and variance as
// outputs, nor to those that are given.
func (b BatchNorm) Grad(g *Graph, n Node, dout []Value) []Value {
	if dout[0] == 0 {
		return nil
	}
	statistics := n.In[3:]
	if !b.Running {
		statistics = n.Out[1:]
	}
	return g.Add(n.Name, BatchNormBack{b}, n.In[0], n.In[1], statistics[0], statistics[1], dout[0])
}

// Flops counts about six operations an element in training, and two otherwise, and
// one for each that follows.
func (b BatchNorm) Flops(in, _ []Tensor) int {
	each := 6
	if b.Running {
		each = 2
	}
	return (each + len(b.Parts()) - 1) * in[0].Len()
}

// Parts names the operations that one node does.
func (b BatchNorm) Parts() []string {
	names := []string{"BatchNorm"}
	if b.Plus {
		names = append(names, "Add")
	}
	if b.Act != nil {
		names = append(names, "Act")
	}
	return names
}

// BatchNormBack is the gradient of BatchNorm. Inputs are x, weight, mean, var and dy;
// with r = 1/√(var + Eps) and z = (x − mean)·r, its outputs are
//
//	dweight[c] = Σ dy[m,c] · z[m,c]
//	dbias[c]   = Σ dy[m,c]
//	dx[m,c]    = weight[c] · r[c] · (dy[m,c] − dbias[c]/M − z[m,c] · dweight[c]/M)
//
// and with Running, where mean and var do not depend on x,
//
//	dx[m,c] = weight[c] · r[c] · dy[m,c]
//
// With Act, which the planner alone sets and whose gradient is computed from y, y is the
// last input: what that activation gave, and dy has yet to pass back through it.
type BatchNormBack struct {
	BatchNorm
}

// Infer returns dx, shaped like x, dweight and dbias, f32 [C].
func (b BatchNormBack) Infer(in []Tensor) ([]Tensor, error) {
	inputs := 5
	if b.Act != nil {
		inputs++
	}
	if err := arity(in, inputs, inputs); err != nil {
		return nil, err
	}
	if b.Plus || b.Running && b.Act != nil {
		return nil, fmt.Errorf("has no form for what was added, or for an activation with given statistics")
	}
	if b.Act != nil && b.Act.Kind.FromInput() {
		return nil, fmt.Errorf("the gradient of %s asks for what that is of, which is not stored", b.Act.Kind)
	}
	x := in[0]
	if len(x.Shape) < 2 || !x.Type.Float() || !x.sameAs(in[4]) || !x.sameAs(in[inputs-1]) {
		return nil, fmt.Errorf("input is %s, gradient is %s, activation is %s", x, in[4], in[inputs-1])
	}
	if err := b.channels(x, in[1:4]); err != nil {
		return nil, err
	}
	c := Tensor{Shape: x.Shape[len(x.Shape)-1:], Type: F32}
	return []Tensor{x.Like(), c, c}, nil
}

// Grad is not supported: no model differentiates twice.
func (b BatchNormBack) Grad(*Graph, Node, []Value) []Value { return nil }

// Flops counts about eight operations an element.
func (b BatchNormBack) Flops(in, _ []Tensor) int { return (8 + len(b.Parts()) - 1) * in[0].Len() }

// Parts names the operations that one node does.
func (b BatchNormBack) Parts() []string {
	if b.Act != nil {
		return []string{"ActBack", "BatchNormBack"}
	}
	return []string{"BatchNormBack"}
}

// Track moves running statistics towards those of batches, one after another, for any
// number of BatchNorms in one node. With M = M[k][i] for batch k and BatchNorm i,
//
//	mean = mean + Momentum[i]·(batch mean − mean)
//	var  = var + Momentum[i]·(batch var · M/(M−1) − var)
//
// so the variance kept is the unbiased one, as PyTorch's. Inputs are gate, then mean and
// var, f32 [C], of each BatchNorm, and then for each batch the batch mean and batch var
// of each; it sets every mean and var.
type Track struct {
	terminal
	Momentum []float64 // of each BatchNorm
	M        [][]int   // by batch, places that the statistics of each BatchNorm are of, 2 or more
}

// A Move is what a batch does to a running statistic: input Running moves by a share of
// Momentum to input Batch times Factor.
type Move struct {
	Running, Batch   int
	Momentum, Factor float64
}

// Moves returns what batch k does, after those before it, to each running statistic.
func (t Track) Moves(k int) []Move {
	n := len(t.Momentum)
	moves := make([]Move, 0, 2*n)
	for i, m := range t.M[k] {
		mean := Move{Running: 1 + 2*i, Batch: 1 + 2*n*(k+1) + 2*i, Momentum: t.Momentum[i], Factor: 1}
		variance := mean
		variance.Running, variance.Batch, variance.Factor = mean.Running+1, mean.Batch+1, float64(m)/float64(m-1)
		moves = append(moves, mean, variance)
	}
	return moves
}

// Infer returns nothing.
func (t Track) Infer(in []Tensor) ([]Tensor, error) {
	n := len(t.Momentum)
	if len(in) != 1+2*n*(1+len(t.M)) {
		return nil, fmt.Errorf("has %d inputs, wants gate and, for each of %d, two and two by each of %d batches", len(in), n, len(t.M))
	}
	if !in[0].single(I32) {
		return nil, fmt.Errorf("gate is %s, wants i32 1", in[0])
	}
	for k, places := range t.M {
		if len(places) != n {
			return nil, fmt.Errorf("batch %d has statistics of %d, there are %d", k, len(places), n)
		}
		for i, m := range places {
			if x := t.Momentum[i]; !(x >= 0 && x <= 1) || m < 2 {
				return nil, fmt.Errorf("momentum is %g over %d places, wants 0 to 1 and two places or more", x, m)
			}
		}
		for _, move := range t.Moves(k) {
			x, batch := in[move.Running], in[move.Batch]
			if x.Type != F32 || len(x.Shape) != 1 || !x.sameAs(batch) {
				return nil, fmt.Errorf("a running statistic is %s and a batch's %s, want f32 [C]", x, batch)
			}
		}
	}
	return nil, nil
}
