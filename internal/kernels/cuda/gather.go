package cuda

import (
	"encoding/binary"
	"math"

	"imgcls/internal/graph"
)

// A Gathered tensor is what a batch takes of x, whose samples have so many bytes.
type Gathered struct {
	Y, X Addr
	Size int
}

// A Gather makes a batch of the samples whose turn it is.
type Gather struct {
	Batch                int
	Arena, Order, Cursor Addr
	Tensors              []Gathered
}

// Launches returns one launch for all tensors.
func (g Gather) Launches(table Table) []Launch {
	if len(g.Tensors) == 0 {
		return nil
	}
	var words []int64
	for _, t := range g.Tensors {
		words = append(words, int64(t.Y-g.Arena), int64(t.X-g.Arena), int64(t.Size))
	}
	return []Launch{blocks("gather_u8", g.Batch, len(g.Tensors), pointers(g.Arena, table(words), g.Order, g.Cursor)...)}
}

// A Normalize turns the bytes of N pictures of so many values each into numbers.
type Normalize struct {
	Op      graph.Normalize
	N, Size int
	Y, X    Addr
}

// Launches returns one launch, which looks every value up.
func (n Normalize) Launches(table Table) []Launch {
	var bytes []byte
	for c := range n.Op.Mean {
		for _, v := range n.Op.Table(c) {
			bytes = binary.NativeEndian.AppendUint32(bytes, math.Float32bits(float32(v)))
		}
	}
	words := make([]int64, len(bytes)/8)
	for i := range words {
		words[i] = int64(binary.NativeEndian.Uint64(bytes[8*i:]))
	}
	return []Launch{blocks("normalize_"+n.Op.Out.String(), n.N, 1, with(pointers(n.Y, n.X, table(words)), n.Size, len(n.Op.Mean))...)}
}
