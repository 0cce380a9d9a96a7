// Package device says what a processor must offer to run a plan: four methods
// to be a Device and six to run a Program. What is to be computed reaches it as
// data, in a plan.Module, so a new operation adds a kernel to each device and
// no method here.
package device

import (
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A Device is one processor with its memory: the host's CPU, or one GPU.
type Device interface {
	// String names the device as a user would: "cpu: 8 threads".
	String() string
	// Supports reports whether n runs as a single kernel; t is the plan's table of
	// tensors, indexed by Value. Every device runs every primitive operation; what
	// the planner would fuse it asks for first.
	Supports(n graph.Node, t []graph.Tensor) bool
	// Compile allocates m's arena, filled with zeros, and prepares each entry.
	// Validation, allocation and choice of kernels happen here and never in Run.
	Compile(m *plan.Module) (Program, error)
	// Close gives the device back; its programs are closed before it.
	Close() error
}

// A Program is a module resident on a device. Its calls take effect in order;
// it is not safe for concurrent use.
type Program interface {
	// Run starts an entry n times over. It may return before the work is done.
	// Where fewer than n slots of a ring have been fed, it is an error and
	// nothing runs.
	Run(entry, n int) error
	// Write copies src, the tensor's elements in their own type and native byte
	// order, to v. It returns after src has been read.
	Write(v graph.Value, src []byte) error
	// Feed returns the host memory of v's next slot, once the device has done
	// with it. The caller fills it before the next Run, and the n-th step started
	// after that reads the n-th slot fed. With all slots waiting to be read it is
	// an error; so are Write and Read of a ring.
	Feed(v graph.Value) ([]byte, error)
	// Read waits for all that was started before it, and copies v to dst.
	Read(v graph.Value, dst []byte) error
	// Sync waits for everything started and returns its first error.
	Sync() error
	// Close frees the arena.
	Close() error
}
