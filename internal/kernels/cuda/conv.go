package cuda

import (
	"fmt"
	"math"

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

// Check reports extents that the kernels cannot count.
func (c Conv) Check() error {
	for _, n := range []int{c.N * c.H * c.W, c.N * c.P * c.Q, c.R * c.S * max(c.I, c.O), c.O, c.H * c.W * c.I, c.P * c.Q * c.O} {
		if n > math.MaxInt32 {
			return fmt.Errorf("a convolution with an extent of %d, more than 2³¹ − 1: take a smaller batch", n)
		}
	}
	const most = 1<<16 - 1 // blocks of a grid in that direction
	if c.Groups > most {
		return fmt.Errorf("a convolution in %d groups, more than %d", c.Groups, most)
	}
	return nil
}

// A Post is what is done to the sums of a convolution: graph.Post.
type Post struct {
	Act  *graph.Act
	Pool *graph.MaxPool
}

// mostWindow is the most pixels of a window, so that a block holds whole ones.
const mostWindow = 32

// Pools reports whether a forward convolution can pool by those windows.
func Pools(pool graph.MaxPool) bool {
	return pool.Stride >= pool.Kernel && pool.Pad == 0 && pool.Kernel*pool.Kernel <= mostWindow
}

// Forward returns the launches that leave y, and arg where pool asks for it: either
// may be 0 then.
func (c Conv) Forward(y, arg, x, w, bias Addr, post Post) []Launch {
	if c.depthwise() && post.Pool == nil {
		return c.depthwiseForward(y, x, w, bias, actKind(post.Act))
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
	return []Launch{{
		Kernel: "conv_fwd_" + c.variant(b),
		Grid:   [3]int{ceil(rows, each), ceil(c.O/groups, b.columns), groups},
		Block:  b.threads(),
		Args: c.args([]Addr{y, arg, x, w, bias},
			actKind(post.Act), side, step),
	}}
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
