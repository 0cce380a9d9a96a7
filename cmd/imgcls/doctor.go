package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/cpu"

	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
	"imgcls/internal/kernels/cpu/tile"
)

// doctorHelp documents the keys of a checkup.
const doctorHelp = `Show what imgcls finds on this machine, and what to do about each problem. Nothing
is compiled or written, and problems do not change the exit code.

Keys of --format json:
  version          of imgcls, as imgcls version prints it
  cuda             whether the binary has CUDA kernels
  architectures    compute architectures it has machine code for, beside PTX
  os, arch         of the binary
  cpu              features, instructions (the set in use; "gonum" for none), threads
  memory_bytes     memory that programs may still take; null where unknown
  driver           library, cuda (the version it is for), needed (the least);
                   null for a binary without CUDA
  gpus             a list of id, name, memory_bytes, capability, usable, reason as
                   imgcls devices has them, and free_bytes (0 where the GPU is not
                   usable), code ("sm_90a", "PTX", or "" for none)
  data             dir (the data folder), free_bytes (of its disk; null where unknown)
  problems         a list of what, why, do`

// A checkup is what doctor finds.
type checkup struct {
	Version       string        `json:"version"`
	CUDA          bool          `json:"cuda"`
	Architectures []string      `json:"architectures"`
	OS            string        `json:"os"`
	Arch          string        `json:"arch"`
	CPU           cpuReport     `json:"cpu"`
	MemoryBytes   *int64        `json:"memory_bytes"`
	Driver        *driverReport `json:"driver"`
	GPUs          []gpuRow      `json:"gpus"`
	Data          dataReport    `json:"data"`
	Problems      []problem     `json:"problems"`
}

type cpuReport struct {
	Features     []string `json:"features"`
	Instructions string   `json:"instructions"`
	Threads      int      `json:"threads"`
}

type dataReport struct {
	Dir       string `json:"dir"`
	FreeBytes *int64 `json:"free_bytes"`
}

// A problem is an error without an exit.
type problem struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do"`
}

func runDoctor(_ context.Context, s *settings, _ []string) error {
	c := s.examine()
	if s.format != "text" {
		return s.print(s.format, c)
	}
	_, err := fmt.Fprint(s.out, c.text())
	return err
}

func (s *settings) examine() *checkup {
	c := &checkup{Version: version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Architectures: []string{}, GPUs: []gpuRow{},
		CPU: cpuReport{Features: cpuFeatures(), Instructions: tile.Best().Name, Threads: s.threads}, Data: dataReport{Dir: s.dataDir},
		Problems: []problem{}}
	if c.CPU.Threads < 1 {
		c.CPU.Threads = runtime.GOMAXPROCS(0)
	}
	if dev, _, err := device.Open("cpu", s.kinds()...); err == nil {
		if free, _, known := dev.(device.Meter).Free(); known {
			bytes := int64(free)
			c.MemoryBytes = &bytes
		}
		dev.Close()
	}
	c.examineGPUs(s.describeGPUs())
	c.examineDisk()
	return c
}

func (c *checkup) examineGPUs(r gpuReport) {
	c.GPUs = append(c.GPUs, r.gpus...)
	c.Architectures = append(c.Architectures, r.architectures...)
	if r.built {
		c.CUDA, c.Driver = true, &r.driver
	}
	if r.err != nil {
		c.add("GPU", r.err)
		return // the reason of each, too
	}
	for _, g := range r.gpus {
		if g.err != nil {
			c.add(g.ID, g.err)
		}
	}
}

