package cpu

import (
	"fmt"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/plan"
)

// A builder turns the nodes of one entry into phases, for one slot.
type builder struct {
	module  *plan.Module
	arena   []byte
	scratch *scratch
	set     *tile.Set
	threads int // no bit follows from it
	packs   *packs
	slot    int

	phases []phase
	packed []*packed // by them
	err    error     // why the node in hand cannot be
}

// build adds the phases of an entry.
func (b *builder) build(e plan.Entry) error {
	for _, n := range e.Nodes {
		lower := kernelFor(n.Op)
		if lower == nil {
			return fmt.Errorf("%s: %s: the device has no kernel for %s", e.Name, n.Name, plan.OpName(n.Op))
		}
		lower(b, n)
		if b.err != nil {
			return fmt.Errorf("%s: %s: %w", e.Name, n.Name, b.err)
		}
	}
	return nil
}

// shape returns the extents of v.
func (b *builder) shape(v graph.Value) []int { return b.module.Tensors[v].Shape }

// bytes returns the memory of v, and nil for no tensor.
func (b *builder) bytes(v graph.Value) []byte {
	if v == 0 {
		return nil
	}
	at, size := b.module.Offset[v], b.module.Tensors[v].Bytes()
	if root := b.module.Tensors[b.module.Root[v]]; root.Slots > 1 {
		at += b.slot * plan.Stride(root)
	}
	return b.arena[at:][:size:size]
}

func (b *builder) f32(v graph.Value) []float32 { return device.View[float32](b.bytes(v)) }
func (b *builder) i32(v graph.Value) []int32   { return device.View[int32](b.bytes(v)) }
func (b *builder) i64(v graph.Value) []int64   { return device.View[int64](b.bytes(v)) }

// A chunk takes about this many nanoseconds on one core, if there is so much to
// do: some twenty times what it costs to hand it to another one.
const chunkTime = 8000

// mostChunks bounds the chunks of a phase.
const mostChunks = 1 << 12

// cut returns into how many chunks n items of that many nanoseconds are cut.
func cut(n int, each float64) int {
	return max(1, min(n, mostChunks, int(float64(n)*each/chunkTime)))
}

// ceil returns a/b, rounded up.
func ceil(a, b int) int { return (a + b - 1) / b }

// split adds a phase that does items 0 to n−1, which take about each
// nanoseconds, in ranges.
func (b *builder) split(n int, each float64, run func(lo, hi int, scratch []float32)) {
	chunks := cut(n, each)
	b.phases = append(b.phases, phase{chunks: chunks, run: func(chunk int, scratch []float32) {
		run(n*chunk/chunks, n*(chunk+1)/chunks, scratch)
	}})
}

// whole adds a phase that is not worth cutting, or cannot be.
func (b *builder) whole(run func()) {
	b.phases = append(b.phases, phase{chunks: 1, run: func(int, []float32) { run() }})
}

// A sum is a tensor y [rows,cols] that is summed up in parts. Each leaves size
// elements, which are partial sums [rows,stride], one or several.
type sum struct {
	y                        []float32
	rows, cols, stride, size int
}

// partials adds two phases: items 0 to n−1 in ranges, each of which leaves what
// it finds in a partial sum of its own, and the addition of those into s.y.
func (b *builder) partials(s sum, n int, each float64, run func(partial []float32, lo, hi int, scratch []float32)) {
	// Enough for many cores, and not more room than is easily had.
	const most, mostElements = 16, 1 << 23
	chunks := min(cut(n, each), most, max(1, mostElements/s.size))
	room := b.scratch
	room.commonNeed = max(room.commonNeed, chunks*s.size)
	b.phases = append(b.phases, phase{chunks: chunks, run: func(chunk int, scratch []float32) {
		run(room.common[chunk*s.size:][:s.size], n*chunk/chunks, n*(chunk+1)/chunks, scratch)
	}})
	b.split(s.rows, float64(chunks*s.cols)/2, func(lo, hi int, _ []float32) {
		kernel.SumPartials(s.y, room.common[:chunks*s.size], s.rows, s.cols, s.stride, lo, hi)
	})
}

// A stretch is a range of the elements of one of several tensors.
type stretch struct{ tensor, lo, hi int }

// stretches cuts tensors of these lengths into groups of stretches, a group for
// each chunk of about size elements.
func stretches(lengths []int, size int) [][]stretch {
	var groups [][]stretch
	left := 0
	for t, n := range lengths {
		for lo := 0; lo < n; {
			if left == 0 {
				groups = append(groups, nil)
				left = size
			}
			hi := min(n, lo+left)
			last := &groups[len(groups)-1]
			*last = append(*last, stretch{t, lo, hi})
			left -= hi - lo
			lo = hi
		}
	}
	return groups
}

// groups adds a phase with a chunk for each group of stretches.
func (b *builder) groups(groups [][]stretch, run func(stretch)) {
	b.phases = append(b.phases, phase{chunks: len(groups), run: func(chunk int, _ []float32) {
		for _, s := range groups[chunk] {
			run(s)
		}
	}})
}
