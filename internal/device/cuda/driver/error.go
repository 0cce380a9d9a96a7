//go:build cuda && linux && cgo

package driver

// #include <cuda.h>
import "C"

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/cu"
)

// An Error is a driver call that failed.
type Error struct {
	Call string // the entry point, such as cuMemAlloc_v2
	Code int    // CUresult, never 0
}

// Error is "cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY (2): out of memory", in the
// driver's words, which it looks up in a table: that asks nothing of the context.
func (e *Error) Error() string {
	var name, text *C.char
	C.cuGetErrorName(C.CUresult(e.Code), &name)
	C.cuGetErrorString(C.CUresult(e.Code), &text)
	if name == nil {
		return fmt.Sprintf("%s: CUDA error %d", e.Call, e.Code)
	}
	if text == nil {
		return fmt.Sprintf("%s: %s (%d)", e.Call, C.GoString(name), e.Code)
	}
	return fmt.Sprintf("%s: %s (%d): %s", e.Call, C.GoString(name), e.Code, C.GoString(text))
}

// lost are the codes after which a context answers every call with an error:
// only a new process may use the GPU again.
var lost = []int{
	C.CUDA_ERROR_ECC_UNCORRECTABLE,
	C.CUDA_ERROR_NVLINK_UNCORRECTABLE,
	C.CUDA_ERROR_ILLEGAL_ADDRESS,
	C.CUDA_ERROR_LAUNCH_TIMEOUT,
	C.CUDA_ERROR_CONTEXT_IS_DESTROYED,
	C.CUDA_ERROR_ASSERT,
	C.CUDA_ERROR_HARDWARE_STACK_ERROR,
	C.CUDA_ERROR_ILLEGAL_INSTRUCTION,
	C.CUDA_ERROR_MISALIGNED_ADDRESS,
	C.CUDA_ERROR_INVALID_ADDRESS_SPACE,
	C.CUDA_ERROR_INVALID_PC,
	C.CUDA_ERROR_LAUNCH_FAILED,
	C.CUDA_ERROR_EXTERNAL_DEVICE,
	C.CUDA_ERROR_UNKNOWN,
	// Younger than some cuda.h:
	226, // CUDA_ERROR_CONTAINED: contained faults of memory
	721, // CUDA_ERROR_TENSOR_MEMORY_LEAK
}

// Sticky reports that the context is lost.
func (e *Error) Sticky() bool { return slices.Contains(lost, e.Code) }

// CodeOf is the CUresult in err, be it an *Error or cu's own, or 0.
func CodeOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	code := cu.Success // of cu's type for errors, which has no exported name
	if errors.As(err, &code) {
		return int(code)
	}
	return 0
}

// Wrap makes an *Error of one that cu returned for the call; nil stays nil, and
// an error without a code stays as it is.
func Wrap(call string, err error) error {
	if code := CodeOf(err); code != 0 {
		return &Error{Call: call, Code: code}
	}
	return err
}

func check(call string, code int) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return &Error{Call: call, Code: code}
}