// examineDisk looks for room for CIFAR-10: its archive and what is unpacked of it.
func (c *checkup) examineDisk() {
	const need = 400 << 20
	free, err := fsys.Room(c.Data.Dir)
	unwritable := fsys.Writable(c.Data.Dir)
	switch {
	case err == nil && unwritable != nil:
		c.Data.FreeBytes = &free
		c.add("data folder", fault.New(fault.Room, "", c.Data.Dir, "check its owner and mode, or choose another with --data-dir",
			"cannot be written: %w", unwritable))
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		c.add("data folder", fault.New(fault.Room, "", c.Data.Dir, "choose another with --data-dir", "%w", fault.Cause(err)))
	default:
		c.Data.FreeBytes = &free
		if free < need {
			c.add("data folder", fault.New(fault.Room, "", c.Data.Dir, "free some space, or choose another disk with --data-dir",
				"%s bytes are free, downloading cifar10 takes %s", fault.Grouped(free), fault.Grouped(need)))
		}
	}
}

// add notes an error as a problem of what.
func (c *checkup) add(what string, err error) {
	p := problem{What: what, Why: err.Error()}
	var e *fault.Error
	if errors.As(err, &e) {
		p.Why, p.Do = e.Why, e.Do
		if e.Path != "" {
			p.Why = fault.Quote(e.Path) + ": " + e.Why
		}
	}
	c.Problems = append(c.Problems, p)
}

// text lays a checkup out for people.
func (c *checkup) text() string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(tw, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("version", "%s", c.Version)
	if c.CUDA {
		line("build", "with CUDA: %s", strings.Join(append(c.Architectures, "PTX"), ", "))
	} else {
		line("build", "without CUDA")
	}
	line("cpu", "%d threads, %s of %s", c.CPU.Threads, c.CPU.Instructions, strings.Join(c.CPU.Features, " "))
	line("memory", "free: %s", sizeOf(c.MemoryBytes))
	if d := c.Driver; d != nil {
		line("driver", "%s", d.text())
	}
	for _, g := range c.GPUs {
		line(g.ID, "%s", g.text())
	}
	line("data", "%s, free: %s", fault.Quote(c.Data.Dir), sizeOf(c.Data.FreeBytes))
	tw.Flush()
	for _, p := range c.Problems {
		fmt.Fprintf(&b, "\n%s: %s\n", p.What, p.Why)
		if p.Do != "" {
			fmt.Fprintf(&b, "  do: %s\n", p.Do)
		}
	}
	if len(c.Problems) == 0 {
		b.WriteString("\nno problems\n")
	}
	return b.String()
}

func (d *driverReport) text() string {
	if d.CUDA == "" {
		return "none that starts; looked for " + d.Library
	}
	return fmt.Sprintf("CUDA %s (at least %s), %s", d.CUDA, d.Needed, d.Library)
}

// text is the row for people; why a GPU is not usable stands among the problems.
func (g gpuRow) text() string {
	parts := []string{g.Name}
	if g.Capability != nil {
		parts = append(parts, *g.Capability)
	}
	switch {
	case !g.Usable:
		parts = append(parts, "not usable")
	case g.MemoryBytes != nil:
		parts = append(parts, "runs "+g.Code, fmt.Sprintf("%s of %s free", gibibytes(g.FreeBytes), gibibytes(*g.MemoryBytes)))
	}
	return strings.Join(parts, ", ")
}

func sizeOf(bytes *int64) string {
	if bytes == nil {
		return "unknown"
	}
	return gibibytes(*bytes)
}

// cpuFeatures are those of the processor that matter to arithmetic.
func cpuFeatures() []string {
	list := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"sse4.1", cpu.X86.HasSSE41}, {"avx", cpu.X86.HasAVX}, {"avx2", cpu.X86.HasAVX2}, {"fma", cpu.X86.HasFMA},
		{"avx512f", cpu.X86.HasAVX512F}, {"avx512vl", cpu.X86.HasAVX512VL}, {"avx512dq", cpu.X86.HasAVX512DQ},
		{"avx512bf16", cpu.X86.HasAVX512BF16}, {"neon", cpu.ARM64.HasASIMD}, {"sve", cpu.ARM64.HasSVE},
	} {
		if f.has {
			list = append(list, f.name)
		}
	}
	return list
}
