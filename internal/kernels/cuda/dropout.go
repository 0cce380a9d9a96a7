package cuda

import (
	"math"

	"imgcls/internal/graph"
)

// A Dropout drops of the E elements of each of N samples what its operation says.
type Dropout struct {
	Op                         graph.Dropout
	Type                       graph.DType
	N, E                       int
	Y, X, Order, Cursor, Epoch Addr
}

// Launches returns one launch.
func (d Dropout) Launches() []Launch {
	args := with(pointers(d.Y, d.X, d.Order, d.Cursor, d.Epoch), d.N, d.E)
	args = append(args, d.Op.Seed, d.Op.Stream, uint64(d.Op.Threshold()), uint64(math.Float32bits(d.Op.Factor())))
	return []Launch{elements("dropout_"+d.Type.String(), d.N*ceil(d.E, 4), 1, args...)}
}
