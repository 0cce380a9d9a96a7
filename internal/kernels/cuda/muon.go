package cuda

import (
	"math"

	"imgcls/internal/graph"
)

// summing returns how many blocks sum up n numbers.
func summing(n int) int { return min(ceil(n, 4*threads), 128) }

// A Direction begins Muon's step for N elements; Scale may be 0, and so may Moved and X.
type Direction struct {
	N                               int
	Moved, X, DP, V, Scalars, Scale Addr
}

// Launches returns two launches.
func (d Direction) Launches(op graph.Direction, room Room) []Launch {
	parts := summing(d.N)
	part := room(8 * parts)
	first := blocks("muon_direction_f32", parts, 1, with(pointers(d.Moved, d.X, part, d.DP, d.V, d.Scalars, d.Scale), d.N, op.Momentum)...)
	if d.X == 0 {
		return []Launch{first}
	}
	eps := math.Float64bits(op.Eps)
	return []Launch{first, elements("muon_unit_f32", d.N, 1, append(with(pointers(d.X, part), parts, d.N), eps)...)}
}

// A Quintic is the polynomial of matrices with N rows and columns.
type Quintic struct {
	N       int
	Y, S, T Addr
}

// Launches returns one launch.
func (q Quintic) Launches(op graph.Quintic) []Launch {
	args := append(with(pointers(q.Y, q.S, q.T), q.N), math.Float64bits(op.A), math.Float64bits(op.B), math.Float64bits(op.C))
	return []Launch{elements("muon_quintic_f32", q.N*q.N, 1, args...)}
}

// A Moved ends Muon's step for N elements in Rows filters.
type Moved struct {
	N, Rows          int
	Y, P, U, Scalars Addr
}

// Launches returns two launches.
func (m Moved) Launches(op graph.Moved, room Room) []Launch {
	parts := summing(m.N)
	part := room(8 * parts)
	return []Launch{
		blocks("muon_squares_f32", parts, 1, with(pointers(part, m.P), m.N)...),
		elements("muon_moved_f32", m.N, 1, with(pointers(m.Y, m.P, m.U, part, m.Scalars), parts, m.N, m.Rows, op.LR)...),
	}
}

// An Assign sets cells to values of as many elements, while Gate is open.
type Assign struct {
	Arena, Gate   Addr
	Cells, Values []Tensor
}

// Launches returns one launch, or none where there is nothing to set.
func (a Assign) Launches(table Table) []Launch {
	all := pieces(a.Cells, Tensor.len)
	if len(all) == 0 {
		return nil
	}
	var words []int64
	for _, p := range all {
		at := int64(4 * p.at)
		words = append(words, int64(a.Cells[p.tensor].At-a.Arena)+at, int64(a.Values[p.tensor].At-a.Arena)+at, int64(p.n))
	}
	return []Launch{blocks("assign_f32", len(all), 1, pointers(a.Arena, table(words), a.Gate)...)}
}
