package main

import (
	"fmt"

	"imgcls/internal/bench"
)

// The groups of rows.
const (
	gemmGroup    = "gemm"
	convGroup    = "conv"
	trainGroup   = "train"
	inferGroup   = "infer"
	memoryGroup  = "memory"
	scalingGroup = "scaling"
	gpuGroup     = "gpu"
)

var allGroups = []string{gemmGroup, convGroup, trainGroup, inferGroup, memoryGroup, scalingGroup, gpuGroup}

// A row is one work, done by several contenders.
type row struct {
	Group string
	Name  string
	Work  bench.Work
	Ways  []way
	RunUp float64 // seconds, untimed, before each sample
	Time  float64 // seconds of a sample; a step that has begun is ended
	// Asked is the ratio of imgcls to the better peer, or of all threads to one, that is
	// the least to be reached, and of memory the most; 0 asks for nothing.
	Asked float64
}

// A way is a contender with its settings.
type way struct {
	Peer     string   `json:"peer"`
	Threads  int      `json:"threads"`
	Settings []string `json:"settings"`
	Device   string   `json:"device,omitempty"` // "" is the CPU
}

// cuda is the device of the rows of the GPU.
const cuda = "cuda"

// The seconds of a sample and of what runs before it. A model's are longer: its
// memory is larger, and grows cold while others have their turns.
const (
	modelRunUp, modelTime = 0.4, 0.6
	opRunUp, opTime       = 0.2, 0.3
)

// cores is the number of threads that is compared with one.
const cores = 2

// rows lists everything that is measured.
func rows() []row {
	var list []row
	list = append(list, gemms()...)
	list = append(list, convolutions()...)
	list = append(list, networks()...)
	return append(list, onGPU()...)
}

// A geometry is a convolution of a residual network for CIFAR, 3×3 with padding
// 1 or 1×1 without, or where net is 0 a depthwise one of mobilenet_v2 for 224×224.
type geometry struct{ net, size, in, out, kernel, stride int }

// geometries are the different convolutions of ResNet-18 and ResNet-20, and the
// depthwise ones of mobilenet_v2.
var geometries = []geometry{
	{18, 32, 3, 64, 3, 1}, {18, 32, 64, 64, 3, 1},
	{18, 32, 64, 128, 3, 2}, {18, 32, 64, 128, 1, 2}, {18, 16, 128, 128, 3, 1},
	{18, 16, 128, 256, 3, 2}, {18, 16, 128, 256, 1, 2}, {18, 8, 256, 256, 3, 1},
	{18, 8, 256, 512, 3, 2}, {18, 8, 256, 512, 1, 2}, {18, 4, 512, 512, 3, 1},
	{20, 32, 3, 16, 3, 1}, {20, 32, 16, 16, 3, 1},
	{20, 32, 16, 32, 3, 2}, {20, 16, 32, 32, 3, 1},
	{20, 16, 32, 64, 3, 2}, {20, 8, 64, 64, 3, 1},
	{0, 112, 32, 32, 3, 1}, {0, 112, 96, 96, 3, 2}, {0, 56, 144, 144, 3, 1}, {0, 56, 144, 144, 3, 2},
	{0, 28, 192, 192, 3, 1}, {0, 28, 192, 192, 3, 2}, {0, 14, 384, 384, 3, 1}, {0, 14, 576, 576, 3, 1},
	{0, 14, 576, 576, 3, 2}, {0, 7, 960, 960, 3, 1},
}

const convBatch = 32

func (g geometry) name() string {
	text := fmt.Sprintf("ResNet-%d %d→%d %d×%d at %d²", g.net, g.in, g.out, g.kernel, g.kernel, g.size)
	if g.net == 0 {
		text = fmt.Sprintf("mobilenet_v2 depthwise %d %d×%d at %d²", g.in, g.kernel, g.kernel, g.size)
	}
	if g.stride > 1 {
		text += fmt.Sprintf(" by %d", g.stride)
	}
	return text
}

func (g geometry) work(op string) bench.Work {
	w := bench.Work{
		Op: op, Batch: convBatch, Size: g.size, In: g.in, Out: g.out, Kernel: g.kernel, Stride: g.stride, Pad: g.kernel / 2,
	}
	if g.net == 0 {
		w.Groups = g.in
	}
	return w
}

