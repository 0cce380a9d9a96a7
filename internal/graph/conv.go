package graph

import "fmt"

// Conv is the cross-correlation of images x [N,H,W,I] with filters w [O,R,S,I/G],
// plus a bias b [O] where a third input is given:
//
//	y[n,p,q,o] = b[o] + Σ_{r,s,i} x[n, p·Stride+r−Pad, q·Stride+s−Pad, g·I/G + i] · w[o,r,s,i]
//
// where o lies in group g of G, each of O/G filters on I/G channels of x. x and w have
// one type, which is y's too; b is F32. Outside x stand zeros.
// P = (H + 2·Pad − R)/Stride + 1, rounded down; Q likewise.
// Post acts on y before it is stored; where that pools, there is a second output
// arg, as of MaxPool.
type Conv struct {
	Stride, Pad int
	Groups      int // G; 0 means 1. With as many as channels each has filters of its own
	Post        Post
}

// groups returns G, by which I and O must be divisible.
func (c Conv) groups() int {
	if c.Groups == 0 {
		return 1
	}
	return c.Groups
}

// divides reports that channels cannot be cut into the groups of c.
func (c Conv) divides(what string, channels int) error {
	if g := c.groups(); g < 1 || channels%g != 0 {
		return fmt.Errorf("%d %s cannot be cut into %d groups", channels, what, g)
	}
	return nil
}

// Infer returns y [N,P,Q,O], or what Post makes of it.
func (c Conv) Infer(in []Tensor) ([]Tensor, error) {
	more := c.Post.Inputs()
	if err := arity(in, 2+more, 3+more); err != nil {
		return nil, err
	}
	in, norm := in[:len(in)-more], in[len(in)-more:]
	if err := ranked(in[:2], 4, 4); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if err := c.divides("channels of the input", x[3]); err != nil {
		return nil, err
	}
	if err := c.divides("filters", w[0]); err != nil {
		return nil, err
	}
	if of := x[3] / c.groups(); of != w[3] {
		if c.groups() > 1 {
			return nil, fmt.Errorf("each of %d groups of the input has %d channels, filter wants %d", c.groups(), of, w[3])
		}
		return nil, fmt.Errorf("input has %d channels, filter wants %d", of, w[3])
	}
	if in[0].Type != in[1].Type {
		return nil, fmt.Errorf("input is %s, filter %s: want one type", in[0], in[1])
	}
	if len(in) == 3 && (len(in[2].Shape) != 1 || in[2].Shape[0] != w[0] || in[2].Type != F32) {
		return nil, fmt.Errorf("bias is %s, want f32 for the filter's %d output channels", in[2], w[0])
	}
	p, q, err := window{w[1], w[2], c.Stride, c.Pad, "filter"}.slide(x[1], x[2])
	if err != nil {
		return nil, err
	}
	return c.Post.infer(Tensor{Shape: []int{x[0], p, q, w[0]}, Type: in[0].Type}, norm)
}

// Grad uses ConvBackData, ConvBackFilter and ChannelSum.
func (c Conv) Grad(g *Graph, n Node, dout []Value) []Value {
	x, w, dy := n.In[0], n.In[1], dout[0]
	xs, ws := g.Tensor(x).Shape, g.Tensor(w).Shape
	din := []Value{
		g.Add(n.Name, ConvBackData{Conv: c, H: xs[1], W: xs[2]}, w, dy)[0],
		g.Add(n.Name, ConvBackFilter{Conv: c, R: ws[1], S: ws[2]}, x, dy)[0],
	}
	if len(n.In) == 3 {
		din = append(din, g.Add(n.Name, ChannelSum{}, dy)[0])
	}
	return din
}

// Flops counts R·S·I/G multiply-adds for each sum, and what Post takes.
func (c Conv) Flops(in, _ []Tensor) int {
	sums, err := Conv{Stride: c.Stride, Pad: c.Pad, Groups: c.Groups}.Infer(in[:len(in)-c.Post.Inputs()])
	if err != nil {
		return 0
	}
	return 2*sums[0].Len()*in[1].Len()/in[1].Shape[0] + c.Post.flops(sums[0])
}

