//go:build cuda && linux && cgo

// Package cuda is an NVIDIA GPU as a device: the kernels of package kernels/cuda,
// started through the driver.
//
// Compile turns each entry into launches, one list for each slot where the entry
// reads rings, and captures each list in a CUDA graph. A step is one launch of a
// graph; nothing is allocated for it, on the host or on the GPU.
//
//	cuda.go     the device: opening, compiling, closing
//	describe.go what the driver says of itself and of each GPU
//	owner.go    the goroutine that makes the driver calls, and its watchdog
//	builder.go  nodes to launches: what those are made with
//	ops.go      operations to launches: the table of contents, then one each
//	capture.go  launches to graphs, or started one by one
//	program.go  run, write, feed, read
//	memory.go   the arena, tables and room in one piece
//	errors.go   what the driver's errors mean for people
package cuda

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorgonia.org/cu"

	"imgcls/internal/device"
	"imgcls/internal/device/cuda/driver"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// built lists the compute capabilities that the binary has code for.
func built() string {
	var list []string
	for _, a := range strings.Fields(kernel.Architectures()) {
		digits := strings.TrimRight(a, "a")
		list = append(list, digits[:len(digits)-1]+"."+digits[len(digits)-1:])
	}
	if list == nil {
		return "PTX alone, for compute capability " + point(floorCapability) + " and later"
	}
	return "compute capability " + strings.Join(list, ", ") + ", and PTX for later ones"
}

// The least that the kernels need.
const (
	floorDriver     = 13000 // CUDA 13.0: driver R580
	floorCapability = 80
)

// Options say how a GPU is used.
type Options struct {
	// Sync starts kernels one by one and waits for each, so that an error names the
	// one that failed. It is slow.
	Sync bool
	// Patience is how long a step may take before the GPU counts as hanging; 0 means
	// a minute.
	Patience time.Duration
}

// Kind returns the kind "cuda", for device.Open.
func Kind(o Options) device.Kind {
	return device.Kind{Name: "cuda", Open: func(index int) (device.Device, error) { return o.New(index) }}
}

// New returns the index-th GPU that the driver shows. An error is a *fault.Error of
// kind Device that says what to do.
func New(index int) (device.Device, error) { return Options{}.New(index) }

// New is New with these options.
func (o Options) New(index int) (device.Device, error) {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	g := &gpu{index: index, options: o, owner: newOwner(o.Patience), functions: map[string]cu.Function{}}
	if err := g.owner.ask(request{do: func(request) error { return g.open() }}); err != nil {
		g.owner.end()
		return nil, err
	}
	return g, nil
}

// A gpu is one GPU. Its programs share the context and the kernels.
type gpu struct {
	index      int
	options    Options
	owner      *owner
	device     cu.Device
	retained   bool // the primary context is
	kernels    cu.Module
	loaded     bool // kernels are
	functions  map[string]cu.Function
	name       string
	capability int // 90 for 9.0
	total      int64
	apart      int // memory.apart of programs
}

// open makes the GPU ready. What it has made so far when it fails it gives back.
func (g *gpu) open() (err error) {
	defer func() {
		if err != nil && !sticky(err) {
			err = both(err, g.release())
		}
	}()
	if err := start(); err != nil {
		return err
	}
	if err := g.find(); err != nil {
		return err
	}
	if err := g.retain(); err != nil {
		return err
	}
	image, err := kernel.Fatbin()
	if err != nil {
		return fault.New(fault.Device, "cuda", "", "", "%w", err)
	}
	if g.kernels, err = cu.LoadData(string(image)); err != nil {
		return failed("the kernels do not load on compute capability "+point(g.capability),
			driver.Wrap("cuModuleLoadData", err))
	}
	g.loaded = true
	return nil
}

// start opens the driver, which must be new enough.
func start() error {
	var missing *driver.Missing
	if err := driver.Init(); errors.As(err, &missing) {
		return fault.New(fault.Device, "", "",
			"install NVIDIA's driver R580 or later (in a container, start it with --gpus all), or use --device cpu", "%w", err)
	} else if err != nil {
		return failed("the driver does not start", err)
	}
	v, err := driver.Version()
	if err != nil {
		return failed("the driver has no version", err)
	}
	if v < floorDriver {
		return fault.New(fault.Device, "cuda", "", "update the driver to R580 or later",
			"the driver is for CUDA %s, imgcls needs %s", release(v), release(floorDriver))
	}
	return nil
}

