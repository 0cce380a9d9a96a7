//go:build cuda && linux && cgo

package driver

/*
#cgo LDFLAGS: -Wl,--as-needed -L${SRCDIR}/stub -ldl -lpthread
#include "loader.h"
*/
import "C"

import "sync"

// A Missing says that there is no driver to call.
type Missing struct {
	Library string // what was looked for
	Reason  string // the system's words
}

func (m *Missing) Error() string { return "no NVIDIA driver: " + m.Reason }

// Init opens the driver and initialises it, once. It comes before any call of
// cu. The error is a *Missing or an *Error.
func Init() error { return initialise() }

var initialise = sync.OnceValue(func() error {
	code := int(C.imgcls_driver_init())
	if reason := C.GoString(C.imgcls_driver_missing()); reason != "" {
		return &Missing{Library: Library(), Reason: reason}
	}
	return check("cuInit", code)
})

// Library is the library that was opened, or tried: libcuda.so.1, or what
// IMGCLS_LIBCUDA named. It is "" before Init.
func Library() string { return C.GoString(C.imgcls_driver_path()) }
