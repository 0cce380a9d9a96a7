// Package train teaches a network. It knows no operation and no kind of device:
// it builds a graph with an entry for each size of batch, lets a device compile
// it, and then only starts steps, a fifth of a second of work at a time, and
// reads what the device counted.
package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"imgcls/internal/augment"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/infer"
	"imgcls/internal/layers"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
	"imgcls/internal/optim"
	"imgcls/internal/plan"
	"imgcls/internal/rng"
)

// A Config is all that decides the outcome of a training run, but for the data.
type Config struct {
	Network    models.Network
	Epochs     int
	Batch      int // samples of a step
	Accum      int // micro-batches in which a step goes through them; 0 means 1
	Optimizer  optim.Optimizer
	Schedule   optim.Schedule
	Groups     []optim.Group // of parameters; without any, norms and biases do not decay
	Augment    augment.Policy
	Smooth     float64  // share of a label that goes to all classes
	EMA        float64  // decay of the average of the weights, which is then what is evaluated; 0 for none
	ClipGrad   float64  // what the norm of all gradients together is held to; 0 for no bound
	Frozen     []string // layers of the network that stay as they are
	Seed       uint64
	EvalBatch  int // most pictures per forward run; it changes speed and memory only
	Budget     Budget
	CheckEvery int         // take each so many-th step twice and compare; 0 for none
	SaveEvery  Interval    // steps are cut so that saves fall on its multiples
	Precision  graph.DType // F32, or BF16 or F16 for what the plan then keeps so
}

// ringLength is the number of losses that the device keeps for the host, and so
// the most steps that may be started at once.
const ringLength = 4096

// A Trainer is a network with its data on a device, ready to take steps.
type Trainer struct {
	cfg   Config
	set   *data.Set
	graph *graph.Graph
	scope *layers.Scope
	prog  device.Program
	cells cells
	optim *optim.Bound
	full  entry // steps of Config.Batch samples
	short entry // the one step of what is left of an epoch; its batch may be 0
	eval  infer.Runner

	averages map[graph.Value]graph.Value // of parameters; empty without Config.EMA

	order  []int32
	losses [ringLength]float32

	place   Place
	history []byte    // JSON lines of the epochs reported
	began   time.Time // of this process's part of the run
	earlier float64   // seconds of the parts before it
}

// cells are the lasting tensors that steps are steered by.
type cells struct {
	step, cursor, scalars, losses graph.Value // state
	table, order                  graph.Value // inputs
	epoch                         graph.Value // input; 0 where nothing depends on it
	samples                       []graph.Value
	scale, tally                  graph.Value // state of a scaled loss; 0 where it is not
}

// What the loss of a step in F16 is scaled by: the defaults of PyTorch's GradScaler.
// A skipped step is no divergence until there are ten in a row.
const firstScale = 65536

var rescale = graph.Rescale{Growth: 2000, Patience: 10}

// An entry is a training entry, the number of samples that it takes, and what
// its gate watches.
type entry struct {
	name         string
	index, batch int
	watched      []graph.Value
	names        []string // of what is watched, for people
}

// New builds and compiles the training of cfg.Network on set.Train, and writes
// the data and the network's first parameters to the device. What does not fit into
// its memory is an error of kind Room, see device.Compile.
func New(dev device.Device, set *data.Set, cfg Config) (*Trainer, error) {
	t := &Trainer{cfg: cfg, set: set, order: make([]int32, set.Train.Len())}
	t.place.Epoch = 1
	module, eval, err := t.compile(dev)
	if err != nil {
		return nil, err
	}
	if t.prog, err = device.Compile(dev, module, cfg.room(dev, set)); err != nil {
		return nil, err
	}
	t.full.index, t.short.index = module.Find(t.full.name), module.Find(t.short.name)
	t.eval = eval.Bind(t.prog, module)
	if err := t.load(); err != nil {
		t.prog.Close()
		return nil, err
	}
	return t, nil
}

// Plan returns the module that New would run on dev. Of the data only sizes
// count: set.Train needs labels and no pictures.
func Plan(dev device.Device, set *data.Set, cfg Config) (*plan.Module, error) {
	t := &Trainer{cfg: cfg, set: set}
	module, _, err := t.compile(dev)
	return module, err
}

// fewBytes is what an evaluation may take even where training takes less.
const fewBytes = 256 << 20

