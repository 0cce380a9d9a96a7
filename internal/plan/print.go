package plan

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"imgcls/internal/graph"
)

// A Listing is one entry as people and programs read it.
type Listing struct {
	Name       string `json:"name"`
	ArenaBytes int    `json:"arena_bytes"`
	Flops      int    `json:"flops"`
	Nodes      []Row  `json:"nodes"`
}

// A Row describes a node by its first output, or by the first cell that it
// sets where it has none.
type Row struct {
	Op     string `json:"op"`
	Name   string `json:"name"`
	Shape  []int  `json:"shape"`
	Type   string `json:"type"`
	Bytes  int    `json:"bytes"` // of all outputs and cells set
	Flops  int    `json:"flops"`
	Offset int    `json:"offset"`
	Kernel string `json:"kernel"`
}

// OpName returns the name of an operation's type, "ConvBackData", or of all
// operations that it does the work of: "Conv+Act+MaxPool".
func OpName(op graph.Op) string {
	if c, ok := op.(graph.Composite); ok {
		return strings.Join(c.Parts(), "+")
	}
	return reflect.TypeOf(op).Name()
}

// List describes every entry.
func (m *Module) List() []Listing {
	var entries []Listing
	for _, e := range m.Entries {
		l := Listing{Name: e.Name, ArenaBytes: e.Bytes}
		for _, n := range e.Nodes {
			r := m.row(n)
			l.Flops += r.Flops
			l.Nodes = append(l.Nodes, r)
		}
		entries = append(entries, l)
	}
	return entries
}

func (m *Module) row(n graph.Node) Row {
	r := Row{Op: OpName(n.Op), Name: n.Name}
	shown := graph.Value(0)
	for _, v := range slices.Concat(n.Set, n.Out) {
		if v == 0 {
			continue
		}
		if shown == 0 {
			shown = v
		}
		r.Bytes += m.Tensors[v].Bytes()
	}
	t := m.Tensors[shown]
	r.Shape, r.Type, r.Offset = t.Shape, t.Type.String(), m.Offset[shown]
	r.Kernel = kernelName(r.Op, t.Type)
	if c, ok := n.Op.(graph.Coster); ok {
		r.Flops = c.Flops(m.describe(n.In), m.describe(n.Out))
	}
	return r
}

func (m *Module) describe(values []graph.Value) []graph.Tensor {
	t := make([]graph.Tensor, len(values))
	for i, v := range values {
		t[i] = m.Tensors[v]
	}
	return t
}

// kernelName spells an operation as kernels are named: "max_pool_back_f32",
// "conv_act_max_pool_f32".
func kernelName(op string, t graph.DType) string {
	var b strings.Builder
	for i, r := range strings.ReplaceAll(op, "+", "") {
		if i > 0 && 'A' <= r && r <= 'Z' && op != strings.ToUpper(op) {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String()) + "_" + t.String()
}

// Print writes the plan as a table, one row for each node.
func (m *Module) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, e := range m.List() {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		fmt.Fprintf(tw, "%s: %d nodes, %d FLOP, %d bytes\n", e.Name, len(e.Nodes), e.Flops, e.ArenaBytes)
		fmt.Fprintln(tw, "  op\tname\tshape\ttype\tbytes\tFLOP\toffset\tkernel")
		for _, r := range e.Nodes {
			shape := graph.Tensor{Shape: r.Shape}.Dims()
			fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", r.Op, r.Name, shape, r.Type, r.Bytes, r.Flops, r.Offset, r.Kernel)
		}
	}
	return tw.Flush()
}
