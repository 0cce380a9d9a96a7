package cuda

import "slices"

// depthwise reports whether each channel has a filter of its own, of taps that
// depthwise.cuh holds. The tiles of conv.cuh would be empty but for a column then.
func (c Conv) depthwise() bool {
	const taps = 49
	return c.Groups > 1 && c.I == c.Groups && c.O == c.Groups && c.R*c.S <= taps
}

// depthwisePixels are the pixels that a block takes on.
const depthwisePixels = 64

func (c Conv) depthwiseForward(y, x, w, bias Addr, post Post, room Room) []Launch {
	e, before, after := c.follow(post, depthwisePixels, room)
	if y == 0 { // the moments are read off it
		y = room(c.N * c.P * c.Q * c.O * c.Type.Size())
	}
	return slices.Concat(before, []Launch{blocks("depthwise_fwd_"+c.Type.String(), ceil(c.N*c.P*c.Q, depthwisePixels), ceil(c.O, lanes),
		with(c.depthwiseArgs(y, e.part, x, w, bias, e.mean, e.scale, e.shift, e.plus), e.act)...)}, after)
}

func (c Conv) depthwiseBackData(dx, w, dy, plus Addr) []Launch {
	return []Launch{blocks("depthwise_back_data_"+c.Type.String(), ceil(c.N*c.H*c.W, depthwisePixels), ceil(c.I, lanes),
		c.depthwiseArgs(dx, w, dy, plus)...)}
}

// depthwiseBackFilter cuts the pixels into groups, so that about 256 blocks run, each
// with at least 256 pixels.
func (c Conv) depthwiseBackFilter(dw, x, dy Addr, room Room) []Launch {
	const most, least = 256, 256
	pixels, tiles, elements := c.N*c.P*c.Q, ceil(c.O, lanes), c.O*c.R*c.S
	rows := max(least, ceil(pixels, ceil(most, tiles)))
	groups := ceil(pixels, rows)
	part := dw
	if groups > 1 {
		part = room(4 * groups * elements)
	}
	all := []Launch{blocks("depthwise_back_filter_"+c.Type.String(), groups, tiles, with(c.depthwiseArgs(part, x, dy), rows)...)}
	if groups > 1 {
		all = append(all, sumParts(dw, part, groups, elements))
	}
	return all
}

func (c Conv) depthwiseArgs(places ...Addr) []uint64 {
	return with(pointers(places...), c.N, c.H, c.W, c.I, c.R, c.S, c.P, c.Q, c.Stride, c.Pad)
}
