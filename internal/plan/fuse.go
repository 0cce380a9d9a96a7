package plan

import (
	"slices"

	"imgcls/internal/graph"
)

// fusions is the table of what becomes fewer or cheaper nodes. Each row is tried
// on every node before the next row is: the first ones rewrite a backward pass so
// that it no longer reads what the others then keep from being stored.
//
//	pattern                            becomes
//	ActBack(y, MaxPoolBack(arg, d))    MaxPoolBack(arg, ActBack(MaxPool(y), d))
//	ConvBackFilter(x, MaxPoolBack(…))  ConvBackFilter with Unpool
//	ConvBackData(w, MaxPoolBack(…))    ConvBackData with Unpool
//	ChannelSum(MaxPoolBack(arg, d))    ChannelSum(d)
//	Act(Conv), Act(MatMul)             Conv, MatMul with Post.Act
//	MaxPool(Conv)                      Conv with Post.Pool
//	Add(BatchNorm, r)                  BatchNorm with Plus
//	Act(BatchNorm)                     BatchNorm with Act
//	BatchNorm(Conv), in training       Conv with Post.Moments, and BatchNorm with Running
//	BatchNorm(Conv), with Running      Conv with Post.Norm
//	Add(ConvBackData, d)               ConvBackData with Plus
//	BatchNormBack(…, ActBack(y, dy))   BatchNormBack with Act
//	SGD(Gate(…, dp), p, dp, …)         SGD(Gate(…), p, dp, …)
//
// A row only proposes. It takes effect where the operations' shape rules accept
// the new nodes and the device supports every one of them.
var fusions = []fusion{actBackPooled, unpoolOnLoad, sumPooled, actOnStore, poolOnStore, plusOnStore, normActOnStore, actBackOnLoad, normOnStore, momentsOnStore, plusGradient, gateWithoutGradients}

// A fusion proposes what to do about node i: nil, if it does not begin the
// pattern.
type fusion func(f *fuser, i int) edit

// An edit holds what takes the place of some nodes, by their number; the zero
// Node takes one away.
type edit map[int]graph.Node

// A fuser is the nodes of one entry while they are rewritten.
type fuser struct {
	m        *Module
	nodes    []graph.Node
	supports func(n graph.Node, t []graph.Tensor) bool

	made  map[graph.Value]int // temporary → the node that makes it
	reads map[graph.Value]int // → how often nodes and the host read it
}

// fuse rewrites live nodes by the table. Their order stays one in which every
// temporary is made before it is read.
func (m *Module) fuse(nodes []graph.Node, results []graph.Value, supports func(n graph.Node, t []graph.Tensor) bool, table []fusion) []graph.Node {
	f := &fuser{m: m, nodes: slices.Clone(nodes), supports: supports, made: map[graph.Value]int{}, reads: map[graph.Value]int{}}
	for i := range f.nodes {
		f.link(i, 1)
	}
	for _, v := range results {
		f.reads[v]++
	}
	for _, row := range table {
		for i := range f.nodes {
			if e := row(f, i); len(e) > 0 && f.accepts(e) {
				f.apply(e)
			}
		}
	}
	return live(f.nodes, results)
}

// apply puts the nodes of an edit in their places.
func (f *fuser) apply(e edit) {
	for at := range e {
		f.link(at, -1)
	}
	for at, n := range e {
		f.nodes[at] = n
		f.link(at, 1)
	}
}

// link enters what node i makes and reads, or by -1 takes it out.
func (f *fuser) link(i, by int) {
	for _, v := range f.nodes[i].Out {
		if by < 0 {
			delete(f.made, v)
		} else {
			f.made[v] = i
		}
	}
	for _, v := range f.nodes[i].In {
		f.reads[v] += by
	}
}

// accepts reports whether every new node yields tensors like the values that it
// is to make, and runs on the device. The zero Value, which stands for an output
// that nobody read, describes as no tensor that a shape rule accepts.
func (f *fuser) accepts(e edit) bool {
	for _, n := range e {
		if n.Op == nil {
			continue
		}
		out, err := n.Op.Infer(f.m.describe(n.In))
		if err != nil || len(out) != len(n.Out) || !f.supports(n, f.m.Tensors) {
			return false
		}
		for i, v := range n.Out {
			if v != 0 && out[i].String() != f.m.Tensors[v].String() {
				return false
			}
		}
	}
	return true
}

// maker returns the node that makes v and its number, and the zero Node where
// none does.
func (f *fuser) maker(v graph.Value) (int, graph.Node) {
	if i, ok := f.made[v]; ok {
		return i, f.nodes[i]
	}
	return -1, graph.Node{}
}

// temp adds a temporary to the module.
func (m *Module) temp(name string, t graph.Tensor) graph.Value {
	v := graph.Value(len(m.Tensors))
	t = t.Like()
	t.Name = name
	m.Tensors = append(m.Tensors, t)
	m.Root = append(m.Root, v)
	return v
}

