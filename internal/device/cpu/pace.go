package cpu

import "time"

// A pace finds out with how many members of the crew an entry's steps are
// quickest. Handing work on costs some microseconds, and a helper whose processor
// does something else holds up all others; so a short step is tried with one
// member, two, four and so on, and the best goes on until the next trial. That is
// never seen in the result, which does not depend on who computes what.
type pace struct {
	now   func() time.Time
	crews []int // the numbers of members to try; the last is all
	step  int   // since the trial began
	best  int   // members that go on
	least time.Duration
	spent time.Duration // on the steps that count of the number in hand
	begun time.Time
	long  bool // the last trial found steps that are not worth it
}

// A trial runs each number of members trySteps times, of which the first does not
// count, since helpers may have to wake, and is repeated after settled steps for
// each. Where even the quickest step is longer than longStep, handing on is
// nothing: then all take part until the next trial, which stops after its first
// step.
const (
	trySteps = 4
	settled  = 128
	longStep = 2 * time.Millisecond
)

// newPace returns the pace of phases for a crew of that many members.
func newPace(phases []phase, members int) *pace {
	p := &pace{now: time.Now, best: members}
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

// trial is the number of steps of one trial.
func (p *pace) trial() int { return len(p.crews) * trySteps }

// members returns how many should run the next step.
func (p *pace) members() int {
	if p.step < p.trial() {
		return p.crews[p.step/trySteps]
	}
	return p.best
}

// begin and end stand around a step: what the host does between steps does not
// count.
func (p *pace) begin() {
	if p.step < p.trial() {
		p.begun = p.now()
	}
}

func (p *pace) end() {
	if p.crews == nil {
		return
	}
	if p.step < p.trial() {
		p.judge(p.now().Sub(p.begun))
	}
	if p.step++; p.step >= p.trial()+settled*len(p.crews) {
		p.step = 0
	}
}

// judge takes note of a step of a trial.
func (p *pace) judge(took time.Duration) {
	n, at := p.crews[p.step/trySteps], p.step%trySteps
	switch at {
	case 0:
		p.spent = 0
		if n == p.crews[0] && p.long && took > longStep {
			p.step, p.best = p.trial()-1, p.crews[len(p.crews)-1]
		}
		return
	default:
		p.spent += took
	}
	if at < trySteps-1 {
		return
	}
	if n == p.crews[0] {
		p.long = p.spent > longStep*(trySteps-1)
	}
	switch {
	case p.long:
		p.step, p.best = p.trial()-1, p.crews[len(p.crews)-1]
	case n == p.crews[0] || p.spent < p.least:
		p.best, p.least = n, p.spent
	}
}