// convolutions are single operations, with one thread and with all.
func convolutions() (list []row) {
	for _, g := range geometries {
		for _, d := range []struct{ op, name string }{
			{bench.Conv, "forward"}, {bench.ConvBackData, "input gradient"}, {bench.ConvBackFilter, "filter gradient"},
		} {
			for _, threads := range []int{1, cores} {
				list = append(list, row{
					Group: convGroup, Name: fmt.Sprintf("%s %s, %s", g.name(), d.name, counted(threads)),
					Work: g.work(d.op), RunUp: opRunUp, Time: opTime,
					Ways: []way{
						{imgcls, threads, nil, ""},
						{pytorch, threads, nil, ""}, {pytorch, threads, []string{"channels_last"}, ""},
					},
				})
			}
		}
	}
	return list
}

// gemms are matrix products on one core: a large one, and those that the models'
// layers amount to, [M,K] by [K,N].
func gemms() (list []row) {
	add := func(name string, m, n, k int) {
		list = append(list, row{
			Group: gemmGroup, Name: fmt.Sprintf("%s: %d×%d by %d×%d, 1 thread", name, m, k, k, n),
			Work: bench.Work{Op: bench.MatMul, M: m, N: n, K: k}, RunUp: opRunUp, Time: opTime,
			Ways: []way{{imgcls, 1, nil, ""}, {pytorch, 1, nil, ""}},
		})
	}
	add("GEMM", 1024, 1024, 1024)
	for _, g := range geometries {
		out := g.size / g.stride
		if g.net == 18 {
			add(g.name(), convBatch*out*out, g.out, g.kernel*g.kernel*g.in)
		}
	}
	for _, batch := range []int{4, 128} {
		add(fmt.Sprintf("cifar-net conv1, batch %d", batch), batch*28*28, 6, 75)
		add(fmt.Sprintf("cifar-net conv2, batch %d", batch), batch*10*10, 16, 150)
		add(fmt.Sprintf("cifar-net fc1, batch %d", batch), batch, 120, 400)
		add(fmt.Sprintf("cifar-net fc2, batch %d", batch), batch, 84, 120)
		add(fmt.Sprintf("cifar-net fc3, batch %d", batch), batch, 10, 84)
	}
	return list
}

// cifar10 is the number of pictures in memory where that is measured.
const cifar10 = 50_000

// networks are steps of whole models: of a small one in every way, and of larger ones,
// on pictures of CIFAR-10's size, in the ways that may be a peer's best.
func networks() (list []row) {
	add := func(group, what string, asked float64, w bench.Work, ways []way) {
		name := w.Model
		if w.Size > 0 {
			name += fmt.Sprintf(" at %d²", w.Size)
		}
		list = append(list, row{group, name + " " + what, w, ways, modelRunUp, modelTime, asked})
	}
	training := func(w bench.Work, asked float64, ways []way) {
		w.Mode = bench.Train
		add(trainGroup, fmt.Sprintf("training, batch %d", w.Batch), asked, w, ways)
	}
	inference := func(w bench.Work, asked float64, ways []way) {
		w.Mode = bench.Infer
		add(inferGroup, fmt.Sprintf("inference, batch %d", w.Batch), asked, w, ways)
	}
	memory := func(w bench.Work, asked float64, ways []way) {
		w.Mode, w.Samples = bench.Train, cifar10
		add(memoryGroup, fmt.Sprintf("peak memory of training on 50,000 pictures, batch %d", w.Batch), asked, w, ways)
	}
	scaling := func(w bench.Work, asked float64) {
		w.Mode = bench.Train
		add(scalingGroup, fmt.Sprintf("training, batch %d: 1 → %d threads", w.Batch, cores), asked, w, product(imgcls, nil))
	}
	of := func(model string, size, batch int) bench.Work {
		return bench.Work{Model: model, Size: size, Batch: batch}
	}
	const tutorial = "cifar-net"
	resnet20, resnet18, airbench94 := of("resnet20", 0, 128), of("resnet18", 32, 32), of("airbench94", 0, 500)

	training(of(tutorial, 0, 4), 0, trainingWays())
	training(of(tutorial, 0, 128), 0, trainingWays())
	training(resnet20, 1.3, largeTrainingWays())
	training(resnet18, 1.1, largeTrainingWays())
	training(airbench94, 1.1, largeTrainingWays())
	for _, batch := range []int{1, 128} {
		inference(of(tutorial, 0, batch), 0, inferenceWays())
		inference(of("resnet20", 0, batch), 1, largeInferenceWays())
		inference(of("resnet18", 32, batch), 1, largeInferenceWays())
	}
	memory(of(tutorial, 0, 4), 0, memoryWays())
	memory(of(tutorial, 0, 128), 0, memoryWays())
	memory(resnet20, 0.5, largeMemoryWays())
	memory(resnet18, 0.5, largeMemoryWays())
	memory(airbench94, 0.5, largeMemoryWays())
	scaling(of(tutorial, 0, 128), 0)
	scaling(resnet20, 1.8)
	scaling(resnet18, 1.8)
	scaling(airbench94, 1.8)
	return list
}

