//go:build cuda && linux && cgo

package cuda

import (
	"cmp"
	"math"
	"slices"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
)

// lowering returns what makes the launches of a node with that operation, or nil
// where this device has no kernel for it. It is the device's table of contents.
func lowering(op graph.Op) func(b *builder, n graph.Node) []kernel.Launch {
	switch op := op.(type) {
	case graph.Act:
		return with(op, (*builder).act)
	case graph.ActBack:
		return with(op, (*builder).actBack)
	case graph.Add:
		return with(op, (*builder).add)
	case graph.ChannelSum:
		return with(op, (*builder).channelSum)
	case graph.Gate:
		return with(op, (*builder).gate)
	case graph.Gather:
		return with(op, (*builder).gather)
	case graph.MaxPool:
		return with(op, (*builder).maxPool)
	case graph.MaxPoolBack:
		return with(op, (*builder).maxPoolBack)
	case graph.Normalize:
		return with(op, (*builder).normalize)
	case graph.Record:
		return with(op, (*builder).record)
	case graph.SGD:
		return with(op, (*builder).sgd)
	case graph.SoftmaxXent:
		return with(op, (*builder).softmaxXent)
	case graph.Tick:
		return with(op, (*builder).tick)
	}
	return nil
}

// with hands the operation to the method that knows its type.
func with[T graph.Op](op T, lower func(*builder, T, graph.Node) []kernel.Launch) func(*builder, graph.Node) []kernel.Launch {
	return func(b *builder, n graph.Node) []kernel.Launch { return lower(b, op, n) }
}

// supports says yes to operations with a kernel, on float32.
func supports(n graph.Node, t []graph.Tensor) bool {
	for _, v := range slices.Concat(n.In, n.Out) {
		if t[v].Type.Float() && t[v].Type != graph.F32 {
			return false
		}
	}
	return lowering(n.Op) != nil
}

// threads is the size of a block, where a kernel does not need another one.
const threads = 256

// mostBlocks bounds the blocks of a loop over elements that go round.
const mostBlocks = 1 << 16

func ceil(n, by int) int { return (n + by - 1) / by }

// elements is a launch with a thread for each of n elements.
func elements(name string, n int, args ...uint64) kernel.Launch {
	return blocks(name, min(ceil(n, threads), mostBlocks), args...)
}

// blocks is a launch of n blocks.
func blocks(name string, n int, args ...uint64) kernel.Launch {
	return kernel.Launch{Kernel: name, Grid: [3]int{n, 1, 1}, Block: threads, Args: args}
}

func (b *builder) len(v graph.Value) uint64 { return uint64(b.tensor(v).Len()) }

// words are numbers as a kernel's parameters.
func words(numbers ...int) []uint64 {
	w := make([]uint64, len(numbers))
	for i, n := range numbers {
		w[i] = uint64(n)
	}
	return w
}

func (b *builder) act(_ graph.Act, n graph.Node) []kernel.Launch {
	y := n.Out[0]
	return []kernel.Launch{elements("act_relu_f32", b.tensor(y).Len(), b.word(y), b.word(n.In[0]), b.len(y))}
}

func (b *builder) actBack(_ graph.ActBack, n graph.Node) []kernel.Launch {
	dx := n.Out[0]
	return []kernel.Launch{elements("act_relu_back_f32", b.tensor(dx).Len(), b.word(dx), b.word(n.In[0]), b.word(n.In[1]), b.len(dx))}
}

func (b *builder) add(_ graph.Add, n graph.Node) []kernel.Launch {
	y := n.Out[0]
	return []kernel.Launch{elements("add_f32", b.tensor(y).Len(), b.word(y), b.word(n.In[0]), b.word(n.In[1]), b.len(y))}
}

// channelSum sums groups of √M rows, and then the groups.
func (b *builder) channelSum(_ graph.ChannelSum, n graph.Node) []kernel.Launch {
	const lanes = 32 // channels of a block
	c := b.tensor(n.Out[0]).Len()
	rows := b.tensor(n.In[0]).Len() / c
	sum := func(y, x uint64, rows, span int) kernel.Launch {
		l := blocks("channel_sum_f32", ceil(rows, span), append([]uint64{y, x}, words(rows, c, span)...)...)
		l.Grid[1] = ceil(c, lanes)
		return l
	}
	span := int(math.Ceil(math.Sqrt(float64(rows))))
	groups := ceil(rows, span)
	part := uint64(b.memory.take(4 * groups * c))
	return []kernel.Launch{sum(part, b.word(n.In[0]), rows, span), sum(b.word(n.Out[0]), part, groups, groups)}
}

func (b *builder) gather(op graph.Gather, n graph.Node) []kernel.Launch {
	var all []kernel.Launch
	for i, y := range n.Out {
		if y != 0 {
			all = append(all, blocks("gather_u8", op.Batch, b.word(y), b.word(n.In[2+i]), b.word(n.In[0]), b.word(n.In[1]),
				uint64(b.tensor(y).Bytes()/op.Batch)))
		}
	}
	return all
}

func (b *builder) normalize(op graph.Normalize, n graph.Node) []kernel.Launch {
	var table []float32
	for c := range op.Mean {
		for _, v := range op.Table(c) {
			table = append(table, float32(v))
		}
	}
	y := b.tensor(n.Out[0])
	at := b.memory.table(device.View[int64](device.Bytes(table)))
	return []kernel.Launch{blocks("normalize_f32", y.Shape[0], b.word(n.Out[0]), b.word(n.In[0]), uint64(at),
		uint64(y.Len()/y.Shape[0]), uint64(len(op.Mean)))}
}

