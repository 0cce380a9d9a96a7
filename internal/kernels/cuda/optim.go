package cuda

import (
	"math"

	"imgcls/internal/graph"
)

// A Parameter is N numbers, f32, that are learnt, their gradient, and what the
// optimizer keeps of earlier ones: v, or m and v.
type Parameter struct {
	N     int
	P, DP Addr
	Kept  []Addr
}

// An Optimizer sets all parameters, or none where a number would not be finite, and
// says at Applied which; that may be 0.
type Optimizer struct {
	Arena, Applied, Gate, Scalars Addr
	Parameters                    []Parameter
}

// SGD is stochastic gradient descent; scale is that of the gradients, or 0.
func (o Optimizer) SGD(op graph.SGD, scale Addr, room Room, table Table) []Launch {
	columns := func(i int) []int {
		op := op.Of(i)
		return []int{op.LR, op.Momentum, op.Decay}
	}
	nesterov := uint64(flag(op.Nesterov))
	return o.launches("sgd", columns, room, table, pointers(scale), nesterov)
}

// AdamW is Adam with decoupled weight decay; scale is as SGD's.
func (o Optimizer) AdamW(op graph.AdamW, scale Addr, room Room, table Table) []Launch {
	columns := func(i int) []int {
		op := op.Of(i)
		return []int{op.Keep, op.Rate, op.Root}
	}
	return o.launches("adamw", columns, room, table, pointers(scale), math.Float64bits(op.Beta1), math.Float64bits(op.Beta2), math.Float64bits(op.Eps))
}

// launches looks at all pieces and then sets them; behind goes after the scalars, and
// numbers after the count of pieces.
func (o Optimizer) launches(rule string, columns func(i int) []int, room Room, table Table, behind []uint64, numbers ...uint64) []Launch {
	all := pieces(o.Parameters, func(p Parameter) int { return p.N })
	if o.Applied == 0 {
		o.Applied = room(4)
	}
	if len(all) == 0 {
		return []Launch{blocks("gate_all_i32", 1, 1, with(pointers(o.Applied, o.Gate), 1)...)}
	}
	var words []int64
	for _, piece := range all {
		p := o.Parameters[piece.tensor]
		for _, at := range append([]Addr{p.P, p.DP}, p.Kept...) {
			words = append(words, int64(at-o.Arena)+int64(4*piece.at))
		}
		words = append(words, int64(piece.n))
		for _, c := range columns(piece.tensor) {
			words = append(words, int64(c))
		}
	}
	part, rows := room(4*len(all)), table(words)
	look := append(pointers(part, o.Arena, rows, o.Gate, o.Scalars), behind...)
	set := with(append(pointers(o.Applied, o.Arena, rows, part, o.Scalars), behind...), len(all))
	return []Launch{
		blocks(rule+"_part_f32", len(all), 1, append(look, numbers...)...),
		blocks(rule+"_f32", len(all), 1, append(set, numbers...)...),
	}
}
