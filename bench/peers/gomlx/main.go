// Command gomlx-peer is GoMLX's pure Go backend as a contender for training and
// inference of the tutorial's net: gomlx-peer -threads 2. It is a module of its
// own, so that imgcls needs nothing of GoMLX; internal/bench says what is spoken.
//
// By default convolutions are patches times filters, and pooling is the maximum of
// four strided slices: in this backend that trains faster than GoMLX's own
// Convolve and MaxPool, which the setting "stock" takes. The update is written
// out, since GoMLX's SGD has no momentum.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

const (
	learningRate = 0.001
	momentum     = 0.9
	classes      = 10
	side         = 32
	ready        = 16 // batches that lie in memory
)

// A work is what is asked for; the fields of other contenders do not matter.
type work struct {
	Model    string   `json:"model"`
	Mode     string   `json:"mode"`
	Batch    int      `json:"batch"`
	Samples  int      `json:"samples"`
	Settings []string `json:"settings"`
}

// shapes are those of the parameters: filters [R,S,I,O], weights [I,O], biases [O].
var shapes = [][]int{{5, 5, 3, 6}, {6}, {5, 5, 6, 16}, {16}, {400, 120}, {120}, {120, 84}, {84}, {84, classes}, {classes}}

// A net builds the forward pass, with its own convolution and pooling.
type net struct {
	convolve func(x, w *Node) *Node
	pool     func(x *Node) *Node
}

var (
	stock  = net{func(x, w *Node) *Node { return Convolve(x, w).NoPadding().Done() }, func(x *Node) *Node { return MaxPool(x).Window(2).Done() }}
	sliced = net{patchesTimesFilters, greatestOfFour}
)

// patchesTimesFilters is a convolution without padding as one matrix product.
func patchesTimesFilters(x, w *Node) *Node {
	n, h, width := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	r, s, in, out := w.Shape().Dimensions[0], w.Shape().Dimensions[1], w.Shape().Dimensions[2], w.Shape().Dimensions[3]
	p, q := h-r+1, width-s+1
	var parts []*Node
	for i := range r {
		for j := range s {
			parts = append(parts, Slice(x, AxisRange(), AxisRange(i, i+p), AxisRange(j, j+q), AxisRange()))
		}
	}
	patches := Reshape(Concatenate(parts, -1), n*p*q, r*s*in)
	return Reshape(MatMul(patches, Reshape(w, r*s*in, out)), n, p, q, out)
}

func greatestOfFour(x *Node) *Node {
	h, w := x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	at := func(i, j int) *Node {
		return Slice(x, AxisRange(), AxisRange(i, h).Stride(2), AxisRange(j, w).Stride(2), AxisRange())
	}
	return Max(Max(at(0, 0), at(0, 1)), Max(at(1, 0), at(1, 1)))
}

func relu(x *Node) *Node { return Max(x, ZerosLike(x)) }

// forward returns the logits [N,classes] of x [N,32,32,3].
func (t net) forward(p []*Node, x *Node) *Node {
	biased := func(y, b *Node) *Node { return Add(y, ExpandLeftToRank(b, y.Rank())) }
	x = t.pool(relu(biased(t.convolve(x, p[0]), p[1])))
	x = t.pool(relu(biased(t.convolve(x, p[2]), p[3])))
	x = Reshape(x, x.Shape().Dimensions[0], 400)
	x = relu(biased(MatMul(x, p[4]), p[5]))
	x = relu(biased(MatMul(x, p[6]), p[7]))
	return biased(MatMul(x, p[8]), p[9])
}

// step returns the loss, and then the parameters and velocities after the update
// by a batch: inputs are parameters, velocities, pictures and labels i32 [N].
func (t net) step(in []*Node) []*Node {
	k := len(shapes)
	p, v, x, labels := in[:k], in[k:2*k], in[2*k], in[2*k+1]
	hot := OneHot(labels, classes, dtypes.Float32)
	perSample := Neg(ReduceSum(Mul(hot, LogSoftmax(t.forward(p, x))), -1))
	loss := ReduceAllMean(perSample)
	out := []*Node{loss}
	var velocities []*Node
	for i, g := range Gradient(loss, p...) {
		velocity := Add(MulScalar(v[i], momentum), g)
		out = append(out, Sub(p[i], MulScalar(velocity, learningRate)))
		velocities = append(velocities, velocity)
	}
	return append(out, velocities...)
}

// noise returns a tensor of numbers in [−bound, bound).
func noise(bound float64, shape ...int) *tensors.Tensor {
	n := 1
	for _, extent := range shape {
		n *= extent
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32((2*rand.Float64() - 1) * bound)
	}
	return tensors.FromFlatDataAndDimensions(values, shape...)
}