// compile builds all entries and plans them, with fewer pictures per forward run where
// an evaluation would take more memory than training does.
func (t *Trainer) compile(dev device.Device) (*plan.Module, infer.Entry, error) {
	if err := t.bind(); err != nil {
		return nil, infer.Entry{}, err
	}
	t.cfg.EvalBatch = evalBatch(t.cfg.EvalBatch, max(t.set.Val.Len(), t.set.Test.Len()))
	for {
		module, eval, err := t.plan(dev)
		if err != nil {
			return nil, infer.Entry{}, err
		}
		takes := module.Entries[module.Find(eval.Name)].Bytes
		if t.cfg.EvalBatch == 1 || takes <= max(fewBytes, module.Entries[module.Find(t.full.name)].Bytes) {
			return module, eval, nil
		}
		t.cfg.EvalBatch /= 2
	}
}

// evalBatch returns the size of the equal parts, of most pictures or fewer, in which so
// many are evaluated: what a forward run has places for is computed, filled or not.
func evalBatch(most, pictures int) int {
	if pictures == 0 {
		return most
	}
	runs := (pictures + most - 1) / most
	return (pictures + runs - 1) / runs
}

// plan does so once.
func (t *Trainer) plan(dev device.Device) (*plan.Module, infer.Entry, error) {
	t.graph = graph.New()
	t.build()
	if err := t.graph.Err(); errors.Is(err, graph.ErrOneValue) {
		return nil, infer.Entry{}, fault.New(fault.Usage, "--batch-size", "",
			"use another --batch-size, which leaves more of an epoch over, fewer --grad-accum, or a larger --img-size", "%d: %w", t.cfg.Batch, err)
	}
	eval := infer.Add(t.graph, t.cfg.Network, t.cfg.EvalBatch)
	module, err := plan.CompileIn(t.cfg.Precision, t.graph, dev.Supports)
	if err != nil {
		err = fmt.Errorf("%s: %w", t.cfg.Network.Model.Name, err)
	}
	return module, eval, err
}

// build adds the training entries.
func (t *Trainer) build() {
	g, n := t.graph, t.set.Train.Len()
	rows, columns := t.optim.Size()
	t.cells = cells{
		step:    g.State("step", graph.I64, 1),
		cursor:  g.State("cursor", graph.I64, 1),
		scalars: g.State("scalars", graph.F32, columns),
		losses:  g.State("losses", graph.F32, ringLength),
		table:   g.Input("schedule", graph.F32, rows, columns),
		order:   g.Input("order", graph.I32, n),
		samples: []graph.Value{
			g.Input("train.pictures", graph.U8, n, t.set.Height, t.set.Width, t.set.Channels),
			g.Input("train.labels", graph.I32, n),
		},
	}
	if t.cfg.Precision == graph.F16 {
		t.cells.scale, t.cells.tally = g.State("loss.scale", graph.F32, 1), g.State("loss.tally", graph.I64, 3)
	}
	t.full = t.step(t.cfg.Batch)
	if rest := n % t.cfg.Batch; rest > 0 {
		t.short = t.step(rest)
	}
	t.cells.epoch = g.Named("epoch")
}

// step adds the entry that trains on one batch: gather, forward and backward for one
// micro-batch after another, whose losses and gradients add up to those of the batch,
// and behind one gate everything that changes a cell. An update that would leave the
// finite numbers shuts the gate too, so such a step does not count; where the loss is
// scaled, it counts as skipped.
func (t *Trainer) step(batch int) entry {
	g, c := t.graph, t.cells
	name := fmt.Sprintf("train@%d", batch)
	g.Begin(name)
	var p pass
	for from, size := range t.cfg.parts(batch) {
		p = t.pass(p, from, size, batch)
	}
	t.scope = p.scopes[0]

	grads := p.grads
	e := entry{name: name, batch: batch, watched: []graph.Value{p.loss}, names: []string{"the loss"}}
	for _, p := range slices.Backward(g.Params()) { // as the backward pass meets them
		if t.isFrozen(g.Tensor(p)) {
			delete(grads, p) // the planner drops what led to it alone
		} else if grads[p] != 0 {
			e.watched = append(e.watched, grads[p])
			e.names = append(e.names, "the gradient of "+g.Tensor(p).Name)
		}
	}
	change := optim.Step{Scalars: c.scalars, Scale: c.scale}.Clip(g, t.cfg.ClipGrad, grads)
	proposed := t.optim.Propose(g, change, grads)
	e.watched, e.names = append(e.watched, proposed.Values...), append(e.names, proposed.Names...)
	for _, scope := range p.scopes {
		statistics, names := scope.Statistics()
		e.watched, e.names = append(e.watched, statistics...), append(e.names, names...)
	}
	g.Return(e.watched...)
	change.Gate = g.Add("gate", graph.Gate{}, e.watched...)[0]
	applied := t.optim.Update(g, change, grads, proposed)
	layers.Track(applied, p.scopes...)
	t.average(applied, grads, proposed)
	counted := applied
	if c.scale != 0 {
		counted = g.AddSet("rescale", rescale, []graph.Value{c.scale, c.tally}, applied, c.scale, c.tally)[0]
	}
	g.AddSet("record", graph.Record{}, []graph.Value{c.losses}, counted, c.step, p.loss, c.losses)
	g.AddSet("tick", graph.Tick{Batch: batch}, []graph.Value{c.step, c.cursor, c.scalars},
		counted, c.step, c.cursor, c.scalars, c.table)
	return e
}

