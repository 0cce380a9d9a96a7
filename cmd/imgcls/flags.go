package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"imgcls/internal/augment"
	"imgcls/internal/checkpoint"
	"imgcls/internal/device"
	"imgcls/internal/optim"
	"imgcls/internal/run"
	"imgcls/internal/train"
)

// settings are the values of all flags. A flag has the same meaning and type
// for every command that has it.
type settings struct {
	*console

	device      string
	sync        bool
	seed        int
	threads     int
	verbose     int
	quiet       bool
	progressAs  string
	logFormat   string
	color       string
	config      string
	printConfig bool

	data     auto[string]
	dataDir  string
	download string
	mirror   auto[string]
	samples  auto[int]
	split    string

	model     auto[string]
	weights   auto[string]
	start     *checkpoint.Model // the file of weights, while it is needed
	resetHead bool
	freeze    int
	convert   bool
	classMap  auto[string]
	classes   auto[int]
	imgSize   auto[int]
	mean, std auto[[]float64]

	epochs      auto[int]
	batchSize   auto[int]
	gradAccum   int
	opt         auto[string]
	lr          auto[float64]
	momentum    auto[float64]
	nesterov    auto[bool]
	weightDecay auto[float64]
	augment     auto[augment.Policy]
	smooth      auto[float64]
	clipGrad    auto[float64]
	ema         auto[float64]
	tta         auto[string]
	groups      auto[[]optim.Group]
	sched       auto[string]
	warmup      auto[float64]
	lrMin       auto[float64]
	lrStep      auto[int]
	lrGamma     auto[float64]
	lrPatience  auto[int]

	valSplit auto[float64]

	output    string
	name      auto[string]
	overwrite bool
	resume    string // a path, or one of the two below
	override  []string
	saveEvery train.Interval
	keep      int
	dryRun    bool

	checkEvery  int
	gpuPatience time.Duration

	maxSteps  int
	maxTime   time.Duration
	patience  int
	targetAcc float64

	format string
	topk   int
	logits bool

	threadsList []int
	batchSizes  []auto[int]
	modes       []string
	precision   auto[string]
	precisions  []auto[string]
	serve       bool

	topics  []topic
	rows    []row             // of all topics
	origins map[string]string // where a value that is no default came from, by flag
}

// A topic is a part of the table of flags, as the help shows it.
type topic struct {
	name string
	rows []row
}

// A row of the table of flags.
type row struct {
	name  string
	short string
	on    string // the commands that have it, or everywhere
	keep  keep
	value pflag.Value // of one of the types of value.go
	usage string
}

// keep says whether config.yaml of a run records a setting, and what a resumed
// run makes of another value.
type keep int

const (
	never   keep = iota // it changes what is shown or where, not what is computed
	ifGiven             // its default depends on the machine
	always
	decides // always, and a step's bits depend on it: another value needs --override
	fixed   // as decides, and a run cannot go on with another value
)

// The values of --resume that are no paths.
const (
	resumeNone   = "false"
	resumeNewest = "true"
)

const everywhere = "*"