// Parts names the operations that c does the work of.
func (c Conv) Parts() []string { return c.Post.parts("Conv") }

// ConvBackData is the gradient of Conv with respect to x:
//
//	dx[n,h,w,g·I/G + i] = Σ dy[n,p,q,o] · w[o,r,s,i]  over o in g, p·Stride+r−Pad = h, q·Stride+s−Pad = w
//
// Inputs are w [O,R,S,I/G] and dy [N,P,Q,O], of one type, which is dx's too; H and W
// are those of x. With Unpool,
// which only the planner sets, the inputs after w are those of a MaxPoolBack by
// windows that are apart, and dy is what that would give. With Plus, which only the
// planner sets, the last input is added to dx.
type ConvBackData struct {
	Conv
	H, W   int
	Unpool *MaxPool
	Plus   bool
}

// Infer returns dx [N,H,W,I].
func (c ConvBackData) Infer(in []Tensor) ([]Tensor, error) {
	var plus []Tensor
	if c.Plus && len(in) > 0 {
		in, plus = in[:len(in)-1], in[len(in)-1:]
	}
	if err := leading(c.Unpool, in); err != nil {
		return nil, err
	}
	w := in[0].Shape
	dy, err := c.unpooled(c.Unpool, in[1:], c.H, c.W, w[1], w[2])
	if err != nil {
		return nil, err
	}
	if g := c.groups(); g < 1 || g > mostElements/w[3] {
		return nil, fmt.Errorf("%d groups make no sense", g)
	}
	x := Tensor{Shape: []int{dy.Shape[0], c.H, c.W, c.groups() * w[3]}, Type: dy.Type}
	if plus != nil && !plus[0].sameAs(x) {
		return nil, fmt.Errorf("gradient is %s, what is added to it %s", x, plus[0])
	}
	return []Tensor{x}, agrees(c.Conv, []Tensor{x, in[0]}, dy)
}

// Grad is not supported: no model differentiates twice.
func (c ConvBackData) Grad(*Graph, Node, []Value) []Value { return nil }

// Flops counts R·S·O/G multiply-adds for each gradient: as many as the forward
// operation, or of windows only the winners.
func (c ConvBackData) Flops(in, _ []Tensor) int {
	adds := 0
	if c.Plus {
		in = in[:len(in)-1]
		adds = in[len(in)-1].Shape[0] * c.H * c.W * c.groups() * in[0].Shape[3]
	}
	return 2*in[len(in)-1].Len()*in[0].Len()/in[0].Shape[0] + adds
}

// Parts names the operations that c does the work of.
func (c ConvBackData) Parts() []string {
	names := backParts(c.Unpool, "ConvBackData")
	if c.Plus {
		names = append(names, "Add")
	}
	return names
}

// ConvBackFilter is the gradient of Conv with respect to w:
//
//	dw[o,r,s,i] = Σ_{n,p,q} dy[n,p,q,o] · x[n, p·Stride+r−Pad, q·Stride+s−Pad, g·I/G + i]
//
// Inputs are x [N,H,W,I] and dy [N,P,Q,O], of one type; dw is F32. R and S are those
// of w. With Unpool, the inputs after x are as of ConvBackData.
type ConvBackFilter struct {
	Conv
	R, S   int
	Unpool *MaxPool
}

// Infer returns dw, f32 [O,R,S,I/G].
func (c ConvBackFilter) Infer(in []Tensor) ([]Tensor, error) {
	if err := leading(c.Unpool, in); err != nil {
		return nil, err
	}
	x := in[0].Shape
	dy, err := c.unpooled(c.Unpool, in[1:], x[1], x[2], c.R, c.S)
	if err != nil {
		return nil, err
	}
	if err := c.divides("channels of the input", x[3]); err != nil {
		return nil, err
	}
	w := Tensor{Shape: []int{dy.Shape[3], c.R, c.S, x[3] / c.groups()}, Type: dy.Type}
	err = agrees(c.Conv, []Tensor{in[0], w}, dy)
	w.Type = F32
	return []Tensor{w}, err
}

