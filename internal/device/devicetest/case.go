package devicetest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A testCase is one operation with its inputs, or several that are fused
// (fuse.go).
type testCase struct {
	name string
	op   graph.Op
	in   []arg
	*pattern
	set []int // the inputs that op overwrites
	// So many of the first inputs, and every output, have samples as their first
	// dimension, and no sample depends on another.
	rows int
	near nearness
	// patches says that a device may compute patches of places at once (inPatches), so
	// that what is not finite may reach all of a patch.
	patches bool
}

// An arg is one input of a case.
type arg struct {
	typ   graph.DType
	draw  drawing
	shape []int
}

// float returns an input of real numbers drawn by signed.
func float(shape ...int) arg { return arg{graph.F32, signed, shape} }

// open is the input of a gate that is not shut.
func open() arg { return arg{graph.I32, given(1), []int{1}} }

// draw returns the elements of each input, exact in their types.
func (c testCase) draw() [][]float64 {
	r := generator(c.name)
	inputs := make([][]float64, len(c.in))
	for i, a := range c.in {
		values := make([]float64, graph.Tensor{Shape: a.shape}.Len())
		for j := range values {
			values[j] = a.draw(r, j)
		}
		inputs[i] = decode(a.typ, encode(a.typ, values))
	}
	return inputs
}

// A trial is a case compiled for a device.
type trial struct {
	testCase
	m    *plan.Module
	prog device.Program
	in   []graph.Value
	out  []graph.Value // the cells set, and the outputs that are read
	view graph.Value   // the whole arena
}

// compile prepares a case of which only some outputs are read, all where the
// list is empty.
func (c testCase) compile(t *testing.T, dev device.Device, read ...int) *trial {
	t.Helper()
	x := &trial{testCase: c}
	g := graph.New()
	var set []graph.Value
	for i, a := range c.in {
		in := graph.Tensor{Name: fmt.Sprintf("input %d", i), Type: a.typ, Shape: a.shape, Role: graph.Input, Slots: 1}
		if slices.Contains(c.set, i) {
			in.Role, in.Slots = graph.State, 0
		}
		x.in = append(x.in, g.Lasting(in))
		if in.Role == graph.State {
			set = append(set, x.in[i])
		}
	}
	for i, v := range c.add(g, set, x.in) {
		if len(read) == 0 || slices.Contains(read, i) {
			x.out = append(x.out, v)
		}
	}
	g.Return(x.out...)
	x.out = append(set, x.out...)
	m, err := c.planner()(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	x.m, x.view = m, widen(m)
	x.prog = compile(t, dev, m)
	return x
}

// compile loads a module for as long as the test runs.
func compile(t *testing.T, dev device.Device, m *plan.Module) device.Program {
	t.Helper()
	prog, err := dev.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := prog.Close(); err != nil {
			t.Error(err)
		}
	})
	return prog
}

func (x *trial) write(t *testing.T, inputs [][]float64) {
	t.Helper()
	for i, v := range x.in {
		write(t, x.prog, v, encode(x.testCase.in[i].typ, inputs[i]))
	}
}

// run returns the memory of each output for the inputs.
func (x *trial) run(t *testing.T, inputs [][]float64) [][]byte {
	t.Helper()
	x.write(t, inputs)
	run(t, x.prog, 0, 1)
	return x.results(t)
}

func (x *trial) results(t *testing.T) [][]byte {
	t.Helper()
	var results [][]byte
	for _, v := range x.out {
		results = append(results, read(t, x.prog, x.m, v))
	}
	return results
}

// exact returns the reference's outputs in full precision, for inputs that need
// not be numbers of their types.
func (x *trial) exact(t *testing.T, inputs [][]float64) [][]float64 {
	t.Helper()
	p := x.prog.(*ref.Program)
	for i, v := range x.in {
		if a := x.testCase.in[i]; a.typ.Float() {
			copy(p.Float64(v), inputs[i])
		} else {
			write(t, p, v, encode(a.typ, inputs[i]))
		}
	}
	run(t, p, 0, 1)
	var results [][]float64
	for _, v := range x.out {
		if typ := x.m.Tensors[v].Type; typ.Float() {
			results = append(results, slices.Clone(p.Float64(v)))
		} else {
			results = append(results, decode(typ, read(t, p, x.m, v)))
		}
	}
	return results
}

// check tries everything that the package comment promises of a case.
func (c testCase) check(t *testing.T, dev device.Device, twins []device.Device) {
	inputs := c.draw()
	x, reference := c.compile(t, dev), c.unfused().compile(t, ref.New())
	x.expectZeros(t)
	results := x.runWatched(t, 0xFF, inputs)
	c.compare(t, "", x, results, reference, inputs)
	expectSame(t, "a second run", x.runWatched(t, 0x5A, inputs), results)
	for _, d := range append([]device.Device{dev}, twins...) {
		expectSame(t, "another program on "+d.String(), c.compile(t, d).run(t, inputs), results)
	}
	c.checkUnread(t, dev, inputs, results)
	c.checkShut(t, x, inputs)
	c.checkSpecials(t, x, reference, inputs)
	c.checkRows(t, dev)
	c.checkFusion(t, dev, x, inputs, results)
}

