// Package graph describes computations as data: tensors, operations on them,
// and the rules that give an operation's output shapes and its gradient.
//
// A Graph has several entries, which are straight lists of nodes that a device
// runs from the first to the last ("train@128", "eval@256"). Entries share the
// tensors that live on between runs (inputs, parameters, state) and nothing
// else. A graph is built once; package plan orders it and gives its tensors
// places in memory, and a device turns the plan into something that runs.
//
// Building never stops half-way: the first error sticks and Graph.Err returns
// it, so that layers and models need no error handling of their own.
//
// # Vocabulary
//
// The whole program uses these letters:
//
//	N H W C   images: number, height, width, channels, in this memory order
//	O I       channels of a filter: output, input
//	R S       height and width of a filter; filters lie in memory as O R S I
//	P Q       height and width of an output
//	M N K     a product of matrices: [M,K]·[K,N] = [M,N]
//	x y w b   input, output, weight, bias
//	dx dy dw db   their gradients
//
// # Cells
//
// A parameter or state tensor is a cell: the nodes of an entry first read it,
// and at most one node, named in Node.Set, overwrites it at the end of the
// step. All setting nodes stand behind one Gate, so a step whose loss, gradients
// or new parameters are not finite changes nothing.
package graph
