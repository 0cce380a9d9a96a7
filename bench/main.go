// Command bench measures imgcls beside the libraries that people would use
// instead, in turns on the same cores. README.md says what and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	groups      []string
	only        *regexp.Regexp
	repetitions int
	finalists   int     // ways of a peer that go into the turns
	guard       float64 // of a core, in use by other processes; 0 watches nothing
	write       bool
	imgcls      string
	python      string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(argv []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	groups := f.String("rows", strings.Join(allGroups, ","), "`groups` of rows to measure, with commas between them")
	only := f.String("only", "", "measure the rows whose name matches this `regexp`")
	f.IntVar(&o.repetitions, "repetitions", 5, "samples of each contender")
	f.IntVar(&o.finalists, "finalists", 2, "ways of a peer that go into the turns; the others are tried once")
	f.Float64Var(&o.guard, "guard", 0.12, "throw a sample away when other processes used more of a core; 0 throws none away")
	f.BoolVar(&o.write, "write", false, "write bench/results and the table of README.md")
	f.StringVar(&o.imgcls, "imgcls", "build/imgcls", "the `program` to measure")
	f.StringVar(&o.python, "python", "build/venv/bin/python", "a `Python` with the peers installed")
	f.Parse(argv) // it exits by itself
	o.groups = strings.Split(*groups, ",")
	for _, g := range o.groups {
		if !slices.Contains(allGroups, g) {
			return o, fmt.Errorf("-rows: %q is none of %s", g, strings.Join(allGroups, ", "))
		}
	}
	if o.repetitions < 1 || o.finalists < 1 || o.guard < 0 || f.NArg() > 0 {
		return o, fmt.Errorf("repetitions and finalists are at least 1, the guard is not negative, and there are no arguments")
	}
	var err error
	o.only, err = regexp.Compile(*only)
	return o, err
}

func run(ctx context.Context, argv []string) error {
	o, err := parse(argv)
	if err != nil {
		return err
	}
	b := &bencher{options: o, report: newReport(o, time.Now())}
	defer b.close()
	if err := b.meet(ctx); err != nil {
		return err
	}
	if err := b.measureAll(ctx); err != nil {
		fmt.Print(b.report.markdown()) // what is known so far
		return err
	}
	fmt.Print(b.report.markdown())
	if !o.write || len(b.report.Rows) == 0 {
		return nil
	}
	return b.report.write()
}

// measureAll measures the rows that are asked for, but on a GPU where imgcls has none.
func (b *bencher) measureAll(ctx context.Context) error {
	skipped := 0
	for _, r := range rows() {
		if !slices.Contains(b.groups, r.Group) || !b.only.MatchString(r.Name) {
			continue
		}
		if b.report.Absent[r.Ways[0].who()] != "" {
			skipped++
			continue
		}
		if err := b.measure(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	if skipped > 0 {
		fmt.Fprintf(os.Stderr, "%d rows of a GPU are left out: there is none\n", skipped)
	}
	if skipped+len(b.report.Rows) == 0 {
		return fmt.Errorf("no row of %s matches %q", strings.Join(b.groups, ", "), b.only)
	}
	return nil
}
