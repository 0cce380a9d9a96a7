package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"imgcls/internal/checkpoint/naming"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
)

// A Mapping says where the parameters and buffers of a network come from, and what
// becomes of the tensors of a file. Every one of either stands in it once.
type Mapping struct {
	Library string    // whose names the file has: PyTorch, timm or transformers
	Taken   []Taken   // in the network's order
	Fresh   []string  // what keeps the values that it has, in the network's order
	Ignored []Ignored // in the file's order
}

// A Taken is a parameter or buffer whose values the file has.
type Taken struct {
	Name string // in the network
	From string // in the file
	Dims []int  // in the file

	v      graph.Value
	tensor safetensors.Tensor
}

// An Ignored is a tensor of the file that is not read.
type Ignored struct{ Name, Why string }

// Renamed returns the modules whose tensors the file has under another name than the
// network, in the network's order.
func (m *Mapping) Renamed() (modules []Renamed) {
	for _, t := range m.Taken {
		r := Renamed{naming.Module(t.Name), naming.Module(t.From)}
		if r.Name != r.From && !slices.Contains(modules, r) {
			modules = append(modules, r)
		}
	}
	return modules
}

// A Renamed is a module of the network, and what the file calls it.
type Renamed struct{ Name, From string }

// Load writes the file's tensors to the parameters of g through write. Names and
// shapes must be those of g, and every number finite; with convert, half and
// double precision become single.
func (m *Model) Load(g *graph.Graph, convert bool, write func(v graph.Value, src []byte) error) error {
	_, err := m.LoadBody(g, nil, convert, write)
	return err
}

// LoadBody is Load for all but the head, the names of what keeps its values: the file
// may have it in other shapes, or not at all. Without a head it is Load.
func (m *Model) LoadBody(g *graph.Graph, head map[string]bool, convert bool, write func(v graph.Value, src []byte) error) (*Mapping, error) {
	views, err := layouts(g)
	if err != nil {
		return nil, err
	}
	mapping, err := m.match(g, views, head)
	if err != nil {
		return nil, err
	}
	for _, t := range mapping.Taken {
		values, err := m.floats(t.tensor, convert)
		if err != nil {
			return nil, err
		}
		if l, ok := views[t.v]; ok {
			ordered := make([]float32, len(values))
			l.toMemory(ordered, values)
			values = ordered
		}
		if err := write(t.v, device.Bytes(values)); err != nil {
			return nil, err
		}
	}
	return mapping, nil
}

// floats returns the numbers of t, all of them finite.
func (m *Model) floats(t safetensors.Tensor, convert bool) ([]float32, error) {
	if t.DType != "F32" {
		if !convert {
			return nil, bad(m.Path, "use --convert to make it F32", "tensor %s is %s, want F32", fault.Quote(t.Name), t.DType)
		}
		var err error
		if t, err = safetensors.ToF32(t); err != nil {
			return nil, bad(m.Path, "", "%w", err)
		}
	}
	if n := safetensors.NonFinite(t); n > 0 {
		return nil, bad(m.Path, "take weights from before the training diverged", "tensor %s holds %d values that are NaN or infinite", fault.Quote(t.Name), n)
	}
	return t.Float32s()
}

// match finds each tensor's place and reports the first five differences.
func (m *Model) match(g *graph.Graph, views map[graph.Value]layout, head map[string]bool) (*Mapping, error) {
	if m.library.Refusal != "" {
		return nil, bad(m.Path, "take torchvision's or timm's weights", "%s", m.library.Refusal)
	}
	mapping := &Mapping{Library: m.library.Name}
	taken := map[graph.Value]Taken{}
	var diffs []string
	for _, t := range m.Tensors {
		name := m.library.Translate(t.Name)
		v := g.Named(name)
		switch {
		case counter(g, name, t):
			mapping.Ignored = append(mapping.Ignored, Ignored{t.Name, "counts of batches, from which nothing is computed"})
			continue
		case head[name]:
			mapping.Ignored = append(mapping.Ignored, Ignored{t.Name, "of the head"})
			continue
		case v == 0 || !g.Tensor(v).Role.Weights():
			diffs = append(diffs, fault.Quote(t.Name)+" is not in the model")
			continue
		}
		want := g.Tensor(v).Shape
		if l, ok := views[v]; ok {
			want = l.shape
		}
		switch other, twice := taken[v]; {
		case twice:
			diffs = append(diffs, fmt.Sprintf("%s and %s are both %s", fault.Quote(other.From), fault.Quote(t.Name), name))
		case !slices.Equal(t.Shape, want):
			diffs = append(diffs, fmt.Sprintf("%s is %v, want %v", called(t.Name, name), t.Shape, want))
		}
		taken[v] = Taken{name, t.Name, t.Shape, v, t}
	}
	for _, v := range g.Weights() {
		name := g.Tensor(v).Name
		if t, ok := taken[v]; ok {
			mapping.Taken = append(mapping.Taken, t)
		} else if head[name] {
			mapping.Fresh = append(mapping.Fresh, name)
		} else {
			diffs = append(diffs, name+" is missing")
		}
	}
	if diffs != nil {
		return nil, m.misfit(g, diffs)
	}
	return mapping, nil
}

// called returns a name of the file with the network's where it is another.
func called(file, network string) string {
	if file == network {
		return file
	}
	return fault.Quote(file) + " (" + network + ")"
}

// misfit is the error that says how file and network differ.
func (m *Model) misfit(g *graph.Graph, diffs []string) error {
	const most = 5
	shown := strings.Join(diffs[:min(len(diffs), most)], "; ")
	if len(diffs) > most {
		shown += fmt.Sprintf("; and %d more", len(diffs)-most)
	}
	do := "give the --model and --img-size that it was made for, and data of as many classes"
	if prefix := m.prefix(g); prefix != "" {
		do = "save it with names that do not begin with " + fault.Quote(prefix)
	}
	network := "the network"
	if m.network != "" {
		network += " " + m.network
	}
	return bad(m.Path, do, "does not fit %s: %s", network, shown)
}

// counter reports whether t, which the network would call by that name, counts the
// batches that a BatchNorm of g has seen. PyTorch keeps it beside the running
// statistics, and nothing is computed from it where the momentum is a number.
func counter(g *graph.Graph, name string, t safetensors.Tensor) bool {
	path, ok := strings.CutSuffix(name, "num_batches_tracked")
	return ok && len(t.Shape) == 0 && g.Named(name) == 0 && g.Named(path+"running_mean") != 0
}

// prefix returns what stands before the network's own names in every name of the
// file, as wrappers of modules put it there.
func (m *Model) prefix(g *graph.Graph) string {
	common := ""
	for i, t := range m.Tensors {
		name := t.Name
		for name != "" && g.Named(name) == 0 && !counter(g, name, t) {
			_, name, _ = strings.Cut(name, ".")
		}
		before := strings.TrimSuffix(t.Name, name)
		if name == "" || i > 0 && before != common {
			return ""
		}
		common = before
	}
	return common
}