// newSettings returns the defaults, with the table that binds each flag.
func newSettings(c *console) *settings {
	s := &settings{
		console: c, device: "auto", seed: 42, progressAs: "auto", logFormat: "text", color: "auto",
		dataDir: defaultDataDir(), download: "auto", split: "test",
		output: defaultOutput(), format: "text", topk: 5,
		modes: []string{"train", "infer"}, gradAccum: 1,
		resume: resumeNone, saveEvery: train.Interval{Epochs: 1}, keep: 3, gpuPatience: time.Minute,
		origins: map[string]string{},
	}
	const (
		learns = "train"
		reads  = "train eval predict"      // commands that read a model file
		builds = "train eval predict plan" // commands that build a network
		stores = "train eval get"          // commands that read data sets
		most   = 1e6
	)
	s.topics = []topic{
		{"All commands", []row{
			{"device", "", everywhere, always, bind(&s.device, text()), "compute on auto, cpu, ref, cuda or cuda:N"},
			{"sync", "", everywhere, never, bind(&s.sync, truth()), "start a GPU's kernels one by one, so that an error names the one that failed; slow"},
			{"gpu-patience", "", everywhere, never, bind(&s.gpuPatience, duration()), "end when a GPU does not end a step in this time; 0 for a minute"},
			{"seed", "", everywhere, fixed, bind(&s.seed, intIn(0, 1<<53-1)), "seed of all random numbers"},
			{"threads", "", everywhere, always, bindList(&s.threads, &s.threadsList, intIn(0, 4096)), "CPU threads; 0 takes one for each core"},
			{"verbose", "v", everywhere, never, level{&s.verbose}, "say more; may be repeated"},
			{"quiet", "q", everywhere, never, bind(&s.quiet, truth()), "say nothing but results, warnings and errors"},
			{"progress", "", everywhere, never, bind(&s.progressAs, oneOf("auto", "bar", "plain", "none")),
				"show progress as auto, bar, plain or none"},
			{"color", "", everywhere, never, bind(&s.color, oneOf("auto", "always", "never")), "auto, always or never"},
			{"config", "", everywhere, never, bind(&s.config, text()), "read settings from a YAML `file` of flag names"},
			{"print-config", "", everywhere, never, bind(&s.printConfig, truth()), "print the settings and their origin, and stop"},
		}},
		{"Data", []row{
			{"data", "", stores, always, bind(&s.data, orAuto(text())),
				"data set, as DATA (auto: cifar10 for train, else what the model was trained on)"},
			{"data-dir", "", stores + " doctor", ifGiven, bind(&s.dataDir, text()), "keep downloaded data in this `folder`"},
			{"download", "", stores, always, bind(&s.download, oneOf("auto", "never")), "auto, or never for no network"},
			{"mirror", "", stores, always, bind(&s.mirror, orAuto(text())), "download from this `address` first"},
			{"samples", "", "train eval", fixed, bind(&s.samples, orAuto(intIn(10, 10_000_000))), "training pictures of the set shapes; a quarter as many are drawn to test"},
			{"split", "", "eval", never, bind(&s.split, oneOf("test", "train")), "evaluate test or train"},
		}},
		{"Network", []row{
			{"model", "", "train eval predict plan bench", fixed, bind(&s.model, orAuto(text())),
				"network `name` (auto: cifar-net, or what the model file says)"},
			{"weights", "", learns, fixed, bind(&s.weights, orAuto(text())),
				"start from the weights in this `file`: imgcls's, or torchvision's, timm's or transformers' safetensors"},
			{"reset-head", "", learns, fixed, bind(&s.resetHead, truth()), "start the layer of the classes anew, for other classes than those of --weights"},
			{"freeze", "", learns, fixed, bind(&s.freeze, intIn(0, 10_000)), "keep the first `N` layers as they are"},
			{"convert", "", reads, always, bind(&s.convert, truth()), "accept half-precision weights"},
			{"class-map", "", "eval predict", never, bind(&s.classMap, orAuto(text())),
				"`file` of class names, one a line, for a model without them"},
			{"num-classes", "", "plan", never, bind(&s.classes, orAuto(intIn(2, 1<<20))), "number of classes"},
			{"img-size", "", builds, fixed, bind(&s.imgSize, orAuto(intIn(1, 4096))), "height and width of pictures"},
			{"mean", "", "train eval predict", decides, bind(&s.mean, orAuto(perChannel(numberIn(-most, most)))),
				"mean of each channel, of pixels scaled to 0…1"},
			{"std", "", "train eval predict", decides, bind(&s.std, orAuto(perChannel(numberAbove(most)))),
				"standard deviation of each channel"},
			{"precision", "", "train eval predict plan bench", fixed,
				bindList(&s.precision, &s.precisions, orAuto(oneOf(device.PrecisionNames()...))),
				"compute in fp32, or in bf16 or fp16 where the device can (auto: as the model's recipe says)"},
		}},
		{"Learning", []row{
			{"epochs", "e", learns, always, bind(&s.epochs, orAuto(intIn(1, 100_000))), "passes over the training set"},
			{"batch-size", "b", "train eval predict plan bench", fixed, bindList(&s.batchSize, &s.batchSizes, orAuto(intIn(1, 1<<20))), "pictures a step"},
			{"grad-accum", "", "train plan", decides, bind(&s.gradAccum, intIn(1, 1<<20)),
				"take each step through `N` micro-batches, equal parts of the batch, one after another: for less memory"},
			{"opt", "", learns, fixed, bind(&s.opt, orAuto(oneOf(optim.Names...))), "optimizer: sgd, adamw or muon, which moves filters of convolutions and leaves all else to sgd"},
			{"lr", "", learns, decides, bind(&s.lr, orAuto(numberAbove(most))), "learning rate"},
			{"momentum", "", learns, decides, bind(&s.momentum, orAuto(numberBelow(1))), "momentum of SGD or, of filters, of Muon"},
			{"nesterov", "", learns, decides, bind(&s.nesterov, orAuto(truth())), "Nesterov's momentum"},
			{"weight-decay", "", learns, decides, bind(&s.weightDecay, orAuto(numberIn(0, most))), "weight decay (also --wd); norms and biases have none"},
			{"param-group", "", learns, decides, bind(&s.groups, orAuto(paramGroups())),
				"factors of learning rate and weight decay for parameters by `name`, as fc*=10:0,conv1.*=0.1; a third number is the epochs in which their rate falls to 0"},
			{"sched", "", learns, decides, bind(&s.sched, orAuto(oneOf(optim.Schedules...))), "learning rate over the run: constant, step, cosine, linear, onecycle or plateau"},
			{"warmup-epochs", "", learns, decides, bind(&s.warmup, orAuto(numberIn(0, 100_000))), "epochs in which the learning rate rises"},
			{"lr-min", "", learns, decides, bind(&s.lrMin, orAuto(numberIn(0, most))), "learning rate at the end of cosine and linear, and the least of plateau"},
			{"lr-step-size", "", learns, decides, bind(&s.lrStep, orAuto(intIn(1, 100_000))), "epochs between two cuts of step"},
			{"lr-gamma", "", learns, decides, bind(&s.lrGamma, orAuto(numberIn(0, 1))), "factor of each cut of step and plateau"},
			{"lr-patience", "", learns, decides, bind(&s.lrPatience, orAuto(intIn(0, 100_000))),
				"epochs that may pass without a better loss on the validation split before plateau cuts the rate"},
			{"label-smoothing", "", learns, decides, bind(&s.smooth, orAuto(numberBelow(1))), "share of each label that goes to all classes alike"},
			{"clip-grad", "", learns, decides, bind(&s.clipGrad, orAuto(numberIn(0, most))), "hold the norm of all gradients together to this; 0 for no bound"},
			{"ema", "", learns, fixed, bind(&s.ema, orAuto(orNone(numberBelow(1)))),
				"evaluate and save the exponential moving average of the weights, with this `decay`, such as 0.999, or none"},
		}},
		{"Pictures", []row{
			{"augment", "", "train plan", decides, bind(&s.augment, orAuto(policy())),
				"change training pictures at random: " + augment.Syntax + " (also --aug)"},
			{"tta", "", "train eval predict", decides, bind(&s.tta, orAuto(oneOf(augment.TTA...))),
				"average logits over views of a picture: flip for its mirror image, 6 for those moved by a pixel too (auto: as the model says)"},
		}},
		{"Stopping", []row{
			{"val-split", "", learns, fixed, bind(&s.valSplit, orAuto(numberBelow(1))),
				"fraction of the training pictures held out to choose by (auto: 0, or 0.1 for flags that need it)"},
			{"patience", "", learns, always, bind(&s.patience, intIn(0, 100_000)),
				"stop after so many evaluations without a better one on the validation split; 0 for never"},
			{"target-acc", "", learns, always, bind(&s.targetAcc, numberIn(0, 1)), "stop at this accuracy on the validation split; 0 for never"},
			{"max-steps", "", learns, always, bind(&s.maxSteps, intIn(0, 1<<40)), "stop after so many steps; 0 for no bound"},
			{"max-time", "", learns, always, bind(&s.maxTime, duration()), "stop after this time, such as 10m; 0 for no bound"},
		}},
		{"Run", []row{
			{"output", "o", learns, ifGiven, bind(&s.output, text()), "make the run folder in this `folder`"},
			{"name", "", learns, never, bind(&s.name, orAuto(text().that("a plain name for a folder", run.ValidName))),
				"`name` of the run folder (auto: time, data and model)"},
			{"overwrite", "", learns, never, bind(&s.overwrite, truth()), "replace the run of that --name"},
			{"resume", "", learns, never, bind(&s.resume, optional()),
				"go on with the newest unfinished run of this data and model, or with --resume=`RUN`"},
			{"override", "", learns, never, bind(&s.override, list()), "`settings` that a resumed run may change, as lr,momentum"},
			{"save-every", "", learns, always, bind(&s.saveEvery, interval()), "save a checkpoint each 1epoch, 500it or 5m"},
			{"keep", "", learns, always, bind(&s.keep, intIn(1, 1_000_000)), "checkpoints that are kept, the newest"},
			{"check-every", "", learns, always, bind(&s.checkEvery, intIn(0, 1<<40)),
				"take each so many-th step twice and compare all bits, to find hardware that computes wrongly; 0 for never"},
			{"dry-run", "", learns, never, bind(&s.dryRun, truth()), "take two steps, estimate memory and time, and write nothing"},
			{"log-format", "", learns, never, bind(&s.logFormat, oneOf("text", "json")),
				"text, or json for one event a line on stdout"},
		}},
		{"Results", []row{
			{"format", "", "eval predict info plan models devices doctor bench", never, bind(&s.format, oneOf("text", "json", "jsonl")),
				"print text, json or jsonl"},
			{"topk", "", "predict", never, bind(&s.topk, intIn(1, 1<<20)), "labels for each picture"},
			{"logits", "", "predict", never, bind(&s.logits, truth()), "print the logits too (json and jsonl)"},
		}},
		{"Measuring", []row{
			{"mode", "", "bench", never, bind(&s.modes, listOf(oneOf("train", "infer"))), "measure train, infer or train,infer"},
			{"serve", "", "bench", never, bind(&s.serve, truth()), "measure what standard input asks for (bench/README.md)"},
		}},
	}
	for _, t := range s.topics {
		s.rows = append(s.rows, t.rows...)
	}
	return s
}