// actBackPooled lets the gradient pass the activation before it is unpooled,
// where there are fewer numbers, and no longer reads the activation y but what
// was pooled of it. For ReLU that is exact, bit for bit: unpooling puts a gradient
// where the greatest value of a window lies, and that value is the one pooled, so
// both masks ask for the sign of the same number; a NaN among them fails both. All
// other places hold 0 before and after. Where one place wins several overlapping
// windows, the mask lets all of its gradients pass or none.
func actBackPooled(f *fuser, i int) edit {
	n := f.nodes[i]
	op, ok := n.Op.(graph.ActBack)
	if !ok || op.Kind != graph.ReLU {
		return nil
	}
	y, dy := n.In[0], n.In[1]
	at, unpool := f.maker(dy)
	back, ok := unpool.Op.(graph.MaxPoolBack)
	if !ok || f.reads[dy] > 1 {
		return nil
	}
	arg, d := unpool.In[0], unpool.In[1]
	_, forward := f.maker(arg)
	if pool, ok := forward.Op.(graph.MaxPool); !ok || pool != back.MaxPool || forward.In[0] != y {
		return nil
	}
	masked := f.m.temp(n.Name, f.m.Tensors[d])
	return edit{
		at: {Op: op, Name: n.Name, In: []graph.Value{forward.Out[0], d}, Out: []graph.Value{masked}},
		i:  {Op: back, Name: unpool.Name, In: []graph.Value{arg, masked}, Out: n.Out},
	}
}

// unpoolOnLoad hands the gradients of a Conv what MaxPoolBack would unpool, which
// need not be stored then: most of it is zeros.
func unpoolOnLoad(f *fuser, i int) edit {
	n := f.nodes[i]
	if len(n.In) != 2 {
		return nil
	}
	_, unpool := f.maker(n.In[1])
	back, ok := unpool.Op.(graph.MaxPoolBack)
	if !ok {
		return nil
	}
	switch op := n.Op.(type) {
	case graph.ConvBackFilter:
		op.Unpool = &back.MaxPool
		n.Op = op
	case graph.ConvBackData:
		op.Unpool = &back.MaxPool
		n.Op = op
	default:
		return nil
	}
	n.In = append([]graph.Value{n.In[0]}, unpool.In...)
	return edit{i: n}
}

// sumPooled sums gradients before they are unpooled: each lands in one place of
// its channel, and all other places hold 0. Only the order of the sum changes; where
// windows overlap and numbers have 16 bits, the rounding of what unpooling adds up
// falls away as well.
func sumPooled(f *fuser, i int) edit {
	n := f.nodes[i]
	if _, ok := n.Op.(graph.ChannelSum); !ok {
		return nil
	}
	_, unpool := f.maker(n.In[0])
	if _, ok := unpool.Op.(graph.MaxPoolBack); !ok {
		return nil
	}
	n.In = unpool.In[1:]
	return edit{i: n}
}

// actOnStore applies an activation to the sums of a Conv or MatMul before they
// are stored, where nobody else reads them, as the gradients of some activations do.
func actOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	act, ok := n.Op.(graph.Act)
	if !ok || f.reads[n.In[0]] > 1 {
		return nil
	}
	at, sums := f.maker(n.In[0])
	switch op := sums.Op.(type) {
	case graph.Conv:
		if op.Post != (graph.Post{}) {
			return nil
		}
		op.Post.Act = &act
		sums.Op = op
	case graph.MatMul:
		if op.Post != (graph.Post{}) {
			return nil
		}
		op.Post.Act = &act
		sums.Op = op
	default:
		return nil
	}
	sums.Out = n.Out
	return edit{at: sums, i: {}}
}

// poolOnStore pools what a Conv computes before it is stored, where nobody else
// reads it.
func poolOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	pool, ok := n.Op.(graph.MaxPool)
	if !ok || f.reads[n.In[0]] > 1 {
		return nil
	}
	at, conv := f.maker(n.In[0])
	op, ok := conv.Op.(graph.Conv)
	if !ok || op.Post.Pool != nil {
		return nil
	}
	op.Post.Pool = &pool
	conv.Op, conv.Out = op, n.Out
	return edit{at: conv, i: {}}
}

// plusOnStore adds to what a BatchNorm gives before it is stored, where nobody else
// reads it. Of two BatchNorms that are added the later one takes the other in.
func plusOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	if _, ok := n.Op.(graph.Add); !ok || n.In[0] == n.In[1] {
		return nil
	}
	best := -1
	var e edit
	for k, v := range n.In {
		at, norm := f.maker(v)
		op, ok := norm.Op.(graph.BatchNorm)
		if !ok || f.reads[v] > 1 || op.Plus || op.Act != nil || at < best {
			continue
		}
		other := n.In[1-k]
		if made, ok := f.made[other]; ok && made > at {
			continue // it does not exist yet where the BatchNorm stands
		}
		best, op.Plus = at, true
		norm.Op, norm.In = op, append(slices.Clone(norm.In), other)
		norm.Out = append(slices.Clone(n.Out), norm.Out[1:]...)
		e = edit{at: norm, i: {}}
	}
	return e
}

