package layers

import "imgcls/internal/graph"

// Conv is a convolution with square filters, followed by a bias. Parameters:
// weight [Out,Kernel,Kernel,I/Groups], bias [Out].
type Conv struct {
	Out, Kernel int
	Stride      int // 0 means 1
	Pad         int
	Groups      int // each filter sees the channels of one group; 0 means 1
	NoBias      bool
	Init        ConvInit
}

// Apply maps [N,H,W,I] to [N,P,Q,Out].
func (c Conv) Apply(s *Scope, x graph.Value) graph.Value {
	in := channels(s, x)
	of := max(1, in/max(1, c.Groups)) // whether they can be cut so is for the operation to say
	inputs := []graph.Value{x, s.Param("weight", c.Init.of(c.Out, c.Kernel, of), c.Out, c.Kernel, c.Kernel, of)}
	if !c.NoBias {
		inputs = append(inputs, s.Param("bias", FanIn(c.Kernel*c.Kernel*of), c.Out))
	}
	return s.Add(graph.Conv{Stride: max(c.Stride, 1), Pad: c.Pad, Groups: c.Groups}, inputs...)
}

// Linear is a product with a matrix, followed by a bias. Parameters: weight
// [Out,I], bias [Out].
type Linear struct {
	Out    int // or Classes
	NoBias bool
	Bound  float64 // the weight starts uniform within it; 0 means FanIn
	Std    float64 // the weight starts normal with it, and the bias as 0; 0 means FanIn for both
}

// Apply maps [N,I] to [N,Out].
func (l Linear) Apply(s *Scope, x graph.Value) graph.Value {
	if l.Out == Classes {
		l.Out = s.classes
	}
	in := channels(s, x)
	weight, bias := FanIn(in), FanIn(in)
	if l.Std > 0 {
		weight, bias = Init{Std: l.Std}, Init{}
	}
	if l.Bound > 0 {
		weight = Init{Bound: l.Bound}
	}
	inputs := []graph.Value{x, s.Param("weight", weight, l.Out, in)}
	if !l.NoBias {
		inputs = append(inputs, s.Param("bias", bias, l.Out))
	}
	return s.Add(graph.MatMul{TransB: true}, inputs...)
}

// channels returns the last extent of x, and 1 where a failed graph has none.
func channels(s *Scope, x graph.Value) int {
	if shape := s.Shape(x); len(shape) > 0 {
		return shape[len(shape)-1]
	}
	return 1
}

// MaxPool takes the maximum of square windows.
type MaxPool struct {
	Kernel int
	Stride int // 0 means Kernel: windows side by side
	Pad    int
}

// Apply maps [N,H,W,C] to [N,P,Q,C].
func (m MaxPool) Apply(s *Scope, x graph.Value) graph.Value {
	stride := m.Stride
	if stride == 0 {
		stride = m.Kernel
	}
	return s.Add(graph.MaxPool{Kernel: m.Kernel, Stride: stride, Pad: m.Pad}, x)
}

// AvgPool takes the mean of square windows, of which padding is a part.
type AvgPool struct {
	Kernel int
	Stride int // 0 means Kernel: windows side by side
	Pad    int
}

// Apply maps [N,H,W,C] to [N,P,Q,C].
func (a AvgPool) Apply(s *Scope, x graph.Value) graph.Value {
	stride := a.Stride
	if stride == 0 {
		stride = a.Kernel
	}
	return s.Add(graph.AvgPool{R: a.Kernel, S: a.Kernel, Stride: stride, Pad: a.Pad}, x)
}

// GlobalAvgPool takes the mean of each channel of an image.
type GlobalAvgPool struct{}

// Apply maps [N,H,W,C] to [N,C].
func (GlobalAvgPool) Apply(s *Scope, x graph.Value) graph.Value {
	if shape := s.Shape(x); len(shape) == 4 {
		x = s.Add(graph.AvgPool{R: shape[1], S: shape[2], Stride: 1}, x)
	}
	return Flatten{}.Apply(s, x)
}

// ReLU is max(x, 0).
type ReLU struct{}

// Apply keeps the shape.
func (ReLU) Apply(s *Scope, x graph.Value) graph.Value {
	return s.Add(graph.Act{Kind: graph.ReLU}, x)
}

// ReLU6 is min(max(x, 0), 6).
type ReLU6 struct{}

// Apply keeps the shape.
func (ReLU6) Apply(s *Scope, x graph.Value) graph.Value {
	return s.Add(graph.Act{Kind: graph.ReLU6}, x)
}

// GELU is x·Φ(x), PyTorch's default and not the approximation by tanh.
type GELU struct{}

// Apply keeps the shape.
func (GELU) Apply(s *Scope, x graph.Value) graph.Value {
	return s.Add(graph.Act{Kind: graph.GELU}, x)
}

// SiLU is x/(1 + e⁻ˣ).
type SiLU struct{}

// Apply keeps the shape.
func (SiLU) Apply(s *Scope, x graph.Value) graph.Value {
	return s.Add(graph.Act{Kind: graph.SiLU}, x)
}

// Residual is body(x) + skip(x), where no Skip is x itself.
type Residual struct {
	Body, Skip Layer
}

// Apply wants both to give one shape.
func (r Residual) Apply(s *Scope, x graph.Value) graph.Value {
	y := r.Body.Apply(s, x)
	if r.Skip != nil {
		x = r.Skip.Apply(s, x)
	}
	return s.Add(graph.Add{}, y, x)
}

// Flatten makes one row of features of each sample.
type Flatten struct{}

// Apply maps [N,H,W,C] to [N, H·W·C].
func (Flatten) Apply(s *Scope, x graph.Value) graph.Value {
	t := s.graph.Tensor(x)
	if len(t.Shape) == 0 {
		return x
	}
	return s.Add(graph.Reshape{Shape: []int{t.Shape[0], t.Len() / t.Shape[0]}}, x)
}

// Seq applies layers one after another.
type Seq []Named

// Named is a layer with its name in the path; an empty name adds none.
type Named struct {
	Name  string
	Layer Layer
}

// Apply applies each layer to the result of the one before.
func (q Seq) Apply(s *Scope, x graph.Value) graph.Value {
	for _, l := range q {
		x = l.Layer.Apply(s.Sub(l.Name), x)
	}
	return x
}
