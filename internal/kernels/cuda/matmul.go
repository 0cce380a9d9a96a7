package cuda

import (
	"fmt"

	"imgcls/internal/graph"
)

// A MatMul is y [M,N] = act(bias + a·b), for matmul.cuh.
type MatMul struct {
	M, N, K        int
	TransA, TransB bool // a lies as [K,M], b lies as [N,K]
	Type, Out      graph.DType
	Act            *graph.Act
	Y, A, B, Bias  Addr // Bias may be 0
}

// Check reports extents that the kernels cannot count.
func (m MatMul) Check() error {
	for _, n := range []int{m.M, m.N, m.K, m.M * m.N, m.M * m.K, m.N * m.K} {
		if n > mostRows {
			return fmt.Errorf("a matrix product with an extent of %d, more than %d: take a smaller batch", n, mostRows)
		}
	}
	return nil
}

// Launches returns one launch, or with the sum split two.
func (m MatMul) Launches(room Room) []Launch {
	block := blockFor(m.M, m.N)
	splits := 1
	if m.TransA {
		// A weight's gradient. Other products are forward passes, whose rows must
		// not depend on how many there are.
		splits = splitsFor(block.tiles(m.M, m.N), m.K, deep(m.Type))
	}
	y := m.Y
	if splits > 1 {
		y = room(4 * splits * m.M * m.N)
	}
	asFloat := m.Out == graph.F32
	kernel, steps := m.kernel()
	args := with(pointers(y, m.Bias, m.A, m.B), append(steps, m.M, m.N, m.K, actKind(m.Act), flag(asFloat), splits)...)
	l := Launch{
		Kernel: "matmul_" + kernel + "_" + block.name + "_" + m.Type.String(),
		Grid:   [3]int{ceil(m.M, block.rows), ceil(m.N, block.columns), splits},
		Block:  block.threads(),
		Args:   args,
	}
	if splits == 1 {
		return []Launch{l}
	}
	return []Launch{l, sumParts(m.Y, y, splits, m.M*m.N)}
}

// kernel returns the variant, and the steps in memory where it wants them.
func (m MatMul) kernel() (variant string, steps []int) {
	fills := func(line int) bool { return line*m.Type.Size()%16 == 0 }
	switch {
	case !m.TransA && m.TransB && fills(m.K):
		return "nt", nil
	case !m.TransA && !m.TransB && fills(m.K) && fills(m.N):
		return "nn", nil
	case m.TransA && !m.TransB && fills(m.M) && fills(m.N):
		return "tn", nil
	}
	order := func(lines int, deep int, transposed bool) []int {
		if transposed {
			return []int{1, lines}
		}
		return []int{deep, 1}
	}
	return "any", append(order(m.M, m.K, m.TransA), order(m.N, m.K, !m.TransB)...)
}
