package bench

import (
	"cmp"
	"context"
	"math"
	"runtime/debug"
	"time"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/infer"
	"imgcls/internal/models"
	"imgcls/internal/plan"
	"imgcls/internal/rng"
	"imgcls/internal/train"
)

// classes is the number of classes of the synthetic pictures, which is CIFAR-10's.
const classes = 10

// seed is that of all pictures, labels and weights.
const seed = 42

// evalBatch is the number of pictures in a forward run of an evaluation. A
// trainer has one ready, and its memory counts, so it is that of `imgcls train`.
const evalBatch = 250

// pictures returns n pictures of noise, u8 [n,H,W,C].
func pictures(p models.Preprocess, n int) []byte {
	stream := rng.Stream("bench pictures")
	pixels := make([]byte, n*p.Pixels())
	for i := range pixels {
		pixels[i] = byte(256 * rng.Uniform(seed, stream, uint64(i)))
	}
	return pixels
}

// network returns the model for pictures of the work's size, or else its recipe's,
// without views: what is measured is one run of a picture.
func (w Work) network(model models.Model) models.Network {
	net := model.Plain(classes)
	net.Preprocess.TTA = ""
	if w.Size > 0 {
		net.Preprocess.Height, net.Preprocess.Width = w.Size, w.Size
	}
	return net
}

// Cost returns what the network of a model costs, and nil for an operation.
func (w Work) Cost() (*Cost, error) {
	if w.Model == "" {
		return nil, nil
	}
	model, err := models.Lookup(w.Model)
	if err != nil {
		return nil, err
	}
	parameters, macs, err := w.network(model).Cost()
	return &Cost{parameters, macs}, err
}

func (w Work) precision(dev device.Device) (graph.DType, error) {
	return device.Precision(dev, cmp.Or(w.Precision, "fp32"), false)
}

// A training is a trainer that stands still between two requests. The trainer's
// own loop runs on a goroutine: what is measured is what `imgcls train` does by the
// model's recipe, without its augmentation and with rates that stay, with the order
// of each epoch and the losses that are read back.
type training struct {
	trainer *train.Trainer
	batch   int
	asked   chan float64 // seconds
	done    chan Sample
	ended   chan error
	stop    context.CancelFunc

	// Of the request in hand; they belong to the trainer's goroutine.
	first   int
	start   time.Time
	seconds float64
}

func newTraining(dev device.Device, w Work) (load, error) {
	model, err := models.Lookup(w.Model)
	if err != nil {
		return nil, err
	}
	net := w.network(model)
	n := w.Samples
	if n == 0 {
		n = max(FewSamples, w.Batch)
	}
	n -= n % w.Batch // every step is of a whole batch
	if n == 0 {
		return nil, w.refuse("a batch of %d does not fit %d pictures", w.Batch, w.Samples)
	}
	set := &data.Set{
		Name: "noise", Classes: net.Classes,
		Height: net.Preprocess.Height, Width: net.Preprocess.Width, Channels: net.Preprocess.Channels,
		Train: data.Split{Images: pictures(net.Preprocess, n), Labels: make([]int32, n)},
	}
	for i := range set.Train.Labels {
		set.Train.Labels[i] = int32(i % classes)
	}
	precision, err := w.precision(dev)
	if err != nil {
		return nil, err
	}
	recipe := model.Recipe.Batched(w.Batch)
	trainer, err := train.New(dev, set, train.Config{
		Network: net, Epochs: math.MaxInt32, Batch: w.Batch, Optimizer: recipe.Optimizer, Groups: recipe.Groups, Smooth: recipe.Smooth,
		Seed: seed, EvalBatch: evalBatch, Precision: precision,
	})
	if err != nil {
		return nil, err
	}
	set.Train.Images = nil // as `imgcls train` lets go of them
	debug.FreeOSMemory()
	ctx, stop := context.WithCancel(context.Background())
	t := &training{
		trainer: trainer, batch: w.Batch, stop: stop,
		asked: make(chan float64), done: make(chan Sample), ended: make(chan error, 1),
	}
	go func() {
		t.wait(ctx, 0)
		t.ended <- trainer.Run(ctx, train.Hooks{Slice: func(step int, _ float64) { t.slice(ctx, step) }})
	}()
	return t, nil
}

