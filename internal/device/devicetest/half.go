package devicetest

import (
	"fmt"

	"imgcls/internal/graph"
)

// halfCases makes the cases of half precision: casts, and those of the operations in
// the planner's table with the inputs of type typ that are so there. What is sure to be
// exact in f32 is so but for the rounding of the result.
func halfCases(typ graph.DType) []testCase {
	var cases []testCase
	for _, n := range []int{1, 7, 1009, 4567} {
		x := float(n)
		cases = append(cases, testCase{name: fmt.Sprintf("%d to %s", n, typ), op: graph.Cast{To: typ}, in: []arg{x}, rows: 1})
		x.typ = typ
		cases = append(cases, testCase{name: fmt.Sprintf("%d from %s", n, typ), op: graph.Cast{}, in: []arg{x}, rows: 1})
	}
	for _, c := range convCases() {
		cases = append(cases, c.halved(typ, 2))
	}
	for _, c := range matMulCases() {
		cases = append(cases, c.halved(typ, 2)) // as gradients of weights: f32 from 16 bits
		op := c.op.(graph.MatMul)
		op.Out = typ
		c.op = op
		c.name += ", stored so"
		cases = append(cases, c.halved(typ, 2))
	}
	for _, c := range addCases {
		cases = append(cases, c.halved(typ, 2))
	}
	for _, c := range poolCases() {
		cases = append(cases, c.halved(typ, 2))
	}
	for _, c := range dropoutCases() {
		cases = append(cases, c.halved(typ, 1))
	}
	for _, c := range actCases() {
		cases = append(cases, c.halved(typ, 2))
	}
	return cases
}

// halved returns the case with those of its first n inputs that are f32 in type typ.
func (c testCase) halved(typ graph.DType, n int) testCase {
	in := make([]arg, len(c.in))
	for i, a := range c.in {
		if i < n && a.typ == graph.F32 {
			a.typ = typ
		}
		in[i] = a
	}
	c.in = in
	c.name += ", " + typ.String()
	return c
}