// aliases are further names of flags.
var aliases = map[string]string{"wd": "weight-decay", "aug": "augment", "pretrained": "weights"}

// foreign are names that other programs have for flags, for who writes them here.
var foreign = map[string]string{
	"optimizer": "opt", "optim": "opt", "scheduler": "sched", "lr-scheduler": "sched", "learning-rate": "lr",
	"gradient-accumulation-steps": "grad-accum", "grad-accum-steps": "grad-accum",
	"mixup": "augment", "cutmix": "augment", "cutout": "augment", "amp": "precision", "half": "precision", "fp16": "precision", "bf16": "precision",
	"arch": "model", "image-size": "img-size", "imgsz": "img-size", "warmup": "warmup-epochs", "workers": "threads",
}

// has reports whether the command has the flag.
func (r row) has(command string) bool {
	return r.on == everywhere || slices.Contains(strings.Fields(r.on), command)
}

// flagSet returns the flags of all rows. Sets of single commands share its
// flags.
func (s *settings) flagSet() *pflag.FlagSet {
	set := pflag.NewFlagSet("imgcls", pflag.ContinueOnError)
	for _, r := range s.rows {
		flag := set.VarPF(r.value, r.name, r.short, r.usage)
		switch r.value.Type() {
		case "bool":
			flag.NoOptDefVal = "true"
		case "count":
			flag.NoOptDefVal = "+1"
		case optionalKind:
			flag.NoOptDefVal = resumeNewest
		}
	}
	return set
}
