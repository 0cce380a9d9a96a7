package cpu

import "imgcls/internal/augment"

// Mix makes y of picture x and its partner, of rows of so many values and pixels of c, as
// graph.Mix says for a mixture m.
func Mix(y, x, partner []uint8, row, c int, m augment.Mixture) {
	if m.Share == augment.One {
		copy(y, x)
		for at := m.Top * row; at < m.Bottom*row; at += row {
			copy(y[at+m.Left*c:at+m.Right*c], partner[at+m.Left*c:])
		}
		return
	}
	own, rest := uint32(m.Share), uint32(augment.One-m.Share)
	partner, y = partner[:len(x)], y[:len(x)]
	for i, v := range x {
		y[i] = uint8((uint32(v)*own + uint32(partner[i])*rest + augment.One/2) >> 16)
	}
}
