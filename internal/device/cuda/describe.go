//go:build cuda && linux && cgo

package cuda

import (
	"strconv"
	"strings"
	"time"

	"gorgonia.org/cu"

	"imgcls/internal/device/cuda/driver"
	"imgcls/internal/fault"
	kernel "imgcls/internal/kernels/cuda"
)

// A Description is what the driver says of itself and of the GPUs it shows.
type Description struct {
	Library string // what was opened as the driver, or tried
	Driver  string // the CUDA that it is for, "13.0"; "" where it does not start
	Needed  string // the least that imgcls takes
	GPUs    []GPU
	Err     error // why no GPU can be used; nil where that is a matter of each
}

// A GPU is what is known of one; what the driver did not tell is empty or 0.
type GPU struct {
	Name        string
	Capability  string // "9.0"
	Code        string // what the binary runs on it: "sm_90a", or "PTX"; "" for nothing
	Total, Free int64  // bytes of memory
	Err         error  // why it cannot be used
}

// Describe asks the driver. It starts each GPU that can be used for a moment, since
// only then its free memory is known, and neither loads nor compiles kernels.
func Describe() Description {
	d := Description{Needed: release(floorDriver), Err: start()}
	d.Library = driver.Library()
	if driver.Init() != nil {
		return d
	}
	if v, err := driver.Version(); err == nil {
		d.Driver = release(v)
	}
	n, err := cu.NumDevices()
	if err != nil && d.Err == nil {
		d.Err = failed("no GPU is found", driver.Wrap("cuDeviceGetCount", err))
	}
	if n == 0 && d.Err == nil {
		d.Err = fault.New(fault.Device, "cuda", "", visible(), "the driver shows no GPU")
	}
	for i := range n {
		d.GPUs = append(d.GPUs, describe(i, d.Err))
	}
	return d
}

// describe asks for one GPU, which cannot be used where the driver cannot, for that
// reason.
func describe(index int, unusable error) GPU {
	g := &gpu{index: index, owner: newOwner(time.Minute)}
	defer g.owner.end()
	var free int64
	err := g.owner.ask(request{do: func(request) (err error) {
		if err = g.find(); err != nil || unusable != nil {
			return err
		}
		defer func() {
			if !sticky(err) {
				err = both(err, g.release())
			}
		}()
		if err = g.retain(); err != nil {
			return err
		}
		free, _, err = cu.MemInfo()
		return failed("the GPU's memory is not known", driver.Wrap("cuMemGetInfo_v2", err))
	}})
	if unusable != nil {
		err = unusable
	}
	d := GPU{Name: g.name, Total: g.total, Free: free, Err: err}
	if g.capability == 0 {
		return d
	}
	d.Capability = point(g.capability)
	if _, missing := kernel.Fatbin(); missing == nil {
		d.Code = codeFor(kernel.Architectures(), g.capability)
	} else if d.Err == nil {
		d.Err = fault.New(fault.Device, "cuda", "", "", "%w", missing)
	}
	return d
}

// codeFor picks what runs on a capability, 90 for 9.0, of a list such as "80 86 90a"
// and PTX of the floor. Machine code runs on later minors of its major; with an "a"
// it runs on its own capability alone.
func codeFor(architectures string, capability int) string {
	best, code := 0, ""
	for _, a := range strings.Fields(architectures) {
		number, exact := strings.CutSuffix(a, "a")
		n, err := strconv.Atoi(number)
		if err != nil || n > capability || n/10 != capability/10 || exact && n != capability || n < best {
			continue
		}
		best, code = n, "sm_"+a
	}
	if code == "" && capability >= floorCapability {
		return "PTX"
	}
	return code
}
