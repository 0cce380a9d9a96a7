package ref

import "imgcls/internal/augment"

// Mix makes y of picture x and its partner, both [H,W,C], as graph.Mix says for a mixture m.
func Mix(y, x, partner []uint8, w, c int, m augment.Mixture) {
	for i := range y {
		row, col := i/(w*c), i/c%w
		y[i] = uint8((int(x[i])*m.Share + int(partner[i])*(augment.One-m.Share) + augment.One/2) / augment.One)
		if row >= m.Top && row < m.Bottom && col >= m.Left && col < m.Right {
			y[i] = partner[i]
		}
	}
}
