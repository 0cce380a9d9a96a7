package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"imgcls/internal/fault"
)

// A command is one row of the table of commands.
type command struct {
	name    string
	alias   string
	args    string // as the help shows them
	least   int    // arguments at least
	most    int    // and at most, or any for any number
	data    int    // place of the argument DATA, which is --data, or none
	short   string
	long    string // what the help says instead of short, or ""
	example string
	settle  func(s *settings) error // what --print-config can know beyond flags; or nil
	run     func(ctx context.Context, s *settings, args []string) error
	subs    []command
}

const (
	anyNumber = -1
	none      = -1
)

// commands is the table of commands. The frame adds help and cobra's completion.
var commands = []command{
	{name: "train", args: "[DATA]", most: 1, data: 0, run: runTrain, settle: settleTrain,
		short:   "Train a network; DATA is cifar10 (the default), digits, shapes, or the path of CIFAR-10's folder or archive",
		example: "  imgcls train digits\n  imgcls -device cpu train cifar10 -epochs 5"},
	{name: "eval", alias: "val", args: "MODEL [DATA]", least: 1, most: 2, data: 1, run: runEval,
		short:   "Evaluate a model: accuracy, loss, figures of each class",
		example: "  imgcls eval runs/latest"},
	{name: "predict", args: "MODEL INPUT...", least: 2, most: anyNumber, data: none, run: runPredict,
		short:   "Label pictures",
		example: "  imgcls predict runs/latest cat.png dog.jpg"},
	{name: "info", args: "MODEL", least: 1, most: 1, data: none, run: runInfo,
		short: "Show a model: architecture, classes, preprocessing, figures, origin"},
	{name: "plan", data: none, run: runPlan,
		short:   "Show the compiled plan of a network: operations, shapes, bytes, FLOPs",
		example: "  imgcls plan --model cifar-net"},
	{name: "bench", data: none, run: runBench,
		short:   "Measure training and inference; flags may be lists",
		example: "  imgcls bench --mode train --batch-size 4,128 --threads 1,2"},
	{name: "models", data: none, run: runModels, short: "List the networks"},
	{name: "devices", data: none, run: runDevices, short: "List the devices, and why one cannot be used"},
	{name: "doctor", data: none, run: runDoctor, long: doctorHelp,
		short: "Show build, processor, driver, GPUs and disk, and what to do about problems"},
	{name: "data", data: none, short: "Fetch data sets", subs: []command{
		{name: "get", args: "[DATA]", most: 1, data: 0, run: runDataGet, short: "Download and check a data set"},
	}},
	{name: "version", data: none, run: runVersion, short: "Show the version"},
}

// A frame joins the tables of commands and flags to cobra.
type frame struct {
	s     *settings
	env   []string
	flags *pflag.FlagSet
	root  *cobra.Command
}

// execute runs one command line.
func execute(ctx context.Context, s *settings, argv, env []string) error {
	f := newFrame(s, env)
	argv, err := f.grammar().normalise(argv)
	if err != nil {
		return err
	}
	f.root.SetArgs(argv)
	return f.root.ExecuteContext(ctx)
}

func newFrame(s *settings, env []string) *frame {
	f := &frame{s: s, env: env, flags: s.flagSet()}
	f.root = &cobra.Command{
		Use:           "imgcls",
		Short:         "Train, evaluate and use image classifiers",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f.root.SetVersionTemplate("{{.Version}}\n")
	f.root.SetOut(s.out)
	f.root.SetErr(s.err)
	f.root.SetFlagErrorFunc(f.flagError)
	f.root.SetUsageFunc(f.usage)
	f.root.CompletionOptions.DisableNoDescFlag = true
	// cobra looks for these two by name.
	f.root.PersistentFlags().VarPF(bind(new(bool), truth()), "help", "h", "explain the command").NoOptDefVal = "true"
	f.root.Flags().VarPF(bind(new(bool), truth()), "version", "", "show the version").NoOptDefVal = "true"
	for _, r := range s.rows {
		if r.on == everywhere {
			f.add(r, f.root, f.root.PersistentFlags())
		}
	}
	for _, c := range commands {
		f.root.AddCommand(f.build(c))
	}
	f.root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE:  func(_ *cobra.Command, args []string) error { return f.explain(args) },
	})
	f.root.InitDefaultHelpCmd()
	f.root.InitDefaultCompletionCmd()
	return f
}

