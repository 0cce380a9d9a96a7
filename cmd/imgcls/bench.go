package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"text/tabwriter"

	"imgcls/internal/bench"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/models"
)

// A benchRow is one combination of the flags, measured.
type benchRow struct {
	Model           string      `json:"model"`
	Device          string      `json:"device"`
	Hardware        string      `json:"hardware"`
	Precision       string      `json:"precision"`
	Mode            string      `json:"mode"`
	Batch           int         `json:"batch"`
	Threads         int         `json:"threads"`
	Samples         int         `json:"samples"`
	ImagesPerSecond float64     `json:"images_per_second"` // median
	Spread          [2]float64  `json:"spread"`            // least and most images a second
	MsPerStep       float64     `json:"ms_per_step"`       // median
	LatencyMs       *[2]float64 `json:"latency_ms"`        // infer: median and 99th percentile of single runs
	PeakBytes       *int64      `json:"peak_bytes"`        // of the process; nil where the system does not tell
	Commit          string      `json:"commit"`
}

// How a combination is measured.
const (
	benchSamples = 5
	benchRunUp   = 0.4 // seconds, untimed: memory, caches and clock warm up
	benchSeconds = 0.4 // of each sample
)

// usualBatches are beside the recipe's batch when --batch-size says nothing.
var usualBatches = map[string][]int{bench.Train: {128}, bench.Infer: {1, 128}}

func runBench(ctx context.Context, s *settings, _ []string) error {
	if s.serve {
		return s.contend()
	}
	rows, err := s.combinations()
	if err != nil {
		return err
	}
	bar := s.progress()
	bar.Start("bench", len(rows))
	for i := range rows {
		if err := s.measure(ctx, &rows[i]); err != nil {
			bar.Finish()
			return err
		}
		bar.Update(i+1, rows[i].Model)
	}
	bar.Finish()
	if s.format != "text" {
		return s.print(s.format, rows)
	}
	return s.tabulate(rows)
}

// combinations lists what the flags ask for, and refuses what cannot be before
// anything is measured.
func (s *settings) combinations() ([]benchRow, error) {
	var rows []benchRow
	names := strings.Split(s.model.fallBack(models.All[0].Name), ",")
	for _, name := range names {
		model, err := models.Lookup(name)
		if err != nil {
			return nil, err
		}
		for _, spec := range strings.Split(s.device, ",") {
			dev, _, err := device.Open(spec, s.kinds()...)
			if err != nil {
				return nil, err
			}
			precisions, err := s.precisionsOn(dev, model)
			dev.Close()
			if err != nil {
				return nil, err
			}
			for _, threads := range listOr(s.threadsList, s.threads) {
				for _, mode := range s.modes {
					for _, batch := range s.batches(model, mode) {
						for _, precision := range precisions {
							rows = append(rows, benchRow{
								Model: name, Device: spec, Precision: precision, Mode: mode, Batch: batch, Threads: threads,
								Hardware: bench.Hardware(runtime.GOARCH), Commit: commit(),
							})
						}
					}
				}
			}
		}
	}
	return rows, nil
}

// precisionsOn returns the precisions of the flag, which dev must have.
func (s *settings) precisionsOn(dev device.Device, model models.Model) (names []string, err error) {
	for _, p := range listOr(s.precisions, s.precision) {
		typ, err := device.Precision(dev, asked(p), model.Recipe.Half)
		if err != nil {
			return nil, err
		}
		names = append(names, device.PrecisionName(typ))
	}
	return names, nil
}

// batches returns the batches for a mode: those of the flag, or the usual.
func (s *settings) batches(model models.Model, mode string) []int {
	var list []int
	for _, b := range listOr(s.batchSizes, s.batchSize) {
		switch {
		case b.known:
			list = append(list, b.value)
		case mode == bench.Train:
			list = append(list, model.Recipe.Batch, usualBatches[mode][0])
		default:
			list = append(list, usualBatches[mode]...)
		}
	}
	return list
}

// listOr returns the list, or the one value where there is none.
func listOr[T any](list []T, one T) []T {
	if len(list) == 0 {
		return []T{one}
	}
	return list
}

// measure fills in a row. The work is alone in a process of its own, so that its
// peak of memory is the work's.
func (s *settings) measure(ctx context.Context, row *benchRow) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c, err := bench.Start(ctx, os.Environ(), self, "bench", "--serve", "--device", row.Device, "--threads", strconv.Itoa(row.Threads))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer c.Close()
	row.Device, row.Threads = c.Device, c.Threads
	if _, err := c.Open(bench.Work{Model: row.Model, Mode: row.Mode, Batch: row.Batch, Precision: row.Precision}); err != nil {
		return interrupted(ctx, err)
	}
	if _, err := c.Run(benchRunUp); err != nil {
		return interrupted(ctx, err)
	}
	var rates, ms, middle, tails []float64
	for range benchSamples {
		sample, err := c.Run(benchSeconds)
		if err != nil {
			return interrupted(ctx, err)
		}
		rates = append(rates, float64(sample.Images)/sample.Seconds)
		ms = append(ms, 1e3*sample.Seconds/float64(sample.Steps))
		if l := sample.Latency; l != nil {
			middle, tails = append(middle, 1e3*l[0]), append(tails, 1e3*l[1])
		}
	}
	row.Samples, row.ImagesPerSecond, row.Spread = benchSamples, bench.Median(rates), bench.Spread(rates)
	row.MsPerStep = bench.Median(ms)
	if len(middle) > 0 {
		row.LatencyMs = &[2]float64{bench.Median(middle), bench.Median(tails)}
	}
	if peak, known := c.Peak(); known {
		row.PeakBytes = &peak
	}
	return nil
}

// interrupted returns why ctx ended where that is what made a contender fail.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// contend answers requests on standard input (package bench).
func (s *settings) contend() error {
	dev, _, err := device.Open(s.device, s.kinds()...)
	if err != nil {
		return err
	}
	defer dev.Close()
	kind, _, _ := strings.Cut(dev.String(), ":")
	threads := s.threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return bench.Serve(dev, bench.Hello{Name: "imgcls", Version: version(), Device: kind, Threads: threads}, os.Stdin, s.out)
}

func (s *settings) tabulate(rows []benchRow) error {
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "model\tdevice\tprecision\tmode\tbatch\tthreads\timages/s\tleast … most\tms/step\tp50 ms\tp99 ms\tpeak MiB")
	for _, r := range rows {
		peak, p50, p99 := "–", "–", "–"
		if r.PeakBytes != nil {
			peak = strconv.FormatFloat(float64(*r.PeakBytes)/(1<<20), 'f', 1, 64)
		}
		if l := r.LatencyMs; l != nil {
			p50, p99 = strconv.FormatFloat(l[0], 'f', 4, 64), strconv.FormatFloat(l[1], 'f', 4, 64)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s … %s\t%.4f\t%s\t%s\t%s\n", r.Model, r.Device, r.Precision, r.Mode, r.Batch, r.Threads,
			whole(r.ImagesPerSecond), whole(r.Spread[0]), whole(r.Spread[1]), r.MsPerStep, p50, p99, peak)
	}
	fmt.Fprintf(tw, "\non %s, median of %d samples of %g s, commit %s\n", bench.Hardware(runtime.GOARCH), benchSamples, benchSeconds, commit())
	return tw.Flush()
}

func whole(x float64) string { return fault.Grouped(int64(x + 0.5)) }

// commit is that of the build.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if c := revision(info.Settings); c != "" {
			return c
		}
	}
	return "unknown"
}
