// Package layers builds networks. A layer is a struct whose zero fields are the
// usual choice; a model is a value made of layers, so it can be printed,
// compared and stored. Applying a layer adds operations to a graph and
// parameters under the layer's path, which is also their state-dict name:
// "layer1.0.conv1.weight".
//
// Sizes of inputs are inferred and never written. Errors stick to the graph, so
// layers have none of their own to pass on.
package layers

import (
	"fmt"
	"slices"
	"strings"

	"imgcls/internal/graph"
	"imgcls/internal/rng"
)

// A Layer adds its operations to a graph, naming its parameters under s.
type Layer interface {
	Apply(s *Scope, x graph.Value) graph.Value
}

// Classes, as the number of outputs of a layer, stands for as many as the data
// set has classes.
const Classes = -1

// A Scope is a place in a network: a path of names, and what the layers there
// build on. One network applied to one entry of a graph has one root scope; in
// every entry the same path gives the same parameters.
type Scope struct {
	*root
	path string
}

type root struct {
	graph    *graph.Graph
	classes  int
	training bool
	frozen   []string
	samples  Samples // of training
	inits    map[graph.Value]initial
	tracked  []tracked
	whitens  []graph.Value
}

type initial struct {
	stream uint64
	init   Init
}

// NewScope returns the root scope of a network with that many classes.
func NewScope(g *graph.Graph, classes int) *Scope {
	return &Scope{root: &root{graph: g, classes: classes, inits: map[graph.Value]initial{}}}
}

// Train lets the layers applied from now on do what they do in training alone, as
// BatchNorm takes the batch's own statistics and Dropout drops what it draws for
// samples; except the frozen ones, given by their paths, and the layers within these.
func (s *Scope) Train(samples Samples, frozen ...string) {
	s.training, s.samples, s.frozen = true, samples, frozen
}

// trains reports whether the layer at s is in training.
func (s *Scope) trains() bool { return s.training && !Within(s.path, s.frozen) }

// Within reports whether path, of a layer or a parameter, is one of those of layers or
// below one.
func Within(path string, layers []string) bool {
	return slices.ContainsFunc(layers, func(layer string) bool { return path == layer || strings.HasPrefix(path, layer+".") })
}

// Sub returns the scope of that name within s; the empty name is s itself.
func (s *Scope) Sub(name string) *Scope {
	if name == "" {
		return s
	}
	return &Scope{root: s.root, path: s.join(name)}
}

func (s *Scope) join(name string) string {
	if s.path == "" {
		return name
	}
	return s.path + "." + name
}

// Shape returns the shape of x.
func (s *Scope) Shape(x graph.Value) []int { return s.graph.Tensor(x).Shape }

// Add appends an operation under the scope's path and returns its first output.
func (s *Scope) Add(op graph.Op, in ...graph.Value) graph.Value {
	return s.graph.Add(s.path, op, in...)[0]
}

// Param returns the parameter of that name, of the given shape.
func (s *Scope) Param(name string, init Init, shape ...int) graph.Value {
	return s.cell(name, graph.Param, init, shape)
}

// Buffer is Param for what belongs to the network and is not learnt.
func (s *Scope) Buffer(name string, init Init, shape ...int) graph.Value {
	return s.cell(name, graph.Buffer, init, shape)
}

func (s *Scope) cell(name string, role graph.Role, init Init, shape []int) graph.Value {
	path := s.join(name)
	v := s.graph.Lasting(graph.Tensor{Name: path, Type: graph.F32, Shape: shape, Role: role})
	if _, twice := s.inits[v]; twice {
		s.graph.Fail(fmt.Errorf("%s: two layers of the network have this name", path))
	}
	s.inits[v] = initial{rng.Stream(path), init}
	return v
}

// Initialize fills dst with the first values of parameter or buffer v, which depend on
// the seed and on the parameter's name and on nothing else.
func (s *Scope) Initialize(v graph.Value, seed uint64, dst []float32) {
	at := s.inits[v]
	for i := range dst {
		dst[i] = at.init.value(rng.Uniform(seed, at.stream, uint64(i)))
	}
	if at.init.Dirac {
		dirac(dst, s.Shape(v))
	}
}