// point writes the capability 90 as "9.0".
func point(capability int) string { return fmt.Sprintf("%d.%d", capability/10, capability%10) }

// release writes 13000 as "13.0".
func release(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// retain makes the GPU's primary context this thread's.
func (g *gpu) retain() error {
	context, err := g.device.RetainPrimaryCtx()
	if err != nil {
		return failed("the GPU does not start", driver.Wrap("cuDevicePrimaryCtxRetain", err))
	}
	g.retained = true
	if err := cu.SetCurrentContext(context); err != nil {
		return failed("the GPU does not start", driver.Wrap("cuCtxSetCurrent", err))
	}
	return nil
}

// find looks the GPU up and what it is.
func (g *gpu) find() error {
	n, err := cu.NumDevices()
	if err != nil {
		return failed("no GPU is found", driver.Wrap("cuDeviceGetCount", err))
	}
	if g.index >= n {
		return fault.New(fault.Device, fmt.Sprintf("--device cuda:%d", g.index), "", visible(), "GPUs that the driver shows: %d, counted from 0", n)
	}
	if g.device, err = cu.GetDevice(g.index); err != nil {
		return failed("no GPU is found", driver.Wrap("cuDeviceGet", err))
	}
	if g.name, err = g.device.Name(); err != nil {
		return failed("the GPU has no name", driver.Wrap("cuDeviceGetName", err))
	}
	if g.total, err = g.device.TotalMem(); err != nil {
		return failed("the GPU's memory is not known", driver.Wrap("cuDeviceTotalMem_v2", err))
	}
	major, err := g.device.Attribute(cu.ComputeCapabilityMajor)
	if err != nil {
		return failed("the GPU's compute capability is not known", driver.Wrap("cuDeviceGetAttribute", err))
	}
	minor, err := g.device.Attribute(cu.ComputeCapabilityMinor)
	if err != nil {
		return failed("the GPU's compute capability is not known", driver.Wrap("cuDeviceGetAttribute", err))
	}
	if g.capability = 10*major + minor; g.capability < floorCapability {
		return fault.New(fault.Device, "cuda", "", "use --device cpu",
			"%s has compute capability %s, this binary has code for %s", g.name, point(g.capability), built())
	}
	return nil
}

// release gives back what open made.
func (g *gpu) release() error {
	var r giving
	if g.loaded {
		g.loaded = false
		r.free("cuModuleUnload", g.kernels.Unload)
	}
	if g.retained {
		g.retained = false
		r.free("cuDevicePrimaryCtxRelease_v2", g.device.ReleasePrimaryCtx)
	}
	return failed("close", r.first)
}

// String is "cuda:0: NVIDIA H200, 9.0, 139 GiB".
func (g *gpu) String() string {
	return fmt.Sprintf("cuda:%d: %s, %s, %d GiB", g.index, g.name, point(g.capability), g.total>>30)
}

// Free returns the bytes of the GPU's memory that nobody has, and all of them.
func (g *gpu) Free() (bytes, total int, known bool) {
	err := g.owner.ask(request{do: func(request) error {
		free, all, err := cu.MemInfo()
		bytes, total = int(free), int(all)
		return failed("ask for free memory", driver.Wrap("cuMemGetInfo_v2", err))
	}})
	return bytes, total, err == nil
}

// Needs returns the bytes that m takes on the GPU: arena, tables and room.
func (g *gpu) Needs(m *plan.Module) int {
	p := newProgram(g, m)
	if err := p.build(); err != nil {
		return m.Arena // Compile says why
	}
	p.memory.measured()
	return p.memory.bytes()
}

// Supports says yes to what has a kernel.
func (g *gpu) Supports(n graph.Node, t []graph.Tensor) bool { return supports(n, t) }

// Compile allocates and captures; see the package comment.
func (g *gpu) Compile(m *plan.Module) (device.Program, error) {
	p := newProgram(g, m)
	if err := g.owner.ask(request{do: func(request) error { return p.compile() }}); err != nil {
		return nil, err
	}
	return p, nil
}

// Close gives the GPU back. With a lost context nothing is left to give.
func (g *gpu) Close() error {
	if !g.owner.alive() {
		g.owner.end()
		return nil
	}
	err := g.owner.ask(request{do: func(request) error { return g.release() }})
	g.owner.end()
	return err
}

// Precisions lists the half precisions that the GPU multiplies in, the best first.
func (g *gpu) Precisions() []graph.DType { return []graph.DType{graph.BF16, graph.F16} }