// parameters are drawn as PyTorch draws them.
func parameters() (list []*tensors.Tensor) {
	fan := 1
	for _, shape := range shapes {
		if len(shape) > 1 {
			fan = 1
			for _, extent := range shape[:len(shape)-1] {
				fan *= extent
			}
		}
		list = append(list, noise(1/math.Sqrt(float64(fan)), shape...))
	}
	return list
}

// prepare returns what is repeated for a work.
func prepare(backend compute.Backend, w work) (func() error, error) {
	if w.Model != "cifar-net" || w.Samples > 0 || w.Batch < 1 {
		return nil, fmt.Errorf("only cifar-net on batches that lie ready")
	}
	t := sliced
	if slices.Contains(w.Settings, "stock") {
		t = stock
	}
	if w.Mode == "infer" {
		return inference(backend, t, w.Batch)
	}
	return training(backend, t, w.Batch)
}

func inference(backend compute.Backend, t net, batch int) (func() error, error) {
	k := len(shapes)
	exec, err := NewExec(backend, func(in []*Node) *Node { return t.forward(in[:k], in[k]) })
	if err != nil {
		return nil, err
	}
	args := anys(append(parameters(), noise(1, batch, side, side, 3)))
	return func() error {
		out, err := exec.Exec(args...)
		if err == nil {
			out[0].MustFinalizeAll()
		}
		return err
	}, nil
}

func training(backend compute.Backend, t net, batch int) (func() error, error) {
	exec, err := NewExec(backend, t.step)
	if err != nil {
		return nil, err
	}
	state := parameters()
	for _, shape := range shapes {
		state = append(state, noise(0, shape...))
	}
	var pictures, labels []*tensors.Tensor
	for range ready {
		pictures = append(pictures, noise(1, batch, side, side, 3))
		l := make([]int32, batch)
		for i := range l {
			l[i] = rand.Int32N(classes)
		}
		labels = append(labels, tensors.FromFlatDataAndDimensions(l, batch))
	}
	at := 0
	return func() error {
		at = (at + 1) % ready
		out, err := exec.Exec(append(anys(state), pictures[at], labels[at])...)
		if err != nil {
			return err
		}
		loss := tensors.ToScalar[float32](out[0])
		for _, old := range append(state, out[0]) {
			old.MustFinalizeAll() // gives its memory back for the next step
		}
		if state = out[1:]; loss-loss != 0 {
			return fmt.Errorf("the loss is %v", loss)
		}
		return nil
	}, nil
}

func anys(list []*tensors.Tensor) []any {
	out := make([]any, len(list), len(list)+2)
	for i, t := range list {
		out[i] = t
	}
	return out
}

// repeat calls step until so many seconds are over.
func repeat(step func() error, w work, seconds float64) (map[string]any, error) {
	var times []float64
	elapsed, steps := 0.0, 0
	for start := time.Now(); elapsed < seconds; steps++ {
		if err := step(); err != nil {
			return nil, err
		}
		before := elapsed
		elapsed = time.Since(start).Seconds()
		times = append(times, elapsed-before)
	}
	sample := map[string]any{"steps": steps, "seconds": elapsed, "images": steps * w.Batch}
	if w.Mode == "infer" {
		slices.Sort(times)
		sample["latency"] = []float64{times[steps/2], times[(99*steps+99)/100-1]}
	}
	return sample, nil
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	var found []string
	for _, m := range info.Deps {
		if m.Path == "github.com/gomlx/gomlx" || m.Path == "github.com/gomlx/compute" {
			found = append(found, m.Path[strings.LastIndex(m.Path, "/")+1:]+" "+m.Version)
		}
	}
	return strings.Join(found, ", ")
}

func main() {
	threads := flag.Int("threads", 1, "processors that Go may use")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	say := json.NewEncoder(os.Stdout)
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	say.Encode(map[string]any{"name": "GoMLX", "version": version(), "device": "cpu", "threads": *threads})
	var step func() error
	var w work
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer, err := serve(backend, lines.Text(), &step, &w)
		if err != nil {
			answer = map[string]any{"error": err.Error(), "exit": 1}
		}
		say.Encode(answer)
	}
}

// serve answers one request. GoMLX panics where a graph cannot be built.
func serve(backend compute.Backend, line string, step *func() error, w *work) (answer map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%.300v", p)
		}
	}()
	verb, rest, _ := strings.Cut(line, " ")
	switch seconds, _ := strconv.ParseFloat(rest, 64); {
	case verb == "open":
		*w, *step = work{}, nil
		if err := json.Unmarshal([]byte(rest), w); err != nil {
			return nil, err
		}
		s, err := prepare(backend, *w)
		if err == nil {
			err = s() // compiles
		}
		if err != nil {
			return nil, err
		}
		*step = s
		return map[string]any{"ready": true}, nil
	case verb == "run" && *step != nil && seconds > 0:
		return repeat(*step, *w, seconds)
	}
	return nil, fmt.Errorf("cannot %.100q now", line)
}
