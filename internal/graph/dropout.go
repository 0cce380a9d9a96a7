package graph

import (
	"fmt"

	"imgcls/internal/rng"
)

// Dropout lets each element of samples x [N,...] become 0 with probability Rate, and
// scales the others, so that the mean stays:
//
//	y[n,e] = x[n,e]·Factor where Keep(epoch, order[cursor+n], e), else 0
//
// The other inputs are order, i32 [K], and cursor, i64 [1], as of Gather, and the epoch,
// i64 [1]. What is kept is a function of seed, stream, epoch, sample and element, so it
// does not depend on the batch, and its gradient is the operation itself.
type Dropout struct {
	Rate   float64 // at least 0, below 1
	Seed   uint64
	Stream uint64 // of the layer
}

// Infer returns y, shaped like x.
func (d Dropout) Infer(in []Tensor) ([]Tensor, error) {
	if err := arity(in, 4, 4); err != nil {
		return nil, err
	}
	x := in[0]
	if !x.Type.Float() || len(x.Shape) < 1 {
		return nil, fmt.Errorf("input is %s, wants floating-point numbers of samples", x)
	}
	if err := drawnBy(in[1:], x.Shape[0]); err != nil {
		return nil, err
	}
	if !(d.Rate >= 0 && d.Rate < 1) {
		return nil, fmt.Errorf("a rate of %g makes no sense: it is at least 0 and below 1", d.Rate)
	}
	return []Tensor{x.Like()}, nil
}

// Grad drops the same elements of dy.
func (d Dropout) Grad(g *Graph, n Node, dout []Value) []Value {
	return g.Add(n.Name, d, dout[0], n.In[1], n.In[2], n.In[3])
}

// Elementwise says that a place stays what it is.
func (Dropout) Elementwise() {}

// Factor is 1/(1 − Rate), in single precision on every device.
func (d Dropout) Factor() float32 { return float32(1 / (1 - d.Rate)) }

// Threshold is the least word that keeps an element.
func (d Dropout) Threshold() uint32 { return uint32(d.Rate * (1 << 32)) }

// Words returns the words of the elements 4·four to 4·four+3 of a sample.
func (d Dropout) Words(epoch, sample int64, four int) [4]uint32 {
	return rng.Block(d.Seed, d.Stream+uint64(four), uint64(epoch)<<32|uint64(sample))
}