// checkUnread leaves out each of several outputs.
func (c testCase) checkUnread(t *testing.T, dev device.Device, inputs [][]float64, all [][]byte) {
	t.Helper()
	if len(c.set) > 0 || len(all) < 2 {
		return
	}
	for i := range all {
		alone := c.compile(t, dev, i).runWatched(t, 0xFF, inputs)
		expectSame(t, fmt.Sprintf("output %d read alone", i), alone, all[i:i+1])
	}
}

// checkShut runs an operation that sets cells with its gate, the first input,
// shut.
func (c testCase) checkShut(t *testing.T, x *trial, inputs [][]float64) {
	t.Helper()
	if len(c.set) == 0 || c.pattern != nil {
		return
	}
	inputs = slices.Clone(inputs)
	inputs[0] = []float64{0}
	var want [][]byte
	for _, i := range c.set {
		want = append(want, encode(c.in[i].typ, inputs[i]))
	}
	for _, v := range x.out[len(c.set):] {
		want = append(want, make([]byte, x.m.Tensors[v].Bytes()))
	}
	expectSame(t, "a cell or output behind a shut gate", x.run(t, inputs), want)
}

// checkSpecials puts a NaN and infinities in each input of real numbers. Where
// other inputs hold zeros nothing is said of the products with them.
func (c testCase) checkSpecials(t *testing.T, x, reference *trial, inputs [][]float64) {
	t.Helper()
	r := generator(c.name + " specials")
	for i, a := range c.in {
		if !a.typ.Float() || c.staysFinite(i) || c.near != exact && slices.ContainsFunc(inputs, hasZero) {
			continue
		}
		for _, special := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			changed := slices.Clone(inputs)
			changed[i] = slices.Clone(inputs[i])
			at := r.IntN(len(changed[i]))
			changed[i][at] = special
			about := fmt.Sprintf("with %v at %d of input %d: ", special, at, i)
			if c.patches {
				c.compareSpread(t, about, x.run(t, changed), reference.run(t, changed), x)
			} else {
				c.compare(t, about, x, x.run(t, changed), reference, changed)
			}
		}
	}
}

// compareSpread wants an element that is not finite wherever the reference has one.
func (c testCase) compareSpread(t *testing.T, about string, got, want [][]byte, x *trial) {
	t.Helper()
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for i, v := range x.out {
		typ := x.m.Tensors[v].Type
		if !typ.Float() {
			continue
		}
		values := decode(typ, got[i])
		for j, w := range decode(typ, want[i]) {
			if !finite(w) && finite(values[j]) {
				t.Errorf("%sresult %d: element %d is %v, want %v or another that is not finite", about, i, j, values[j], w)
				return
			}
		}
	}
}

func hasZero(values []float64) bool { return slices.Contains(values, 0) }

// checkRows runs the first and the last samples of a batch in batches of other
// sizes.
func (c testCase) checkRows(t *testing.T, dev device.Device) {
	t.Helper()
	if c.rows == 0 {
		return
	}
	most := max(7, c.in[0].shape[0])
	whole := c.batch(most)
	inputs := whole.draw()
	want := whole.compile(t, dev).run(t, inputs)
	for _, n := range []int{1, 2, 5, most - 1} {
		x := c.batch(n).compile(t, dev)
		for _, from := range []int{0, most - n} {
			part := slices.Clone(inputs)
			for i := range c.rows {
				part[i] = rowsOf(inputs[i], from, n, most)
			}
			for i, got := range x.run(t, part) {
				if !bytes.Equal(got, rowsOf(want[i], from, n, most)) {
					t.Errorf("seed %d: output %d: samples %d to %d have other bits in a batch of %d than in one of %d",
						seed, i, from, from+n-1, n, most)
				}
			}
		}
	}
}

// batch returns the case with n samples.
func (c testCase) batch(n int) testCase {
	c.in = slices.Clone(c.in)
	for i := range c.rows {
		c.in[i].shape = append([]int{n}, c.in[i].shape[1:]...)
	}
	return c
}

// rowsOf returns n of total rows.
func rowsOf[T any](all []T, from, n, total int) []T {
	size := len(all) / total
	return all[from*size : (from+n)*size]
}

// expectSame reports the first element that differs in a bit.
func expectSame(t *testing.T, what string, got, want [][]byte) {
	t.Helper()
	for i := range want {
		for at := range want[i] {
			if got[i][at] != want[i][at] {
				t.Errorf("seed %d: %s: result %d differs at byte %d of %d", seed, what, i, at, len(want[i]))
				break
			}
		}
	}
}

func write(t *testing.T, p device.Program, v graph.Value, src []byte) {
	t.Helper()
	if err := p.Write(v, src); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, p device.Program, entry, n int) {
	t.Helper()
	if err := p.Run(entry, n); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, p device.Program, m *plan.Module, v graph.Value) []byte {
	t.Helper()
	b := make([]byte, m.Tensors[v].Bytes())
	if err := p.Read(v, b); err != nil {
		t.Fatal(err)
	}
	return b
}