func (b *builder) maxPool(op graph.MaxPool, n graph.Node) []kernel.Launch {
	x, y := b.tensor(n.In[0]).Shape, b.tensor(cmp.Or(n.Out...)).Shape
	args := []uint64{b.word(n.Out[0]), b.word(n.Out[1]), b.word(n.In[0])}
	args = append(args, words(x[1], x[2], x[3], y[1], y[2], op.Kernel, op.Stride, op.Pad)...)
	return []kernel.Launch{blocks("pool_max_f32", y[0]*y[1], args...)}
}

func (b *builder) maxPoolBack(op graph.MaxPoolBack, n graph.Node) []kernel.Launch {
	x, y := b.tensor(n.Out[0]).Shape, b.tensor(n.In[1]).Shape
	args := []uint64{b.word(n.Out[0]), b.word(n.In[0]), b.word(n.In[1])}
	args = append(args, words(x[1], x[2], x[3], y[1], y[2], op.Kernel, op.Stride, op.Pad)...)
	return []kernel.Launch{blocks("pool_max_back_f32", x[0]*x[1], args...)}
}

// softmaxXent leaves the losses of rows in room, and their mean where it is read.
func (b *builder) softmaxXent(_ graph.SoftmaxXent, n graph.Node) []kernel.Launch {
	const warps = 4 // of a block, one for each row
	x := b.tensor(n.In[0]).Shape
	rows := uint64(b.memory.take(4 * x[0]))
	softmax := blocks("xent_softmax_f32", ceil(x[0], warps), append([]uint64{rows, b.word(n.Out[1]), b.word(n.In[0]), b.word(n.In[1])}, words(x[0], x[1])...)...)
	softmax.Block = 32 * warps
	all := []kernel.Launch{softmax}
	if loss := n.Out[0]; loss != 0 {
		all = append(all, blocks("xent_mean_f32", 1, b.word(loss), rows, uint64(x[0])))
	}
	return all
}

// tensors returns a table with a row for each group of per tensors, their offsets
// in the arena and the number of elements, and the blocks that the largest is
// worth.
func (b *builder) tensors(values []graph.Value, per int) (at uint64, rows, wide int) {
	const each = 8 * threads // elements of a block
	const most = 64
	var table []int64
	largest := 1
	for i := 0; i < len(values); i += per {
		for _, v := range values[i : i+per] {
			table = append(table, int64(b.at(v)-b.memory.base))
		}
		n := b.tensor(values[i]).Len()
		table = append(table, int64(n))
		largest = max(largest, n)
	}
	return uint64(b.memory.table(table)), len(values) / per, min(ceil(largest, each), most)
}

// gate has every block say whether it met finite numbers alone, and one block
// whether all did.
func (b *builder) gate(_ graph.Gate, n graph.Node) []kernel.Launch {
	if len(n.In) == 0 {
		return []kernel.Launch{blocks("gate_all_i32", 1, b.word(n.Out[0]), 0, 0)}
	}
	table, rows, wide := b.tensors(n.In, 1)
	part := uint64(b.memory.take(4 * rows * wide))
	look := blocks("gate_part_f32", wide, part, uint64(b.memory.base), table)
	look.Grid[1] = rows
	return []kernel.Launch{look, blocks("gate_all_i32", 1, b.word(n.Out[0]), part, uint64(rows*wide))}
}

// sgd looks at what it would set before it sets anything.
func (b *builder) sgd(op graph.SGD, n graph.Node) []kernel.Launch {
	table, rows, wide := b.tensors(n.In[2:], 3)
	part := uint64(b.memory.take(4 * rows * wide))
	applied := b.word(n.Out[0])
	if applied == 0 {
		applied = uint64(b.memory.take(4))
	}
	nesterov := 0
	if op.Nesterov {
		nesterov = 1
	}
	arena, columns := uint64(b.memory.base), words(op.LR, op.Momentum, op.Decay, nesterov)
	look := blocks("sgd_part_f32", wide, append([]uint64{part, arena, table, b.word(n.In[0]), b.word(n.In[1])}, columns...)...)
	set := blocks("sgd_f32", wide, append([]uint64{arena, table, applied, b.word(n.In[1])}, columns...)...)
	look.Grid[1], set.Grid[1] = rows, rows
	return []kernel.Launch{look, blocks("gate_all_i32", 1, applied, part, uint64(rows*wide)), set}
}

func (b *builder) record(_ graph.Record, n graph.Node) []kernel.Launch {
	l := blocks("record_f32", 1, b.word(n.In[3]), b.word(n.In[0]), b.word(n.In[1]), b.word(n.In[2]), b.len(n.In[3]))
	l.Block = 1
	return []kernel.Launch{l}
}

func (b *builder) tick(op graph.Tick, n graph.Node) []kernel.Launch {
	table := b.tensor(n.In[4]).Shape
	args := []uint64{b.word(n.In[1]), b.word(n.In[2]), b.word(n.In[3]), b.word(n.In[0]), b.word(n.In[4])}
	l := blocks("tick_f32", 1, append(args, words(table[0], table[1], op.Batch)...)...)
	l.Block = 32
	return []kernel.Launch{l}
}
