package devicetest

import (
	"fmt"

	"imgcls/internal/graph"
)

// matMulCases makes a case of each way in which matrices may lie in memory,
// with bias and without, for each size. The largest is beyond the sizes at
// which libraries start to cut products in blocks.
func matMulCases() []testCase {
	var cases []testCase
	for _, k := range []struct{ m, n, k int }{{1, 1, 1}, {5, 7, 3}, {4, 10, 84}, {1, 17, 131}, {13, 1, 37}, {66, 67, 130}} {
		for _, op := range []graph.MatMul{{}, {TransA: true}, {TransB: true}, {TransA: true, TransB: true}} {
			a, b, bias := float(k.m, k.k), float(k.k, k.n), float(k.n)
			c := testCase{name: fmt.Sprintf("%d×%d×%d", k.m, k.n, k.k), op: op, rows: 1, near: contraction}
			if op.TransA {
				a, c.rows = float(k.k, k.m), 0
				c.name += ", a transposed"
			}
			if op.TransB {
				b = float(k.n, k.k)
				c.name += ", b transposed"
			}
			c.in = []arg{a, b}
			cases = append(cases, c)
			c.in = []arg{a, b, bias}
			c.name += ", bias"
			cases = append(cases, c)
		}
	}
	return cases
}
