package cpu

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"

	"imgcls/internal/kernels/cpu/tile"
)

// BLAS must be what blas32 takes.
var _ blas.Float32 = BLAS{}

// TestSgemm compares with gonum's own product, within what the two orders of
// adding may differ.
func TestSgemm(t *testing.T) {
	for _, set := range tile.Sets() {
		blas32.Use(BLAS{Set: set})
		for _, c := range []struct {
			m, n, k     int
			alpha, beta float32
		}{{7, 33, 300, 1, 0}, {40, 5, 17, -0.5, 1}, {1, 1, 1, 2, 3}, {64, 64, 64, 1, 1}, {5, 6, 7, 0, 2}, {5, 6, 0, 1, 2}} {
			for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				for _, tB := range []blas.Transpose{blas.NoTrans, blas.ConjTrans} {
					lda, ldb, ldc := max(c.m, c.k)+1, max(c.n, c.k)+2, c.n+3
					a, b, got := random(1, lda*lda), random(2, ldb*ldb), random(3, ldc*c.m)
					if c.beta == 0 { // not read
						got[0] = nan
					}
					want := append([]float32{}, got...)
					gonum.Implementation{}.Sgemm(tA, tB, c.m, c.n, c.k, c.alpha, a, lda, b, ldb, c.beta, want, ldc)
					blas32.Implementation().Sgemm(tA, tB, c.m, c.n, c.k, c.alpha, a, lda, b, ldb, c.beta, got, ldc)
					bound := 8 * math.Sqrt(float64(c.k+1)) * 0x1p-24 * float64(c.k+4)
					for i := range want {
						if !(math.Abs(float64(got[i]-want[i])) <= bound) {
							t.Fatalf("%s: %+v %c%c: element %d is %v, gonum's %v", set.Name, c, tA, tB, i, got[i], want[i])
						}
					}
				}
			}
		}
	}
	blas32.Use(gonum.Implementation{})
}

// What gonum refuses, BLAS refuses.
func TestSgemmPanics(t *testing.T) {
	x := make([]float32, 16)
	for _, c := range []struct{ m, n, k, lda, ldb, ldc int }{{-1, 4, 4, 4, 4, 4}, {4, 4, 4, 3, 4, 4}, {4, 4, 4, 4, 4, 3}, {5, 4, 4, 4, 4, 4}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			BLAS{Set: tile.Best()}.Sgemm(blas.NoTrans, blas.NoTrans, c.m, c.n, c.k, 1, x, c.lda, x, c.ldb, 0, x, c.ldc)
		})
	}
}

// Nor is a transposition that does not exist taken for one.
func TestSgemmBadTranspose(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("does not panic")
		}
	}()
	x := make([]float32, 1)
	BLAS{}.Sgemm('x', blas.NoTrans, 1, 1, 1, 1, x, 1, x, 1, 0, x, 1)
}

func BenchmarkSgemm(b *testing.B) {
	for _, set := range tile.Sets() {
		for _, c := range []struct{ m, n, k int }{{256, 256, 256}, {1024, 1024, 1024}, {1024, 64, 576}, {32768, 64, 576}, {512, 512, 4608}} {
			if !set.Native() && c.m*c.n*c.k > 1<<26 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%dx%dx%d", set.Name, c.m, c.n, c.k), func(b *testing.B) {
				x, y, z := random(1, c.m*c.k), random(2, c.k*c.n), make([]float32, c.m*c.n)
				for b.Loop() {
					BLAS{Set: set}.Sgemm(blas.NoTrans, blas.NoTrans, c.m, c.n, c.k, 1, x, c.k, y, c.n, 0, z, c.n)
				}
				b.ReportMetric(float64(2*c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
