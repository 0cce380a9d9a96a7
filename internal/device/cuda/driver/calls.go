//go:build cuda && linux && cgo

package driver

/*
#include <stdlib.h>
#include <cuda.h>
*/
import "C"

import (
	"unsafe"

	"gorgonia.org/cu"
)

// stream is cu's stream, a struct of the one C pointer, as this package's cgo has it.
func stream(s cu.Stream) C.CUstream { return *(*C.CUstream)(unsafe.Pointer(&s)) }

// Version is the CUDA that the driver is for: 13000 for 13.0.
func Version() (int, error) {
	var v C.int
	err := check("cuDriverGetVersion", int(C.cuDriverGetVersion(&v)))
	return int(v), err
}

// AllocHost returns n bytes of pinned host memory, n ≥ 1, which a GPU copies from
// and to while the host goes on. The memory is C's; FreeHost ends it.
func AllocHost(n int) ([]byte, error) {
	var p unsafe.Pointer
	if err := check("cuMemAllocHost_v2", int(C.cuMemAllocHost(&p, C.size_t(n)))); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// FreeHost frees what AllocHost returned: the same slice, or one that begins where it does.
func FreeHost(b []byte) error {
	return check("cuMemFreeHost", int(C.cuMemFreeHost(unsafe.Pointer(unsafe.SliceData(b)))))
}

// A Graph is recorded work: what was put on a stream while it was captured.
type Graph struct{ graph C.CUgraph }

// An Exec is a graph made ready for launches.
type Exec struct{ exec C.CUgraphExec }

// BeginCapture records what this thread puts on s, instead of doing it.
func BeginCapture(s cu.Stream) error {
	return check("cuStreamBeginCapture_v2", int(C.cuStreamBeginCapture(stream(s), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)))
}

// EndCapture ends the recording on s. The caller destroys the graph.
func EndCapture(s cu.Stream) (Graph, error) {
	var g Graph
	err := check("cuStreamEndCapture", int(C.cuStreamEndCapture(stream(s), &g.graph)))
	return g, err
}

// Instantiate makes the graph ready for launches; the graph may be destroyed
// then. The caller destroys the Exec.
func (g Graph) Instantiate() (Exec, error) {
	var x Exec
	err := check("cuGraphInstantiateWithFlags", int(C.cuGraphInstantiateWithFlags(&x.exec, g.graph, 0)))
	return x, err
}

// Destroy frees the graph.
func (g Graph) Destroy() error { return check("cuGraphDestroy", int(C.cuGraphDestroy(g.graph))) }

// Launch puts the graph's work on s.
func (x Exec) Launch(s cu.Stream) error {
	return check("cuGraphLaunch", int(C.cuGraphLaunch(x.exec, stream(s))))
}

// Destroy frees the Exec, once its work has ended.
func (x Exec) Destroy() error { return check("cuGraphExecDestroy", int(C.cuGraphExecDestroy(x.exec))) }
