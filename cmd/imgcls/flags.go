package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"imgcls/internal/run"
)

// settings are the values of all flags. A flag has the same meaning and type
// for every command that has it.
type settings struct {
	*console

	device      string
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
	convert   bool
	classMap  auto[string]
	classes   auto[int]
	imgSize   auto[int]
	mean, std auto[[]float64]

	epochs      auto[int]
	batchSize   auto[int]
	lr          auto[float64]
	momentum    auto[float64]
	nesterov    auto[bool]
	weightDecay auto[float64]

	output    string
	name      auto[string]
	overwrite bool

	format string
	topk   int
	logits bool

	threadsList []int
	batchSizes  []auto[int]
	modes       []string
	precisions  []string
	serve       bool

	rows    []row
	origins map[string]string // where a value that is no default came from, by flag
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

// keep says whether config.yaml of a run records a setting.
type keep int

const (
	never   keep = iota // it changes what is shown or where, not what is computed
	ifGiven             // its default depends on the machine
	always
)

const everywhere = "*"

// newSettings returns the defaults, with the table that binds each flag.
func newSettings(c *console) *settings {
	s := &settings{
		console: c, device: "auto", seed: 42, progressAs: "auto", logFormat: "text", color: "auto",
		dataDir: defaultDataDir(), download: "auto", split: "test",
		output: defaultOutput(), format: "text", topk: 5,
		modes: []string{"train", "infer"}, precisions: []string{"fp32"},
		origins: map[string]string{},
	}
	const (
		learns = "train"
		reads  = "train eval predict"      // commands that read a model file
		shapes = "train eval predict plan" // commands that build a network
		stores = "train eval get"          // commands that read data sets
		most   = 1e6
	)
	s.rows = []row{
		{"device", "", everywhere, always, bind(&s.device, text()), "compute on auto, cpu, ref, cuda or cuda:N"},
		{"seed", "", everywhere, always, bind(&s.seed, intIn(0, 1<<53-1)), "seed of all random numbers"},
		{"threads", "", everywhere, always, bindList(&s.threads, &s.threadsList, intIn(0, 4096)), "CPU threads; 0 takes one for each core"},
		{"verbose", "v", everywhere, never, level{&s.verbose}, "say more; may be repeated"},
		{"quiet", "q", everywhere, never, bind(&s.quiet, truth()), "say nothing but results, warnings and errors"},
		{"progress", "", everywhere, never, bind(&s.progressAs, oneOf("auto", "bar", "plain", "none")),
			"show progress as auto, bar, plain or none"},
		{"log-format", "", learns, never, bind(&s.logFormat, oneOf("text", "json")),
			"text, or json for one event a line on stdout"},
		{"color", "", everywhere, never, bind(&s.color, oneOf("auto", "always", "never")), "auto, always or never"},
		{"config", "", everywhere, never, bind(&s.config, text()), "read settings from a YAML `file` of flag names"},
		{"print-config", "", everywhere, never, bind(&s.printConfig, truth()), "print the settings and their origin, and stop"},

		{"data", "", stores, always, bind(&s.data, orAuto(text())),
			"data set, as DATA (auto: cifar10 for train, else what the model was trained on)"},
		{"data-dir", "", stores, ifGiven, bind(&s.dataDir, text()), "keep downloaded data in this `folder`"},
		{"download", "", stores, always, bind(&s.download, oneOf("auto", "never")), "auto, or never for no network"},
		{"mirror", "", stores, always, bind(&s.mirror, orAuto(text())), "download from this `address` first"},
		{"samples", "", "train eval", always, bind(&s.samples, orAuto(intIn(10, 10_000_000))), "size of the set shapes"},
		{"split", "", "eval", never, bind(&s.split, oneOf("test", "train")), "evaluate test or train"},

		{"model", "", "train eval predict plan bench", always, bind(&s.model, orAuto(text())),
			"network `name` (auto: cifar-net, or what the model file says)"},
		{"weights", "", learns, always, bind(&s.weights, orAuto(text())), "start from the weights in this `file`"},
		{"convert", "", reads, always, bind(&s.convert, truth()), "accept half-precision weights"},
		{"class-map", "", "eval predict", never, bind(&s.classMap, orAuto(text())),
			"`file` of class names, one a line, for a model without them"},
		{"num-classes", "", "plan", never, bind(&s.classes, orAuto(intIn(2, 1<<20))), "number of classes"},
		{"img-size", "", shapes, always, bind(&s.imgSize, orAuto(intIn(1, 4096))), "height and width of pictures"},
		{"mean", "", "train eval predict", always, bind(&s.mean, orAuto(perChannel(numberIn(-most, most)))),
			"mean of each channel, of pixels scaled to 0…1"},
		{"std", "", "train eval predict", always, bind(&s.std, orAuto(perChannel(numberAbove(most)))),
			"standard deviation of each channel"},

		{"epochs", "e", learns, always, bind(&s.epochs, orAuto(intIn(1, 100_000))), "passes over the training set"},
		{"batch-size", "b", "train eval predict plan bench", always, bindList(&s.batchSize, &s.batchSizes, orAuto(intIn(1, 1<<20))), "pictures a step"},
		{"lr", "", learns, always, bind(&s.lr, orAuto(numberAbove(most))), "learning rate"},
		{"momentum", "", learns, always, bind(&s.momentum, orAuto(numberBelow(1))), "momentum of SGD"},
		{"nesterov", "", learns, always, bind(&s.nesterov, orAuto(truth())), "Nesterov's momentum"},
		{"weight-decay", "", learns, always, bind(&s.weightDecay, orAuto(numberIn(0, most))), "weight decay (also --wd)"},

		{"output", "o", learns, ifGiven, bind(&s.output, text()), "make the run folder in this `folder`"},
		{"name", "", learns, never, bind(&s.name, orAuto(text().that("a plain name for a folder", run.ValidName))),
			"`name` of the run folder (auto: time, data and model)"},
		{"overwrite", "", learns, never, bind(&s.overwrite, truth()), "replace the run of that --name"},

		{"format", "", "eval predict info plan models devices bench", never, bind(&s.format, oneOf("text", "json", "jsonl")),
			"print text, json or jsonl"},
		{"topk", "", "predict", never, bind(&s.topk, intIn(1, 1<<20)), "labels for each picture"},
		{"logits", "", "predict", never, bind(&s.logits, truth()), "print the logits too (json and jsonl)"},

		{"mode", "", "bench", never, bind(&s.modes, listOf(oneOf("train", "infer"))), "measure train, infer or both"},
		{"precision", "", "bench", never, bind(&s.precisions, listOf(oneOf("fp32"))), "fp32, the one there is"},
		{"serve", "", "bench", never, bind(&s.serve, truth()), "measure what standard input asks for (bench/README.md)"},
	}
	return s
}

// aliases are further names of flags.
var aliases = map[string]string{"wd": "weight-decay"}

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
		}
	}
	return set
}
