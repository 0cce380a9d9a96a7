package cuda

// A Tensor is N numbers, f32, at a place of an arena.
type Tensor struct {
	At Addr
	N  int
}

func (t Tensor) len() int { return t.N }

// A piece is a part of a tensor that one block works on.
type piece struct{ tensor, at, n int }

// pieces cuts tensors, of length elements each, into 1024 pieces and one for each tensor
// at most.
func pieces[T any](tensors []T, length func(T) int) []piece {
	const least, most = 4096, 1024
	total := 0
	for _, t := range tensors {
		total += length(t)
	}
	size := max(least, ceil(ceil(total, most), threads)*threads)
	var all []piece
	for i, t := range tensors {
		n := length(t)
		for at := 0; at < n; at += size {
			all = append(all, piece{i, at, min(size, n-at)})
		}
	}
	return all
}

// A Gate is 1 at Open where all tensors are finite, else 0.
type Gate struct {
	Arena, Open Addr
	Tensors     []Tensor
}

// Launches looks at pieces, and at what they gave where there are several.
func (g Gate) Launches(room Room, table Table) []Launch {
	all := pieces(g.Tensors, Tensor.len)
	if len(all) == 0 {
		return []Launch{blocks("gate_all_i32", 1, 1, with(pointers(g.Open, 0), 0)...)}
	}
	var words []int64
	for _, p := range all {
		words = append(words, int64(g.Tensors[p.tensor].At-g.Arena)+int64(4*p.at), int64(p.n))
	}
	part := g.Open
	if len(all) > 1 {
		part = room(4 * len(all))
	}
	launches := []Launch{blocks("gate_part_f32", len(all), 1, pointers(part, g.Arena, table(words))...)}
	if len(all) > 1 {
		launches = append(launches, blocks("gate_all_i32", 1, 1, with(pointers(g.Open, part), len(all))...))
	}
	return launches
}

// A Record writes a loss to its place in a ring of N.
type Record struct {
	N                      int
	Ring, Gate, Step, Loss Addr
}

// Launches returns one launch.
func (r Record) Launches() []Launch {
	return []Launch{single("record_f32", with(pointers(r.Ring, r.Gate, r.Step, r.Loss), r.N))}
}

// A Tick ends a step; Table has Rows rows of K scalars.
type Tick struct {
	Rows, K, Batch                     int
	Step, Cursor, Scalars, Gate, Table Addr
}

// Launches returns one launch.
func (t Tick) Launches() []Launch {
	return []Launch{single("tick_f32", with(pointers(t.Step, t.Cursor, t.Scalars, t.Gate, t.Table), t.Rows, t.K, t.Batch))}
}

// A Rescale ends a step whose loss was scaled; Counted may be 0.
type Rescale struct {
	Growth, Patience               int
	Counted, Scale, Tally, Applied Addr
}

// Launches returns one launch.
func (r Rescale) Launches(room Room) []Launch {
	if r.Counted == 0 {
		r.Counted = room(4)
	}
	return []Launch{single("rescale_f32", with(pointers(r.Counted, r.Scale, r.Tally, r.Applied), r.Growth, r.Patience))}
}

// single is a launch of one warp.
func single(kernel string, args []uint64) Launch {
	l := blocks(kernel, 1, 1, args...)
	l.Block = 32
	return l
}