// Grad is not supported: no model differentiates twice.
func (c ConvBackFilter) Grad(*Graph, Node, []Value) []Value { return nil }

// Flops counts as ConvBackData does.
func (c ConvBackFilter) Flops(in, out []Tensor) int {
	return 2 * in[len(in)-1].Len() * out[0].Len() / out[0].Shape[0]
}

// Parts names the operations that c does the work of.
func (c ConvBackFilter) Parts() []string { return backParts(c.Unpool, "ConvBackFilter") }

// leading checks the number of inputs of a gradient of Conv, and those that are
// not arg and pooled gradients.
func leading(unpool *MaxPool, in []Tensor) error {
	if unpool == nil {
		return ranked(in, 4, 4)
	}
	if err := arity(in, 3, 3); err != nil {
		return err
	}
	return ranked(in[:1], 4)
}

// unpooled returns dy, which dy holds or which comes of unpooling arg and dy, for
// a convolution of h×w by r×s.
func (c Conv) unpooled(unpool *MaxPool, dy []Tensor, h, w, r, s int) (Tensor, error) {
	if unpool == nil {
		return dy[0], nil
	}
	if err := unpool.apart(); err != nil {
		return Tensor{}, err
	}
	p, q, err := window{r, s, c.Stride, c.Pad, "filter"}.slide(h, w)
	if err != nil {
		return Tensor{}, err
	}
	full, err := MaxPoolBack{*unpool, p, q}.Infer(dy)
	if err != nil {
		return Tensor{}, err
	}
	return full[0], nil
}

// backParts names what a gradient of Conv does the work of.
func backParts(unpool *MaxPool, op string) []string {
	if unpool == nil {
		return []string{op}
	}
	return []string{"MaxPoolBack", op}
}

// agrees reports whether op yields a tensor shaped like y from the inputs.
func agrees(op Op, in []Tensor, y Tensor) error {
	out, err := op.Infer(in)
	if err != nil {
		return err
	}
	if out[0].Dims() != y.Dims() {
		return fmt.Errorf("gradient is %s, output is %s", y.Dims(), out[0].Dims())
	}
	return nil
}

// A window slides over an image: R×S wide, by Stride, over Pad rows and columns
// of padding on every side.
type window struct {
	R, S, Stride, Pad int
	what              string
}

// A TooSmall error says that an input is smaller than the window that slides
// over it: the network is too deep for its pictures.
type TooSmall struct {
	H, W int // the input
	R, S int // the window
	Pad  int
	What string // "filter" or "window"
}

func (e *TooSmall) Error() string {
	padded := ""
	if e.Pad > 0 {
		padded = fmt.Sprintf(" (and %d of padding on each side)", e.Pad)
	}
	return fmt.Sprintf("input %d×%d%s is smaller than the %d×%d %s", e.H, e.W, padded, e.R, e.S, e.What)
}

// slide returns the number of places, rounded down.
func (k window) slide(h, w int) (p, q int, err error) {
	if k.R < 1 || k.S < 1 || k.Stride < 1 || k.Pad < 0 || k.R > mostElements || k.S > mostElements || k.Pad > mostElements {
		return 0, 0, fmt.Errorf("%s %d×%d with stride %d and padding %d makes no sense", k.what, k.R, k.S, k.Stride, k.Pad)
	}
	h2, w2 := h+2*k.Pad, w+2*k.Pad
	if h2 < k.R || w2 < k.S {
		return 0, 0, &TooSmall{h, w, k.R, k.S, k.Pad, k.what}
	}
	return (h2-k.R)/k.Stride + 1, (w2-k.S)/k.Stride + 1, nil
}
