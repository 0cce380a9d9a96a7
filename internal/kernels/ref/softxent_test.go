package ref

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// TestSoftXent holds smoothed and mixed targets to PyTorch's; testdata/xent.py says what
// the lines hold.
func TestSoftXent(t *testing.T) {
	text, err := os.ReadFile("testdata/xent.golden")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		var rows, c, mixed int
		var smooth, wantLoss float64
		r := strings.NewReader(line)
		if _, err := fmt.Fscan(r, &rows, &c, &smooth, &mixed, &wantLoss); err != nil {
			t.Fatal(err)
		}
		x, q, dx := make([]float64, rows*c), make([]float64, rows*c), make([]float64, rows*c)
		for i := range x {
			x[i] = float64((37*i*i+11*i)%101-50) / 16
		}
		first, second, w := make([]int32, rows), make([]int32, rows), make([]float64, rows)
		for n := range rows {
			first[n], second[n], w[n] = int32(3*n%c), int32((5*n+1)%c), float64(n)/float64(rows+1)
		}
		if mixed == 0 {
			w = nil
		}
		Targets(q, first, second, w, smooth)
		var loss [1]float64
		SoftXent(loss[:], dx, x, q, c)
		if math.Abs(loss[0]-wantLoss) > 1e-12*(1+wantLoss) {
			t.Errorf("%d×%d, smoothing %g, mixed %d: loss %v, PyTorch's %v", rows, c, smooth, mixed, loss[0], wantLoss)
		}
		for i := range dx {
			var want float64
			if _, err := fmt.Fscan(r, &want); err != nil {
				t.Fatal(err)
			}
			if math.Abs(dx[i]-want) > 1e-14 {
				t.Errorf("%d×%d, smoothing %g, mixed %d: gradient %d is %v, PyTorch's %v", rows, c, smooth, mixed, i, dx[i], want)
				break
			}
		}
		lines++
	}
	if lines != 32 {
		t.Errorf("%d cases, want 32", lines)
	}
}
