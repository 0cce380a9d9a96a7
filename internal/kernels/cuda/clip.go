package cuda

import "math"

// A Clipped gradient of N numbers, f32, and what becomes of it; Y may be 0.
type Clipped struct {
	N     int
	Y, DP Addr
}

// A Clip shrinks gradients whose norm, that of all of them together, is above Most. Scale
// is that of the loss, or 0.
type Clip struct {
	Arena, Scale Addr
	Most         float64
	Gradients    []Clipped
}

// Launches adds up the squares of pieces, and then multiplies.
func (c Clip) Launches(room Room, table Table) []Launch {
	all := pieces(c.Gradients, func(g Clipped) int { return g.N })
	if len(all) == 0 {
		return nil
	}
	var words []int64
	for _, p := range all {
		g, y := c.Gradients[p.tensor], int64(-1)
		if g.Y != 0 {
			y = int64(g.Y-c.Arena) + int64(4*p.at)
		}
		words = append(words, int64(g.DP-c.Arena)+int64(4*p.at), y, int64(p.n))
	}
	part, rows := room(8*len(all)), table(words)
	look := pointers(part, c.Arena, rows, c.Scale)
	set := append(with(pointers(c.Arena, rows, part, c.Scale), len(all)), math.Float64bits(c.Most))
	return []Launch{blocks("clip_part_f32", len(all), 1, look...), blocks("clip_f32", len(all), 1, set...)}
}
