package cpu

import (
	"slices"
	"testing"
	"time"
)

// TestPace plays steps that last as long as a table says, with idle time between
// them, and looks who is chosen.
func TestPace(t *testing.T) {
	many := []phase{{chunks: 1}, {chunks: 3}}
	for _, c := range []struct {
		name   string
		phases []phase
		lasts  map[int]time.Duration // microseconds, by the number of members
		slow   map[int]time.Duration // the same of the first trial
		crews  []int                 // tried
		want   int
	}{
		{"nothing to share", []phase{{chunks: 1}}, nil, nil, nil, 8},
		{"all are best", many, map[int]time.Duration{1: 900, 2: 500, 4: 300, 8: 200}, nil, []int{1, 2, 4, 8}, 8},
		{"one is best", many, map[int]time.Duration{1: 200, 2: 500, 4: 600, 8: 900}, nil, []int{1, 2, 4, 8}, 1},
		{"some are best", many, map[int]time.Duration{1: 900, 2: 300, 4: 600, 8: 700}, nil, []int{1, 2, 4, 8}, 2},
		{"long steps", many, map[int]time.Duration{1: 9000, 2: 9000, 4: 9000, 8: 9000}, nil, []int{1}, 8},
		{"a disturbed first trial", many, map[int]time.Duration{1: 50, 2: 200, 4: 400, 8: 800},
			map[int]time.Duration{1: 9000, 2: 9000, 4: 9000, 8: 9000}, []int{1, 2, 4, 8}, 1},
	} {
		p := newPace(c.phases, 8)
		var clock time.Time
		p.now = func() time.Time { return clock }
		var tried []int
		for step := range 3 * (4*trySteps + 4*settled) { // three trials
			lasts := c.lasts
			if step < 4*trySteps && c.slow != nil {
				lasts = c.slow
			}
			p.begin()
			n := p.members()
			if p.step < p.trial() && !slices.Contains(tried, n) {
				tried = append(tried, n)
			}
			clock = clock.Add(lasts[n] * time.Microsecond)
			p.end()
			clock = clock.Add(3 * time.Millisecond) // the host decodes, saves, waits
		}
		if p.best != c.want {
			t.Errorf("%s: %d members go on, want %d", c.name, p.best, c.want)
		}
		if !slices.Equal(tried, c.crews) {
			t.Errorf("%s: tried %v, want %v", c.name, tried, c.crews)
		}
	}
}
