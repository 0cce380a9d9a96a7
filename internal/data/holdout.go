package data

import (
	"slices"

	"imgcls/internal/fault"
	"imgcls/internal/rng"
)

// HoldOut moves a fraction of each class's training pictures to Val, at least
// one and never the last. Which they are follows from the seed alone; both parts
// keep the order of the set.
func (s *Set) HoldOut(fraction float64, seed uint64) error {
	if fraction == 0 {
		return nil
	}
	byClass := make([][]int32, len(s.Classes))
	for i, l := range s.Train.Labels {
		byClass[l] = append(byClass[l], int32(i))
	}
	held := make([]bool, s.Train.Len())
	for class, members := range byClass {
		if len(members) < 2 {
			return fault.New(fault.Data, "--val-split", "", "give more pictures, or leave out --val-split and what needs it",
				"class %s has %d training pictures, of which none can be held out", fault.Quote(s.Classes[class]), len(members))
		}
		n := min(max(1, int(fraction*float64(len(members))+0.5)), len(members)-1)
		order := make([]int32, len(members))
		rng.Permute(order, seed, rng.Stream("data.holdout."+s.Classes[class]))
		for _, at := range order[:n] {
			held[members[at]] = true
		}
	}
	s.Train, s.Val = s.Train.part(held, false), s.Train.part(held, true)
	return nil
}

// part returns the pictures of a split whose mark is want.
func (s Split) part(marks []bool, want bool) Split {
	pixels := 0
	if s.Len() > 0 {
		pixels = len(s.Images) / s.Len()
	}
	count := 0
	for _, m := range marks {
		if m == want {
			count++
		}
	}
	p := Split{Images: make([]byte, 0, count*pixels), Labels: make([]int32, 0, count)}
	for i, m := range marks {
		if m == want {
			p.Images = append(p.Images, s.Images[i*pixels:(i+1)*pixels]...)
			p.Labels = append(p.Labels, s.Labels[i])
		}
	}
	return Split{Images: slices.Clip(p.Images), Labels: p.Labels}
}