// normActOnStore applies an activation to what a BatchNorm gives before it is stored,
// where nobody else reads it.
func normActOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	act, ok := n.Op.(graph.Act)
	if !ok || f.reads[n.In[0]] > 1 {
		return nil
	}
	at, norm := f.maker(n.In[0])
	op, ok := norm.Op.(graph.BatchNorm)
	if !ok || op.Act != nil || norm.Out[0] != n.In[0] {
		return nil
	}
	op.Act = &act
	norm.Op, norm.Out = op, append(slices.Clone(n.Out), norm.Out[1:]...)
	return edit{at: norm, i: {}}
}

// actBackOnLoad lets a gradient pass an activation as BatchNormBack reads it, where
// nobody else does; one whose statistics are given reads it once, and gains nothing.
func actBackOnLoad(f *fuser, i int) edit {
	n := f.nodes[i]
	op, ok := n.Op.(graph.BatchNormBack)
	if !ok || op.Act != nil || op.Running || f.reads[n.In[4]] > 1 {
		return nil
	}
	at, act := f.maker(n.In[4])
	back, ok := act.Op.(graph.ActBack)
	if !ok || back.Kind.FromInput() {
		return nil
	}
	op.Act = &back.Act
	n.Op, n.In = op, append(slices.Clone(n.In[:4]), act.In[1], act.In[0])
	return edit{i: n, at: {}}
}

// normOnStore lets a BatchNorm with given statistics, and what follows it, act on the
// sums of a Conv before they are stored, where nobody else reads these.
func normOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	norm, ok := n.Op.(graph.BatchNorm)
	if !ok || !norm.Running || f.reads[n.In[0]] > 1 {
		return nil
	}
	at, conv := f.maker(n.In[0])
	op, ok := conv.Op.(graph.Conv)
	if !ok || op.Post != (graph.Post{}) {
		return nil
	}
	op.Post.Norm = &norm
	conv.Op, conv.In, conv.Out = op, append(slices.Clone(conv.In), n.In[1:]...), n.Out
	return edit{i: conv, at: {}}
}

// momentsOnStore takes mean and variance of what a Conv stores while it is at hand,
// so that the BatchNorm behind it need read it once only. They pass through f32 on
// that way.
func momentsOnStore(f *fuser, i int) edit {
	n := f.nodes[i]
	norm, ok := n.Op.(graph.BatchNorm)
	if !ok || norm.Running {
		return nil
	}
	at, conv := f.maker(n.In[0])
	op, ok := conv.Op.(graph.Conv)
	if !ok || op.Post != (graph.Post{}) {
		return nil
	}
	op.Post.Moments, norm.Running = true, true
	statistics := slices.Clone(n.Out[1:])
	for k, v := range statistics {
		if v == 0 {
			statistics[k] = f.m.temp(n.Name, graph.Tensor{Shape: f.m.Tensors[n.In[1]].Shape, Type: graph.F32})
		}
	}
	conv.Op, conv.Out = op, append(slices.Clone(conv.Out), statistics...)
	n.Op, n.Out = norm, n.Out[:1]
	n.In = slices.Concat(n.In[:3], statistics, n.In[3:])
	return edit{at: conv, i: n}
}

// plusGradient adds to a gradient of a Conv's input before it is stored, where nobody
// else reads it.
func plusGradient(f *fuser, i int) edit {
	n := f.nodes[i]
	if _, ok := n.Op.(graph.Add); !ok || n.In[0] == n.In[1] {
		return nil
	}
	for k, v := range n.In {
		at, back := f.maker(v)
		op, ok := back.Op.(graph.ConvBackData)
		if !ok || op.Plus || f.reads[v] > 1 {
			continue
		}
		op.Plus = true
		back.Op, back.In, back.Out = op, append(slices.Clone(back.In), n.In[1-k]), n.Out
		return edit{i: back, at: {}}
	}
	return nil
}

// gateWithoutGradients takes the gradients that an SGD reads off the gate before it, if nobody
// else asks that gate. The SGD sets nothing unless every new parameter and momentum
// is finite, and one that is NaN or infinite makes its momentum so, whatever it is
// multiplied with or added to.
func gateWithoutGradients(f *fuser, i int) edit {
	gate := f.nodes[i]
	if _, ok := gate.Op.(graph.Gate); !ok || f.reads[gate.Out[0]] != 1 {
		return nil
	}
	at := slices.IndexFunc(f.nodes, func(n graph.Node) bool {
		_, sgd := n.Op.(graph.SGD)
		return sgd && n.In[0] == gate.Out[0]
	})
	if at < 0 {
		return nil
	}
	guarded := map[graph.Value]bool{}
	for j := f.nodes[at].Op.(graph.SGD).Parameters() + 1; j < len(f.nodes[at].In); j += 3 {
		guarded[f.nodes[at].In[j]] = true
	}
	rest := slices.DeleteFunc(slices.Clone(gate.In), func(v graph.Value) bool { return guarded[v] })
	if len(rest) == len(gate.In) {
		return nil
	}
	gate.In = rest
	return edit{i: gate}
}