// parts yields where the micro-batches of a batch begin and how many samples each has.
// They are as few as none of them takes more than one of a full batch, and as equal as
// can be: a short batch needs no more memory than a full one.
func (cfg Config) parts(batch int) iter.Seq2[int, int] {
	accum := max(cfg.Accum, 1)
	most := (cfg.Batch + accum - 1) / accum
	return func(yield func(from, size int) bool) {
		for n, from := (batch+most-1)/most, 0; n > 0; n-- {
			size := (batch - from + n - 1) / n
			if !yield(from, size) {
				return
			}
			from += size
		}
	}
}

// A pass is what forward and backward through some micro-batches have given: the parts
// of loss and gradients that they add to the step's, and the statistics of each.
type pass struct {
	loss   graph.Value
	grads  map[graph.Value]graph.Value
	scopes []*layers.Scope
}

// pass adds forward and backward through one more micro-batch, of the size samples that
// come so far behind the first of the batch.
func (t *Trainer) pass(sum pass, from, size, batch int) pass {
	g, c := t.graph, t.cells
	drawn := t.samples()
	if from > 0 {
		drawn.Order = g.Add("order", graph.Tail{From: from}, c.order)[0]
	}
	samples := g.Add("gather", graph.Gather{Batch: size}, append([]graph.Value{drawn.Order, c.cursor}, c.samples...)...)
	pictures, targets := t.augment(drawn, samples[0], samples[1])
	logits, scope := t.cfg.Network.Train(g, pictures, drawn, t.cfg.Frozen)
	compared := append([]graph.Value{logits}, targets...)
	if c.scale != 0 {
		compared = append(compared, c.scale)
	}
	op := graph.SoftmaxXent{Smooth: t.cfg.Smooth, Mixed: t.cfg.Augment.Mixes()}
	if size < batch {
		op.Of = batch
	}
	loss := g.Add("loss", op, compared...)
	sum.grads = g.BackwardOnto(sum.grads, []graph.Value{logits}, []graph.Value{loss[1]})
	if from > 0 {
		loss = g.Add("loss", graph.Add{}, sum.loss, loss[0])
	}
	sum.loss, sum.scopes = loss[0], append(sum.scopes, scope)
	return sum
}

// augment adds what is done to samples at random, and returns their pictures and what they
// are to be: classes or, mixed, two classes with the weights of the first. A blank pixel
// is the mean that pictures are normalised with, and so becomes about 0.
func (t *Trainer) augment(drawn layers.Samples, pictures, classes graph.Value) (x graph.Value, targets []graph.Value) {
	c, g, policy := t.cells, t.graph, t.cfg.Augment
	if alone := policy.Alone(); alone != (augment.Policy{}) {
		op := graph.Augment{Policy: alone, Seed: t.cfg.Seed}
		for _, mean := range t.cfg.Network.Preprocess.Mean {
			op.Blank = append(op.Blank, uint8(min(max(math.Round(255*mean), 0), 255)))
		}
		pictures = g.Add("augment", op, pictures, drawn.Order, c.cursor, drawn.Epoch(g))[0]
	}
	if !policy.Mixes() {
		return pictures, []graph.Value{classes}
	}
	mixed := g.Add("mix", graph.Mix{Policy: policy, Seed: t.cfg.Seed}, pictures, classes, drawn.Order, c.cursor, drawn.Epoch(g))
	return mixed[0], []graph.Value{classes, mixed[1], mixed[2]}
}

