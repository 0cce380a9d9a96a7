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

// rows returns the matrix, of k rows, row by row.
func (a Matrix) rows(k, n int) []float64 {
	if a.Col == 1 {
		return a.Data
	}
	rows := make([]float64, k*n)
	for i := range rows {
		rows[i] = a.at(i/n, i%n)
	}
	return rows
}

// MatMul is y [m,n] = a [m,k] · b [k,n], plus bias [n] on each row, which may be
// nil.
func MatMul(y []float64, a, b Matrix, bias []float64, m, n, k int) {
	clear(y)
	rows := b.rows(k, n)
	for i := range m {
		row := y[i*n:][:n]
		copy(row, bias)
		for l := range k {
			addScaled(row, rows[l*n:][:n], a.at(i, l))
		}
	}
}

// addScaled is y = y + a·x.
func addScaled(y, x []float64, a float64) {
	for i, v := range x[:len(y)] {
		y[i] += float64(a * v)
	}
}
