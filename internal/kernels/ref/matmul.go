package ref

// A Matrix is a view of a slice in which element (i,j) stands at i·Row + j·Col.
type Matrix struct {
	Data     []float64
	Row, Col int
}

// Stored returns the matrix that lies in data row by row, cols to the row, or
// its transpose.
func Stored(data []float64, cols int, transposed bool) Matrix {
	if transposed {
		return Matrix{data, 1, cols}
	}
	return Matrix{data, cols, 1}
}

func (a Matrix) at(i, j int) float64 { return a.Data[i*a.Row+j*a.Col] }

// MatMul is y [m,n] = a [m,k] · b [k,n], plus bias [n] on each row, which may be
// nil.
func MatMul(y []float64, a, b Matrix, bias []float64, m, n, k int) {
	for i := range m {
		for j := range n {
			sum := 0.0
			if bias != nil {
				sum = bias[j]
			}
			for l := range k {
				sum += float64(a.at(i, l) * b.at(l, j))
			}
			y[i*n+j] = sum
		}
	}
}
