package optim

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
)

// A Group gives the parameters whose names match a rate and a decay of their own.
type Group struct {
	Match  string  // a pattern of path.Match, in which * stands for any text
	LR     float64 // times the learning rate
	Decay  float64 // times the weight decay
	Epochs float64 // in which the rate falls to 0 in a straight line, whatever the schedule; 0 means by the schedule
}

// String says so to people.
func (g Group) String() string {
	text := fmt.Sprintf("%s: rate × %.4g, decay × %.4g", g.Match, g.LR, g.Decay)
	if g.Epochs > 0 {
		text += fmt.Sprintf(", for %g epochs", g.Epochs)
	}
	return text
}

// A Bound is an optimizer with its schedule and groups, for certain parameters and a
// certain length of a run.
type Bound struct {
	Optimizer
	schedule        Schedule
	perEpoch, total int
	rows, until     int
	offset          map[string]int // of each parameter's columns
	kinds           []kind         // the groups that differ
	cuts            int            // of a plateau
}

// A kind is what the parameters of a group have in common: their rule, factors of its
// rate and decay, and the epochs in which they learn, if these are fewer than the run's.
type kind struct {
	rule              Optimizer
	lr, decay, epochs float64
}

// most is the greatest number of rows of a table, about 100 MB of them.
const most = 1 << 22

// Bind gives each of params, tensors with a name and a shape, the first of groups
// that matches it. Where none does, its rate is the optimizer's, and so is its decay
// unless it is a vector: norms and biases do not decay. A group that nothing is left
// for is an error, as is a run whose rates no table holds. The run has epochs of
// perEpoch steps.
func Bind(o Optimizer, s Schedule, groups []Group, params []graph.Tensor, epochs, perEpoch int) (*Bound, error) {
	b := &Bound{Optimizer: o, schedule: s, perEpoch: perEpoch, total: epochs * perEpoch, offset: map[string]int{}}
	matched := make([]bool, len(groups))
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
		k := kind{rule: o.of(p), lr: 1, decay: 1}
		if len(p.Shape) < 2 {
			k.decay = 0
		}
		for i, group := range groups {
			ok, err := path.Match(group.Match, p.Name)
			if err != nil {
				return nil, fault.New(fault.Usage, "--param-group", "", "", "%s: %w", fault.Quote(group.Match), err)
			}
			if ok {
				k.lr, k.decay, k.epochs, matched[i] = group.LR, group.Decay, group.Epochs, true
				break
			}
		}
		b.until, b.offset[p.Name] = max(b.until, b.steps(k)), b.place(k)*o.columns()
	}
	for i, ok := range matched {
		if !ok {
			return nil, unmatched(groups[i].Match, names)
		}
	}
	b.rows = max(o.settled(), s.rise(perEpoch)+1, b.until+1)
	if s.ByStep() {
		b.rows = b.total
	}
	if b.rows = min(b.rows, b.total); b.rows > most {
		return nil, fault.New(fault.Usage, "--sched", "", "use fewer epochs, a larger --batch-size or --sched constant",
			"a rate for each of %s steps is too much; at most %s", fault.Grouped(int64(b.rows)), fault.Grouped(most))
	}
	return b, nil
}

// unmatched is the error of a group that nothing is left for.
func unmatched(match string, params []string) error {
	for _, name := range params {
		if ok, _ := path.Match(match, name); ok {
			return fault.New(fault.Usage, "--param-group", "", "put it before the groups that match more",
				"groups before %s have all that it matches: a parameter is in the first one that matches it", fault.Quote(match))
		}
	}
	const most = 12
	shown := strings.Join(params[:min(len(params), most)], ", ")
	if more := len(params) - most; more > 0 {
		shown += fmt.Sprintf(" and %d more, which imgcls info names for a model file", more)
	}
	return fault.New(fault.Usage, "--param-group", "", "use a name or a pattern of these, with * for any text",
		"%s matches no parameter; those that are trained are %s", fault.Quote(match), shown)
}

// place returns the number of a kind among those that differ.
func (b *Bound) place(k kind) int {
	if k.rule.decay() == 0 {
		k.decay = 0
	}
	for i, have := range b.kinds {
		if have == k {
			return i
		}
	}
	b.kinds = append(b.kinds, k)
	return len(b.kinds) - 1
}

// steps returns after how many steps a kind learns no more, and 0 where it always does.
func (b *Bound) steps(k kind) int { return int(math.Ceil(k.epochs * float64(b.perEpoch))) }

// Size returns the size of the schedule table. The row after the last is the last
// again.
func (b *Bound) Size() (rows, columns int) { return b.rows, max(1, len(b.kinds)) * b.columns() }

// Table returns the table, [rows, columns].
func (b *Bound) Table() []float64 {
	rows, columns := b.Size()
	table := make([]float64, rows*columns)
	for step := range rows {
		b.fillRow(table[step*columns:][:columns], step)
	}
	return table
}

// Row returns the row of the table that a step, counted from 0, is taken with.
func (b *Bound) Row(step int) []float64 {
	rows, columns := b.Size()
	row := make([]float64, columns)
	b.fillRow(row, min(step, rows-1))
	return row
}

func (b *Bound) fillRow(row []float64, step int) {
	lr := b.LR(step)
	for i, k := range b.kinds {
		rate := lr
		if end := b.steps(k); end > 0 {
			rate = b.Rate() * max(0, 1-float64(step)/float64(end))
		}
		if k.rule.Rate() != b.Rate() {
			rate *= k.rule.Rate() / b.Rate()
		}
		k.rule.fill(row[i*b.columns():], step, k.lr*rate, k.decay*k.rule.decay())
	}
}

// Cut sets how often a plateau has cut the rate: it is that of every step, those before
// included.
func (b *Bound) Cut(cuts int) { b.cuts = cuts }

// LR returns the learning rate of a step, counted from 0.
func (b *Bound) LR(step int) float64 {
	return b.schedule.rate(b.schedule.cut(b.Rate(), b.cuts), min(max(0, step), max(0, b.total-1)), b.perEpoch, b.total)
}

// Propose adds what comes before the gate, and returns what parameters are to become
// that no node sets by its own rule: the gate must find it finite. Step.Gate is not
// asked.
func (b *Bound) Propose(g *graph.Graph, step Step, grads map[graph.Value]graph.Value) (p Proposal) {
	for _, v := range g.Params() {
		name := g.Tensor(v).Name
		if muon, ok := b.Optimizer.of(g.Tensor(v)).(Muon); ok && grads[v] != 0 {
			cells, values := muon.propose(g, step, v, grads[v], b.offset[name])
			p.add(name, cells, values)
		}
	}
	return p
}

// Update adds the nodes that change every parameter that has a gradient, while
// the gate is open and all of them stay finite. It returns whether they did so,
// the gate of what ends the step.
func (b *Bound) Update(g *graph.Graph, step Step, grads map[graph.Value]graph.Value, proposed Proposal) (applied graph.Value) {
	var params []graph.Value
	var offset []int
	for _, p := range g.Params() {
		if grads[p] == 0 || slices.Contains(proposed.cells, p) {
			continue
		}
		params = append(params, p)
		if len(b.kinds) > 1 {
			offset = append(offset, b.offset[g.Tensor(p).Name])
		}
	}
	applied = b.add(g, step, params, grads, offset)
	proposed.set(g, applied)
	return applied
}
