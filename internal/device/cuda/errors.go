//go:build cuda && linux && cgo

package cuda

import (
	"errors"
	"fmt"
	"os"
	"time"

	"imgcls/internal/device/cuda/driver"
	"imgcls/internal/fault"
)

// Codes of CUresult that people can do something about.
const (
	outOfMemory    = 2
	noDevice       = 100
	noBinary       = 209
	eccError       = 214
	unsupportedPTX = 222
	wrongDriver    = 803 // the kernel's module and the library are of different versions
)

var errClosed = errors.New("the device has been closed")

// sticky reports whether the context is lost with err.
func sticky(err error) bool {
	code := driver.CodeOf(err)
	return code != 0 && (&driver.Error{Code: code}).Sticky()
}

// failed is the error of a driver call: what was being done, and what can be done
// about it. An error that has a kind already stays as it is.
func failed(what string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	do, kind := "imgcls doctor looks at driver and GPU; --sync names the kernel, if it is one", fault.Device
	switch code := driver.CodeOf(err); {
	case code == outOfMemory:
		kind = fault.Room
		do = "use a smaller --batch-size, or end other processes that use the GPU (nvidia-smi lists them)"
	case code == noBinary || code == unsupportedPTX:
		do = "this binary has code for " + built() + "; update the driver, or build imgcls for this GPU"
	case code == wrongDriver:
		do = "the driver was changed while the system ran: reboot"
	case code == eccError:
		do = "hardware, see Xid in dmesg; this process can no longer use the GPU"
	case code == noDevice:
		do = visible()
	case sticky(err):
		do = "this process can no longer use the GPU; the fault may lie in what was started before: --sync says which kernel it was, and Xid in dmesg whether it is the hardware"
	}
	return fault.New(kind, "cuda", "", do, "%s: %w", what, err)
}

// both is an error and that of giving back, after it, what had been made. A lost
// context comes first: what comes first decides how the process ends.
func both(err, after error) error {
	switch {
	case err == nil:
		return after
	case after == nil:
		return err
	case sticky(after):
		return fmt.Errorf("%w; this came after: %w", after, err)
	}
	return fmt.Errorf("%w; after that: %w", err, after)
}

// visible says what hides devices.
func visible() string {
	if list, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		return fmt.Sprintf("CUDA_VISIBLE_DEVICES is %s, which hides all other GPUs", fault.Quote(list))
	}
	return "nvidia-smi lists the GPUs; in a container, start it with --gpus all"
}

// hangs is the error of a step that does not end.
func hangs(e *entry, step uint64, patience time.Duration) error {
	of := ""
	if e != nil {
		of = " (" + e.name + " was started last)"
	}
	return fault.New(fault.Device, "cuda", "",
		"see Xid in dmesg; --sync says which kernel it is",
		"step %d of this process%s has not ended within %v: the GPU hangs", step, of, patience)
}
