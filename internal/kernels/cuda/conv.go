package cuda

import (
	"fmt"
	"math"
	"slices"

	"imgcls/internal/graph"
)

// A Conv holds the extents of a convolution of x [N,H,W,I] with w
// [O,R,S,I/Groups] into [N,P,Q,O], for conv.cuh.
type Conv struct {
	N, H, W, I  int
	O, R, S     int
	P, Q        int
	Stride, Pad int
	Groups      int // 0 means 1
	Type        graph.DType
}

// mostRows is the most rows that kernels count in 32 bits: the last block's may go
// beyond what there is.
const mostRows = math.MaxInt32 - 128

// Check reports extents that the kernels cannot count.
func (c Conv) Check() error {
	for _, n := range []int{c.N * c.H * c.W, c.N * c.P * c.Q, c.R * c.S * max(c.I, c.O), c.O, c.H * c.W * c.I, c.P * c.Q * c.O} {
		if n > mostRows {
			return fmt.Errorf("a convolution with an extent of %d, more than %d: take a smaller batch", n, mostRows)
		}
	}
	const most = 1<<16 - 1 // blocks of a grid in that direction
	if c.Groups > most {
		return fmt.Errorf("a convolution in %d groups, more than %d", c.Groups, most)
	}
	return nil
}

// A Post is what is done to the sums of a convolution, graph.Post: an activation and
// pooling; or a batch norm with given statistics and what follows it, of which neither
// M nor Y and X count; or Mean and Var are found of what is stored.
type Post struct {
	Act       *graph.Act
	Pool      *graph.MaxPool
	Norm      *BatchNorm
	Mean, Var Addr
}

// epilogue is a Post as kernels take it.
type epilogue struct {
	act                            int
	part, mean, scale, shift, plus Addr
}

// follow returns the launches before and after one that computes y by blocks of so many rows.
func (c Conv) follow(post Post, rows int, room Room) (e epilogue, before, after []Launch) {
	e.act = actKind(post.Act)
	if norm := post.Norm; norm != nil {
		e = epilogue{act: actKind(norm.Act), mean: norm.Mean, scale: room(4 * c.O), shift: norm.Bias, plus: norm.Plus}
		before = []Launch{norm.given(e.scale)}
	}
	if post.Mean != 0 || post.Var != 0 {
		norm := BatchNorm{M: c.N * c.P * c.Q, C: c.O, Mean: post.Mean, Var: post.Var}.kept(room)
		e.part = room(partSize * ceil(norm.M, rows) * c.O)
		after = []Launch{norm.statistics(0, e.part, rows)}
	}
	return e, before, after
}

// mostWindow is the most pixels of a window, so that a block holds whole ones.
const mostWindow = 32

// Pools reports whether a forward convolution can pool by those windows.
func Pools(pool graph.MaxPool) bool {
	return pool.Stride >= pool.Kernel && pool.Pad == 0 && pool.Kernel*pool.Kernel <= mostWindow
}

// Forward returns the launches that leave y, and arg where pool asks for it: either
// may be 0 then, and y where moments are asked for.
func (c Conv) Forward(y, arg, x, w, bias Addr, post Post, room Room) []Launch {
	if c.depthwise() && post.Pool == nil {
		return c.depthwiseForward(y, x, w, bias, post, room)
	}
	side, step, p, q := 1, 1, c.P, c.Q
	if post.Pool != nil {
		side, step = post.Pool.Kernel, post.Pool.Stride
		p, q = (c.P-side)/step+1, (c.Q-side)/step+1
	}
	window := side * side
	rows := c.N * p * q * window
	groups := max(1, c.Groups)
	b := blockFor(rows, c.O/groups)
	each := b.rows / window * window
	e, before, after := c.follow(post, each, room)
	return slices.Concat(before, []Launch{{
		Kernel: "conv_fwd_" + c.variant(b),
		Grid:   [3]int{ceil(rows, each), ceil(c.O/groups, b.columns), groups},
		Block:  b.threads(),
		Args:   c.args([]Addr{y, arg, e.part, x, w, bias, e.mean, e.scale, e.shift, e.plus}, e.act, side, step),
	}}, after)
}

// BackData returns the launches that leave dx, to which plus is added where it is not 0.
func (c Conv) BackData(dx, w, dy, plus Addr) []Launch {
	if c.depthwise() {
		return c.depthwiseBackData(dx, w, dy, plus)
	}
	groups := max(1, c.Groups)
	rows, columns := c.N*c.H*c.W, c.I/groups
	b := blockFor(rows, columns)
	return []Launch{{
		Kernel: "conv_back_data_" + c.variant(b),
		Grid:   [3]int{ceil(rows, b.rows), ceil(columns, b.columns), groups},
		Block:  b.threads(),
		Args:   c.args([]Addr{dx, w, dy, plus}),
	}}
}

// BackFilter returns the launches that leave dw, f32.
func (c Conv) BackFilter(dw, x, dy Addr, room Room) []Launch {
	if c.depthwise() {
		return c.depthwiseBackFilter(dw, x, dy, room)
	}
	groups := max(1, c.Groups)
	rows, columns := c.O/groups, c.R*c.S*c.I/groups
	b := small
	if rows > small.rows && columns > small.columns {
		b = large
	}
	splits := splitsFor(b.tiles(rows, columns)*groups, c.N*c.P*c.Q, deep(c.Type))
	elements := c.O * columns
	to := dw
	if splits > 1 {
		to = room(4 * splits * elements)
	}
	l := Launch{
		Kernel: "conv_back_filter_" + c.variant(b),
		Grid:   [3]int{ceil(rows, b.rows), ceil(columns, b.columns), groups * splits},
		Block:  b.threads(),
		Args:   c.args([]Addr{to, x, dy}, splits),
	}
	if splits == 1 {
		return []Launch{l}
	}
	return []Launch{l, sumParts(dw, to, splits, elements)}
}

// variant names the kernel: one that copies 16 bytes at once, where the channels
// of a group fill them.
func (c Conv) variant(b block) string {
	groups := max(1, c.Groups)
	any := ""
	if c.I/groups*c.Type.Size()%16 != 0 || c.O/groups*c.Type.Size()%16 != 0 {
		any = "any_"
	}
	return any + b.name + "_" + c.Type.String()
}

// args are a kernel's parameters: places, extents, and what follows them.
func (c Conv) args(places []Addr, more ...int) []uint64 {
	extents := []int{c.N, c.H, c.W, c.I, c.O, c.R, c.S, c.P, c.Q, c.Stride, c.Pad, max(1, c.Groups)}
	return with(pointers(places...), append(extents, more...)...)
}
