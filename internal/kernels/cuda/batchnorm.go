package cuda

import (
	"math"

	"imgcls/internal/graph"
)

// A BatchNorm normalises x [M,C]. With Running, Mean and Var are read; else they are
// written, or left out where they are 0. Plus, shaped like x, is added to y, where it is
// not 0, and then Act, ReLU or ReLU6, is applied.
type BatchNorm struct {
	Type                          graph.DType
	M, C                          int
	Eps                           float64
	Running                       bool
	Act                           *graph.Act
	Plus                          Addr
	Y, X, Weight, Bias, Mean, Var Addr
}

// span is how many rows a group has: with at most 256 groups, no more than √M of them.
func span(rows int) int {
	const groups = 256
	return max(int(math.Ceil(math.Sqrt(float64(rows)))), ceil(rows, groups))
}

// partSize is the bytes that batchnorm_part_T leaves for each channel of a group of rows.
const partSize = 16

// Launches finds mean and variance by groups of rows, and applies them where y is read.
func (b BatchNorm) Launches(room Room) []Launch {
	scale := room(4 * b.C)
	apply := elements("batchnorm_"+b.Type.String(), b.M*b.C, packed(b.Type), with(pointers(b.Y, b.X, b.Mean, scale, b.Bias, b.Plus), b.M*b.C, b.C, actKind(b.Act))...)
	if b.Running {
		return []Launch{b.given(scale), apply}
	}
	b = b.kept(room)
	apply.Args[2] = uint64(b.Mean)
	rows := span(b.M)
	part := room(partSize * ceil(b.M, rows) * b.C)
	all := []Launch{
		blocks("batchnorm_part_"+b.Type.String(), ceil(b.M, rows), ceil(b.C, lanes), with(pointers(part, b.X), b.M, b.C, rows)...),
		b.statistics(scale, part, rows),
	}
	if b.Y != 0 {
		all = append(all, apply)
	}
	return all
}

// kept has a place for each statistic, also for one that is left out.
func (b BatchNorm) kept(room Room) BatchNorm {
	for _, place := range []*Addr{&b.Mean, &b.Var} {
		if *place == 0 {
			*place = room(4 * b.C)
		}
	}
	return b
}

// given is a launch that leaves the scale for a variance that is given.
func (b BatchNorm) given(scale Addr) Launch {
	return b.channels("batchnorm_scale_f32", append(with(pointers(scale, b.Weight, b.Var), b.C), math.Float64bits(b.Eps)))
}

// statistics is a launch that leaves mean and variance, and the scale where it is not
// 0, by the moments of groups of so many rows.
func (b BatchNorm) statistics(scale, part Addr, rows int) Launch {
	const size = 1024
	l := blocks("batchnorm_stats_f32", ceil(b.C, lanes), 1,
		append(with(pointers(b.Mean, b.Var, scale, part, b.Weight), b.M, b.C, rows), math.Float64bits(b.Eps))...)
	l.Block = size
	return l
}

// channels is a launch with a thread for each channel.
func (b BatchNorm) channels(kernel string, args []uint64) Launch {
	const size = 128
	l := blocks(kernel, ceil(b.C, size), 1, args...)
	l.Block = size
	return l
}

// A BatchNormBack is the gradient of a BatchNorm, by its inputs and statistics. Any of
// DX, DWeight and DBias may be 0. With Act, From is what that activation gave, and the
// gradient passes back through it first.
type BatchNormBack struct {
	BatchNorm
	DX, DWeight, DBias, DY, From Addr
}

// Launches adds up by groups of rows what the gradients need.
func (b BatchNormBack) Launches(room Room) []Launch {
	rows := span(b.M)
	groups := ceil(b.M, rows)
	part, factors := room(partSize*groups*b.C), room(12*b.C)
	all := []Launch{
		blocks("batchnorm_back_part_"+b.Type.String(), groups, ceil(b.C, lanes), with(pointers(part, b.X, b.DY, b.From, b.Mean), b.M, b.C, rows, actKind(b.Act))...),
		blocks("batchnorm_back_sums_f32", ceil(b.C, lanes), 1, append(with(pointers(b.DWeight, b.DBias, factors, part, b.Weight, b.Var), b.M, b.C, groups), math.Float64bits(b.Eps))...),
	}
	if b.DX != 0 {
		all = append(all, elements("batchnorm_back_"+b.Type.String(), b.M*b.C, packed(b.Type),
			with(pointers(b.DX, b.X, b.DY, b.From, b.Mean, factors), b.M*b.C, b.C, flag(b.Running), actKind(b.Act))...))
	}
	return all
}

// A Tracked statistic moves to that of the batch times Factor by a share of Momentum.
type Tracked struct {
	Running, Batch   Addr
	N                int
	Momentum, Factor float64
}

// A Track moves statistics, all f32, where the gate is open.
type Track struct {
	Arena, Gate Addr
	Statistics  []Tracked
}

// Launches returns one launch for all of them.
func (t Track) Launches(table Table) []Launch {
	if len(t.Statistics) == 0 {
		return nil
	}
	var words []int64
	all := pieces(t.Statistics, func(s Tracked) int { return s.N })
	for _, p := range all {
		s, at := t.Statistics[p.tensor], int64(4*p.at)
		words = append(words, int64(s.Running-t.Arena)+at, int64(s.Batch-t.Arena)+at, int64(p.n),
			int64(math.Float64bits(s.Momentum)), int64(math.Float64bits(s.Factor)))
	}
	return []Launch{blocks("batchnorm_track_f32", len(all), 1, pointers(t.Arena, table(words), t.Gate)...)}
}
