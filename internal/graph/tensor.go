package graph

import (
	"fmt"
	"slices"
	"strings"
)

// A Value names one tensor of a Graph. The zero Value is no tensor.
type Value int32

// A DType is the type of a tensor's elements.
type DType uint8

// The element types. F16 and BF16 are storage only: sums are kept in F32.
const (
	F32 DType = iota
	BF16
	F16
	U8
	I32
	I64
)

var dtypes = [...]struct {
	name string
	size int
}{F32: {"f32", 4}, BF16: {"bf16", 2}, F16: {"f16", 2}, U8: {"u8", 1}, I32: {"i32", 4}, I64: {"i64", 8}}

// String returns the type's name in lower case: "f32".
func (t DType) String() string { return dtypes[t].name }

// Size returns the bytes of one element.
func (t DType) Size() int { return dtypes[t].size }

// Float reports whether elements are floating-point numbers.
func (t DType) Float() bool { return t <= F16 }

// A Role says whether, and across what, a tensor lives on.
type Role uint8

const (
	Temp   Role = iota // within one run of one entry
	Input              // written by the host, read by entries
	Param              // learnt; saved in the model file
	State              // kept between steps; saved in a checkpoint only
	Buffer             // not learnt, but part of the network; saved in the model file
)

// String returns the role's name in lower case.
func (r Role) String() string { return [...]string{"temp", "input", "param", "state", "buffer"}[r] }

// Cell reports whether nodes may set the tensor and a checkpoint holds it.
func (r Role) Cell() bool { return r == Param || r == State || r == Buffer }

// Weights reports whether the tensor is of the network itself, and so in its file.
func (r Role) Weights() bool { return r == Param || r == Buffer }

// A Tensor describes a value. Images are NHWC and filters ORSI on every
// device; other layouts exist only inside checkpoint and export.
type Tensor struct {
	Name  string // state-dict name for parameters and state; a node's path for the rest
	Shape []int  // every extent is at least 1
	Type  DType
	Role  Role
	Slots int // Input: 1 is resident; 2 or more is a ring that the host feeds step by step
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes returns the size of one copy of the tensor in bytes.
func (t Tensor) Bytes() int { return t.Len() * t.Type.Size() }

// Dims returns the shape as people write it: "4×32×32×3".
func (t Tensor) Dims() string {
	var b strings.Builder
	for i, d := range t.Shape {
		if i > 0 {
			b.WriteString("×")
		}
		fmt.Fprint(&b, d)
	}
	return b.String()
}

// String returns type and shape: "f32 4×32×32×3".
func (t Tensor) String() string { return t.Type.String() + " " + t.Dims() }

// Like returns a temporary of the same shape and type.
func (t Tensor) Like() Tensor { return Tensor{Shape: t.Shape, Type: t.Type} }

// mostElements bounds a tensor, so that byte counts cannot overflow.
const mostElements = 1 << 40

// check reports why a tensor cannot exist.
func (t Tensor) check() error {
	n := 1
	for _, d := range t.Shape {
		if d < 1 || d > mostElements || n > mostElements/d {
			return fmt.Errorf("shape %s has no elements or too many", t.Dims())
		}
		n *= d
	}
	return nil
}

// sameAs reports whether two tensors agree in shape and type.
func (t Tensor) sameAs(u Tensor) bool { return t.Type == u.Type && slices.Equal(t.Shape, u.Shape) }

// single reports whether the tensor is one element of type typ.
func (t Tensor) single(typ DType) bool { return t.Type == typ && t.Len() == 1 }
