package devicetest

import (
	"bytes"
	"slices"
	"testing"

	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// guard is the room left free before and behind the tensors of an arena.
const guard = 16 * plan.Align

// widen leaves guards around a module's tensors and adds to it one more: bytes
// that cover the whole arena. Written, it fills the arena with a pattern;
// read, it shows every byte that a kernel has touched, in the guards, in the
// gaps between tensors, and in tensors that are none of its business.
func widen(m *plan.Module) graph.Value {
	for v, at := range m.Offset {
		if at >= 0 {
			m.Offset[v] = at + guard
		}
	}
	m.Arena += 2 * guard
	view := graph.Value(len(m.Tensors))
	m.Tensors = append(slices.Clone(m.Tensors), graph.Tensor{Name: "arena", Type: graph.U8, Shape: []int{m.Arena}, Role: graph.State})
	m.Root = append(m.Root, view)
	m.Offset = append(m.Offset, 0)
	return view
}

// hasArena reports whether the program keeps its tensors in an arena, as all do
// but the reference, whose slices have bounds of their own.
func (x *trial) hasArena() bool {
	_, apart := x.prog.(*ref.Program)
	return !apart
}

// expectZeros checks what a program holds before anything is written.
func (x *trial) expectZeros(t *testing.T) {
	t.Helper()
	for _, v := range append(slices.Clone(x.in), x.view) {
		if b := read(t, x.prog, x.m, v); !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("%s is not zeros after Compile", x.m.Tensors[v].Name)
		}
	}
}

// runWatched is run in an arena that is filled with a byte before, and whose
// bytes may not change afterwards but for the results.
func (x *trial) runWatched(t *testing.T, fill byte, inputs [][]float64) [][]byte {
	t.Helper()
	if !x.hasArena() {
		return x.run(t, inputs)
	}
	write(t, x.prog, x.view, bytes.Repeat([]byte{fill}, x.m.Arena))
	x.write(t, inputs)
	before := read(t, x.prog, x.m, x.view)
	for i, v := range x.in {
		if at := x.m.Offset[v]; !bytes.HasPrefix(before[at:], encode(x.testCase.in[i].typ, inputs[i])) {
			t.Fatalf("%s is not at its offset in the arena", x.m.Tensors[v].Name)
		}
	}
	run(t, x.prog, 0, 1)
	after := read(t, x.prog, x.m, x.view)
	expectUntouched(t, x.m, before, after, append(x.temporaries(), x.out...))
	return x.results(t)
}

// temporaries lists what the nodes of the case may overwrite.
func (x *trial) temporaries() []graph.Value {
	var all []graph.Value
	for _, n := range x.m.Entries[0].Nodes {
		for _, v := range n.Out {
			if v != 0 {
				all = append(all, v)
			}
		}
	}
	return all
}

// expectUntouched reports the first byte of the arena that differs and is not
// part of one of the values.
func expectUntouched(t *testing.T, m *plan.Module, before, after []byte, values []graph.Value) {
	t.Helper()
	before = slices.Clone(before)
	for _, v := range values {
		at := m.Offset[v]
		copy(before[at:at+m.Tensors[v].Bytes()], after[at:])
	}
	for at := range before {
		if before[at] != after[at] {
			t.Errorf("seed %d: byte %d of the arena was overwritten, %s", seed, at, place(m, at))
			return
		}
	}
}

// place says where a byte of the arena lies.
func place(m *plan.Module, at int) string {
	where := "before every tensor"
	nearest := 0
	for v, t := range m.Tensors[:len(m.Tensors)-1] {
		from := m.Offset[v]
		if from < nearest || from > at {
			continue
		}
		nearest = from
		if where = "behind " + t.Name + ", " + t.String(); at < from+t.Bytes() {
			where = "in " + t.Name + ", " + t.String()
		}
	}
	return where
}
