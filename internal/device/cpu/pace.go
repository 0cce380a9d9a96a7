package cpu

import "time"

// A pace finds out with how many members of the crew an entry's steps are
// quickest. Handing work on costs some microseconds, and a helper whose processor
// does something else holds up all others; so a short step is tried with one
// member, two, four and so on, and the best goes on until the next trial. That is
// never seen in the result, which does not depend on who computes what.
type pace struct {
	crews []int // the numbers of members to try; the last is all
	step  int   // since the trial began
	best  int   // members that go on
	least time.Duration
	begun time.Time
}

// A trial runs each number of members trySteps times, of which the first does not
// count, since helpers may have to wake, and is repeated after settled steps for
// each. A step longer than longStep is not tried: there, handing on is nothing.
const (
	trySteps = 4
	settled  = 128
	longStep = 2 * time.Millisecond
)

// newPace returns the pace of phases for a crew of that many members.
func newPace(phases []phase, members int) *pace {
	p := &pace{best: members}
	for _, one := range phases {
		if one.chunks > 1 && p.crews == nil {
			for n := 1; n < members; n *= 2 {
				p.crews = append(p.crews, n)
			}
		}
	}
	if p.crews != nil {
		p.crews = append(p.crews, members)
	}
	return p
}

// members returns how many should run the next step.
func (p *pace) members() int {
	trial := len(p.crews) * trySteps
	if p.step >= trial {
		return p.best
	}
	if p.step%trySteps == 1 {
		p.begun = time.Now()
	}
	return p.crews[p.step/trySteps]
}

// done counts the step that members was asked for.
func (p *pace) done() {
	trial := len(p.crews) * trySteps
	if trial == 0 {
		return
	}
	if p.step < trial && p.step%trySteps == trySteps-1 {
		spent, n := time.Since(p.begun), p.crews[p.step/trySteps]
		if n == p.crews[0] || spent < p.least {
			p.best, p.least = n, spent
		}
		if spent > longStep*(trySteps-1) && p.step < trySteps {
			p.crews, p.best = nil, p.crews[len(p.crews)-1]
			return
		}
	}
	if p.step++; p.step == trial+settled*len(p.crews) {
		p.step = 0
	}
}