// product returns each list of words with each number of threads.
func product(peer string, settings ...[]string) []way {
	return append(with(1, peer, settings...), with(cores, peer, settings...)...)
}

// with returns each list of words with that many threads.
func with(threads int, peer string, settings ...[]string) (list []way) {
	for _, words := range settings {
		list = append(list, way{peer, threads, words, ""})
	}
	return list
}

func trainingWays() []way {
	list := product(imgcls, nil)
	list = append(list, product(pytorch,
		nil, []string{"fused"}, []string{"channels_last"}, []string{"channels_last", "fused"},
		[]string{"compile", "fused"}, []string{"compile", "channels_last", "fused"})...)
	return append(list, product(gomlx, nil, []string{"simd"}, []string{"stock"})...)
}

func inferenceWays() []way {
	list := product(imgcls, nil)
	list = append(list, product(pytorch,
		nil, []string{"channels_last"}, []string{"freeze"}, []string{"freeze", "channels_last"},
		[]string{"compile"}, []string{"compile", "channels_last"})...)
	list = append(list, product(onnxRuntime, nil, []string{"binding"})...)
	return append(list, way{gomlx, cores, nil, ""}, way{gomlx, cores, []string{"simd"}, ""})
}

// The ways of large models leave out, for time, one thread, and layers that nothing has
// folded or laid out.
func largeTrainingWays() []way {
	return append(with(cores, imgcls, nil), with(cores, pytorch,
		[]string{"channels_last", "fused"}, []string{"compile", "fused"}, []string{"compile", "channels_last", "fused"})...)
}

func largeInferenceWays() []way {
	list := append(with(cores, imgcls, nil), with(cores, pytorch,
		[]string{"channels_last"}, []string{"freeze"}, []string{"freeze", "channels_last"},
		[]string{"compile"}, []string{"compile", "channels_last"})...)
	return append(list, with(cores, onnxRuntime, nil, []string{"binding"})...)
}

func largeMemoryWays() []way {
	return append(with(cores, imgcls, nil), with(cores, pytorch, nil, []string{"channels_last", "fused"}, []string{"compile", "channels_last", "fused"})...)
}

// onGPU are trainings on a GPU; single kernels are the GPU kit's, which needs no Go.
func onGPU() (list []row) {
	const model = "cifar-net"
	ways := []way{{imgcls, cores, nil, cuda}}
	for _, words := range [][]string{{"channels_last"}, {"compile", "channels_last", "fused"}, {"graph", "channels_last", "fused"}, {"graph", "compile", "channels_last", "fused"}} {
		ways = append(ways, way{pytorch, cores, words, cuda})
	}
	for _, precision := range []string{"fp32", "bf16"} {
		for _, batch := range []int{4, 128, 1024} {
			work := bench.Work{Model: model, Mode: bench.Train, Batch: batch, Precision: precision}
			list = append(list, row{gpuGroup, fmt.Sprintf("%s training on a GPU, %s, batch %d", model, precision, batch), work, ways, modelRunUp, modelTime, 0})
		}
	}
	return list
}

func memoryWays() []way {
	list := product(imgcls, nil)
	return append(list, product(pytorch, nil, []string{"channels_last", "fused"})...)
}

func counted(threads int) string {
	if threads == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", threads)
}