// slice answers the request in hand once it has lasted long enough, and waits
// for the next.
func (t *training) slice(ctx context.Context, step int) {
	elapsed := time.Since(t.start).Seconds()
	if elapsed < t.seconds {
		return
	}
	steps := step - t.first
	t.done <- Sample{Steps: steps, Seconds: elapsed, Images: steps * t.batch}
	t.wait(ctx, step)
}

func (t *training) wait(ctx context.Context, step int) {
	select {
	case t.seconds = <-t.asked:
	case <-ctx.Done():
	}
	t.first, t.start = step, time.Now()
}

func (t *training) run(seconds float64) (Sample, error) {
	select {
	case t.asked <- seconds:
	case err := <-t.ended:
		t.ended <- err
		return Sample{}, err
	}
	select {
	case s := <-t.done:
		return s, nil
	case err := <-t.ended:
		t.ended <- err
		return Sample{}, err
	}
}

func (t *training) close() error {
	t.stop()
	<-t.ended
	return t.trainer.Close()
}

// An inference is the forward entry that evaluation and prediction share, from
// pictures in the host's memory to logits there.
type inference struct {
	prog     device.Program
	runner   infer.Runner
	batch    int
	pictures []byte
	times    []float64 // of single runs, in seconds
}

func newInference(dev device.Device, w Work) (load, error) {
	model, err := models.Lookup(w.Model)
	if err != nil {
		return nil, err
	}
	net := w.network(model)
	g := graph.New()
	entry := infer.Add(g, net, w.Batch)
	precision, err := w.precision(dev)
	if err != nil {
		return nil, err
	}
	module, err := plan.CompileIn(precision, g, dev.Supports)
	if err != nil {
		return nil, err
	}
	prog, err := dev.Compile(module)
	if err != nil {
		return nil, err
	}
	if err := initialize(prog, g, net); err != nil {
		prog.Close()
		return nil, err
	}
	return &inference{
		prog: prog, runner: entry.Bind(prog, module), batch: w.Batch, pictures: pictures(net.Preprocess, w.Batch),
		times: make([]float64, 0, mostTimes),
	}, nil
}

// initialize writes the weights and statistics with which training would start.
func initialize(prog device.Program, g *graph.Graph, net models.Network) error {
	p := net.Preprocess
	single := graph.New()
	_, scope := net.Forward(single, single.Input("pictures", graph.U8, 1, p.Height, p.Width, p.Channels))
	for _, v := range single.Weights() {
		t := single.Tensor(v)
		values := make([]float32, t.Len())
		scope.Initialize(v, seed, values)
		if err := prog.Write(g.Named(t.Name), device.Bytes(values)); err != nil {
			return err
		}
	}
	return nil
}

// mostTimes is the number of runs of which the time is kept for percentiles.
const mostTimes = 1 << 18

func (i *inference) run(seconds float64) (Sample, error) {
	ctx := context.Background()
	times, elapsed := i.times[:0], 0.0
	steps := 0
	for start := time.Now(); elapsed < seconds; steps++ {
		if _, err := i.runner.Forward(ctx, i.pictures, nil); err != nil {
			return Sample{}, err
		}
		before := elapsed
		elapsed = time.Since(start).Seconds()
		if len(times) < cap(times) {
			times = append(times, elapsed-before)
		}
	}
	return Sample{Steps: steps, Seconds: elapsed, Images: steps * i.batch, Latency: percentiles(times)}, nil
}

func (i *inference) close() error { return i.prog.Close() }
