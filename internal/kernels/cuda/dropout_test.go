package cuda_test

import (
	"fmt"
	"testing"

	"imgcls/internal/graph"
	"imgcls/internal/kernels/cuda"
	"imgcls/internal/kernels/ref"
)

// checkDropout drops on the device what the reference drops, in every type.
func checkDropout(t *testing.T, s *standin) {
	eachType(t, func(t *testing.T, typ graph.DType) {
		const cursor, epoch = 3, 70_000
		for _, k := range []struct {
			n, size int
			rate    float64
		}{{1, 1, 0.5}, {5, 203, 0.2}, {3, 1024, 0.9}, {2, 7, 0}} {
			r := random(k.size)
			x, order := rounded(typ, noise(r, k.n*k.size)), make([]int32, k.n+cursor)
			for i := range order {
				order[i] = r.Int32N(1 << 30)
			}
			op := graph.Dropout{Rate: k.rate, Seed: 1<<52 + 7, Stream: 1<<63 + 9}
			g, y, want := newGPU(t, s), empty(typ, len(x)), make([]float64, len(x))
			g.run(cuda.Dropout{
				Op: op, Type: typ, N: k.n, E: k.size, Y: g.out(y), X: g.in(encode(typ, x)),
				Order: g.in(order), Cursor: g.in([]int64{cursor}), Epoch: g.in([]int64{epoch}),
			}.Launches())
			for n := range k.n {
				at := n * k.size
				words := func(four int) [4]uint32 { return op.Words(epoch, int64(order[cursor+n]), four) }
				ref.Dropout(want[at:at+k.size], wide(x[at:at+k.size]), float64(op.Factor()), op.Threshold(), words)
			}
			same(t, fmt.Sprint("y ", k), decode(typ, y), narrow(typ, want))
		}
	})
}
