package cuda

import "imgcls/internal/graph"

// An Act applies an activation function to N elements of x.
type Act struct {
	Kind graph.ActKind
	Type graph.DType
	N    int
	Y, X Addr
}

// Launches returns one launch.
func (a Act) Launches() []Launch {
	return []Launch{elements("act_"+a.Kind.String()+"_"+a.Type.String(), a.N, packed(a.Type), with(pointers(a.Y, a.X), a.N)...)}
}

// An ActBack is the gradient of an Act, from its y, or from x where Kind.FromInput.
type ActBack struct {
	Kind         graph.ActKind
	Type         graph.DType
	N            int
	DX, From, DY Addr
}

// Launches returns one launch.
func (a ActBack) Launches() []Launch {
	return []Launch{elements("act_"+a.Kind.String()+"_back_"+a.Type.String(), a.N, packed(a.Type), with(pointers(a.DX, a.From, a.DY), a.N)...)}
}