// samples says which ones a batch holds.
func (t *Trainer) samples() layers.Samples {
	return layers.Samples{Seed: t.cfg.Seed, Order: t.cells.order, Cursor: t.cells.cursor}
}

// load writes data, schedule and first parameters.
func (t *Trainer) load() error {
	for _, w := range []struct {
		v    graph.Value
		data []byte
	}{
		{t.cells.samples[0], t.set.Train.Images},
		{t.cells.samples[1], device.Bytes(t.set.Train.Labels)},
	} {
		if err := t.prog.Write(w.v, w.data); err != nil {
			return err
		}
	}
	if err := t.setRates(); err != nil {
		return err
	}
	if t.cells.scale != 0 {
		if err := t.prog.Write(t.cells.scale, device.Bytes([]float32{firstScale})); err != nil {
			return err
		}
	}
	whitening := t.scope.Whiten(t.firstPictures())
	for _, p := range t.graph.Weights() {
		values := make([]float32, t.graph.Tensor(p).Len())
		t.scope.Initialize(p, t.cfg.Seed, values)
		if filters := whitening[p]; filters != nil {
			values = filters
		}
		if err := t.prog.Write(p, device.Bytes(values)); err != nil {
			return err
		}
	}
	return nil
}

// firstPictures are what layers are fitted to, the first of the training set.
func (t *Trainer) firstPictures() layers.Pictures {
	const most = 5000
	set, p := t.set, t.cfg.Network.Preprocess
	size := set.Height * set.Width * set.Channels
	return layers.Pictures{
		H: set.Height, W: set.Width, C: set.Channels,
		Bytes: set.Train.Images[:min(most*size, len(set.Train.Images))], Mean: p.Mean, Std: p.Std,
	}
}

// shuffle writes the order of the epoch in progress, which follows from seed and
// epoch alone, and goes to its next sample.
func (t *Trainer) shuffle() error {
	rng.Permute(t.order, t.cfg.Seed, rng.Stream(fmt.Sprintf("epoch %d", t.place.Epoch)))
	return t.begin(t.order, t.place.Done*t.cfg.Batch)
}

// begin sets the order of the samples, the place in it, and the epoch that it is of.
func (t *Trainer) begin(order []int32, cursor int) error {
	if err := t.prog.Write(t.cells.order, device.Bytes(order)); err != nil {
		return err
	}
	if t.cells.epoch != 0 {
		if err := t.prog.Write(t.cells.epoch, device.Bytes([]int64{int64(t.place.Epoch)})); err != nil {
			return err
		}
	}
	return t.prog.Write(t.cells.cursor, device.Bytes([]int64{int64(cursor)}))
}

// Graph returns the graph, whose parameters a model file holds.
func (t *Trainer) Graph() *graph.Graph { return t.graph }

// Program returns the program, through which parameters are read and written.
func (t *Trainer) Program() device.Program { return t.prog }

// Parameters returns the number of the network's parameters, single numbers, and how
// many of them are frozen.
func (t *Trainer) Parameters() (all, frozen int) {
	for _, p := range t.graph.Params() {
		p := t.graph.Tensor(p)
		if all += p.Len(); t.isFrozen(p) {
			frozen += p.Len()
		}
	}
	return all, frozen
}

// Steps returns the number of steps of one epoch.
func (t *Trainer) Steps() int {
	return (t.set.Train.Len() + t.cfg.Batch - 1) / t.cfg.Batch
}

// Evaluate returns the figures of the current parameters on a split, or of their averages
// where there are some.
func (t *Trainer) Evaluate(ctx context.Context, split data.Split) (report *metrics.Report, err error) {
	err = t.averaged(func() error {
		report, err = t.evaluate(ctx, split)
		return err
	})
	return report, err
}

// evaluate returns the figures of what the parameters hold.
func (t *Trainer) evaluate(ctx context.Context, split data.Split) (*metrics.Report, error) {
	logits, err := t.eval.Forward(ctx, split.Images, nil)
	if err != nil {
		return nil, err
	}
	return metrics.Classify(logits, split.Labels, t.cfg.Network.Classes)
}

// Close frees the program.
func (t *Trainer) Close() error { return t.prog.Close() }
