package cuda

import "imgcls/internal/graph"

// A Cast is N elements of x in another floating-point type.
type Cast struct {
	From, To graph.DType
	N        int
	Y, X     Addr
}

// Launches returns one launch.
func (c Cast) Launches() []Launch {
	return []Launch{elements("cast_"+c.From.String()+"_"+c.To.String(), c.N, 8, with(pointers(c.Y, c.X), c.N)...)}
}