func (f *frame) build(c command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     strings.TrimSpace(c.name + " " + c.args),
		Short:   c.short,
		Long:    c.long,
		Example: c.example,
		Args:    func(cmd *cobra.Command, args []string) error { return c.check(cmd.CommandPath(), args) },
	}
	if c.alias != "" {
		cmd.Aliases = []string{c.alias}
	}
	if c.run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return f.run(cmd, c, args) }
	}
	for _, r := range f.s.rows {
		if r.on != everywhere && r.has(c.name) {
			f.add(r, cmd, cmd.Flags())
		}
	}
	for _, sub := range c.subs {
		cmd.AddCommand(f.build(sub))
	}
	return cmd
}

// add gives the command the flag of a row, with the words that its shell
// completion offers.
func (f *frame) add(r row, cmd *cobra.Command, to *pflag.FlagSet) {
	to.AddFlag(f.flags.Lookup(r.name))
	if v, ok := r.value.(interface{ words() []string }); ok && v.words() != nil {
		// It fails only where the command lacks the flag.
		_ = cmd.RegisterFlagCompletionFunc(r.name, cobra.FixedCompletions(v.words(), cobra.ShellCompDirectiveNoFileComp))
	}
}

// check refuses a wrong number of arguments and empty ones.
func (c command) check(path string, args []string) error {
	usage := "use: " + strings.TrimSpace(path+" "+c.args)
	switch n := len(args); {
	case n < c.least:
		return fault.New(fault.Usage, c.name, "", usage, "%s is missing", strings.Fields(c.args)[n])
	case c.most != anyNumber && n > c.most:
		return fault.New(fault.Usage, c.name, "", usage, "one argument too many: %s", fault.Quote(args[c.most]))
	}
	for i, arg := range args {
		if arg == "" {
			return fault.New(fault.Usage, c.name, "", usage, "argument %d is empty", i+1)
		}
	}
	return nil
}

// run gives the command its settings and calls it.
func (f *frame) run(cmd *cobra.Command, c command, args []string) error {
	if c.data != none && len(args) > c.data {
		if f.flags.Changed("data") {
			return fault.New(fault.Usage, c.name, "", "give one of them",
				"the data set is given both as --data and as the argument %s", fault.Quote(args[c.data]))
		}
		if err := f.flags.Set("data", args[c.data]); err != nil {
			return f.flagError(cmd, err)
		}
		args = args[:c.data]
	}
	if err := f.s.resolve(c.name, f.flags, f.env); err != nil {
		return err
	}
	if err := f.s.single(c.name); err != nil {
		return err
	}
	f.s.configure(f.s)
	if f.s.printConfig {
		if c.settle != nil {
			if err := c.settle(f.s); err != nil {
				return err
			}
		}
		text, err := f.s.resolved(c.name)
		if err == nil {
			_, err = f.s.out.Write(text)
		}
		return err
	}
	return c.run(cmd.Context(), f.s, args)
}

// single refuses lists of values for a command that takes one of each.
func (s *settings) single(command string) error {
	for _, r := range s.rows {
		if v, ok := r.value.(interface{ many() bool }); ok && v.many() && r.has(command) && command != "bench" {
			return fault.New(fault.Usage, "--"+r.name, "", "", "%s is a list, which only bench takes", fault.Quote(r.value.String()))
		}
	}
	return nil
}

// flagError puts an error of pflag into the words of imgcls.
func (f *frame) flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var missing *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		return fault.New(fault.Usage, "--"+invalid.GetFlag().Name, "", "",
			"%s is not %v", fault.Quote(invalid.GetValue()), invalid.Unwrap())
	case errors.As(err, &missing):
		return fault.New(fault.Usage, "--"+missing.GetSpecifiedName(), "", "see `"+cmd.CommandPath()+" --help`",
			"%s has no such flag; %s", cmd.CommandPath(), f.owners(missing.GetSpecifiedName()))
	}
	return fault.New(fault.Usage, "", "", "see `"+cmd.CommandPath()+" --help`", "%v", err)
}

// owners says which commands have a flag.
func (f *frame) owners(flag string) string {
	for _, r := range f.s.rows {
		if r.name == flag {
			return "it belongs to " + strings.ReplaceAll(r.on, " ", ", ")
		}
	}
	return "it stands alone"
}

// grammar describes the command line to the argv step.
func (f *frame) grammar() grammar {
	flags := pflag.NewFlagSet("imgcls", pflag.ContinueOnError)
	flags.AddFlagSet(f.flags)
	flags.AddFlagSet(f.root.PersistentFlags())
	flags.AddFlagSet(f.root.Flags())
	return grammar{flags: flags, aliases: aliases, meant: foreign, root: words(f.root)}
}

func words(cmd *cobra.Command) *word {
	w := &word{name: cmd.Name(), subs: map[string]*word{}}
	for _, sub := range cmd.Commands() {
		next := words(sub)
		for _, name := range append([]string{sub.Name()}, sub.Aliases...) {
			w.subs[name] = next
		}
	}
	return w
}
