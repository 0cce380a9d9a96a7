package cpu

import (
	"slices"
	"testing"
	"time"
)

// TestPace plays steps that last as long as a table says and looks who is chosen.
func TestPace(t *testing.T) {
	many := []phase{{chunks: 1}, {chunks: 3}}
	for _, c := range []struct {
		name   string
		phases []phase
		lasts  map[int]time.Duration // by the number of members
		crews  []int                 // tried
		want   int
	}{
		{"nothing to share", []phase{{chunks: 1}}, nil, nil, 8},
		{"all are best", many, map[int]time.Duration{1: 900, 2: 500, 4: 300, 8: 200}, []int{1, 2, 4, 8}, 8},
		{"one is best", many, map[int]time.Duration{1: 200, 2: 500, 4: 600, 8: 900}, []int{1, 2, 4, 8}, 1},
		{"some are best", many, map[int]time.Duration{1: 900, 2: 300, 4: 600, 8: 700}, []int{1, 2, 4, 8}, 2},
		{"long steps", many, map[int]time.Duration{1: 9000, 2: 9000, 4: 9000, 8: 9000}, []int{1}, 8},
	} {
		p := newPace(c.phases, 8)
		var tried []int
		for range 2*4*trySteps + 4*settled { // two trials
			n := p.members()
			if !slices.Contains(tried, n) {
				tried = append(tried, n)
			}
			if p.step < len(p.crews)*trySteps {
				p.begun = p.begun.Add(-c.lasts[n] * time.Microsecond) // as if it had begun so much earlier
			}
			p.done()
		}
		if got := p.members(); p.best != c.want {
			t.Errorf("%s: %d members go on (%d next), want %d", c.name, p.best, got, c.want)
		}
		for _, n := range c.crews {
			if !slices.Contains(tried, n) {
				t.Errorf("%s: %d members were not tried", c.name, n)
			}
		}
	}
}
