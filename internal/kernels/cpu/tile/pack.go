package tile

// Panels returns where the panels of n columns begin, and n.
func (s *Set) Panels(n int) []int {
	starts := []int{0}
	for j := 0; j < n; {
		j = min(n, j+s.Width(n-j))
		starts = append(starts, j)
	}
	return starts
}

// Packed returns the elements of a matrix [k,n] in panels; see Pack.
func (s *Set) Packed(k, n int) int {
	columns := 0
	for j := 0; j < n; j += s.Width(n - j) {
		columns += s.Width(n - j)
	}
	return k * columns
}

// Transpose is dst[c·dstStride + r] = src[r·srcStride + c] for c below cols and
// r below rows.
func (s *Set) Transpose(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) {
	whole := cols &^ 3
	for r := 0; r < rows; {
		done := 1
		from := 0
		if n := transposable(rows - r); n > 1 && whole > 0 && s.kind != portable {
			transpose(n, &dst[r], &src[r*srcStride], 4*dstStride, 4*srcStride, whole/4)
			done, from = n, whole
		}
		for i := r; i < r+done; i++ {
			row := src[i*srcStride : i*srcStride+cols]
			for c := from; c < cols; c++ {
				dst[c*dstStride+i] = row[c]
			}
		}
		r += done
	}
}

// transposable returns how many of n rows are transposed at once.
func transposable(n int) int {
	switch {
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

// PackRow sets the k-th of depth rows of a panel that is so wide.
func (s *Set) PackRow(panel, row []float32, width, depth, k int) {
	if s.kind != portable {
		copy(panel[k*width:(k+1)*width], row)
		return
	}
	for j, v := range row { // gonum's inner products want columns in one piece
		panel[j*depth+k] = v
	}
}

// PackColumns sets the columns of such a panel to the rows of src.
func (s *Set) PackColumns(panel, src []float32, stride, width, depth, columns int) {
	if s.kind != portable {
		s.Transpose(panel, width, src, stride, columns, depth)
		return
	}
	for j := range columns {
		copy(panel[j*depth:(j+1)*depth], src[j*stride:])
	}
}

// Pack lays the columns lo to hi of a matrix [k,n] out in panels for Cols, as wide
// as Width says, one row of a panel behind the other. lo is where a panel begins.
// Lanes behind the last column are left as they are. With trans, src is [n,k].
func (s *Set) Pack(dst, src []float32, stride int, trans bool, k, n, lo, hi int) {
	for j := lo; j < hi; {
		width := s.Width(n - j)
		cols := min(width, n-j)
		panel := dst[s.Packed(k, j):]
		if trans {
			s.Transpose(panel, width, src[j*stride:], stride, cols, k)
		} else {
			for i := range k {
				copy(panel[i*width:i*width+cols], src[i*stride+j:])
			}
		}
		j += width
	}
}
