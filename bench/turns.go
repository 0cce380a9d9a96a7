package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"imgcls/internal/bench"
	"imgcls/internal/fault"
)

// A bencher measures rows and keeps the processes of single operations, which
// take one work after another.
type bencher struct {
	options
	report  *report
	serving map[string]*bench.Contender // by peer and threads
}

// An entrant is a contender in a row, with what it has shown.
type entrant struct {
	way
	c       *bench.Contender
	figures []float64 // of the samples, the more the better
	latency [][2]float64
	thrown  int     // samples thrown away
	others  float64 // the most of a core that other processes used in a sample that counts
	tried   float64 // the figure by which it was chosen
}

// figure is what a row compares: FLOP/s of an operation, images/s of a model.
func (r row) figure(s bench.Sample) float64 {
	if flops := r.Work.Flops(); flops > 0 {
		return float64(flops) * float64(s.Steps) / s.Seconds
	}
	return float64(s.Images) / s.Seconds
}

// measure measures a row: every way once, then the best ways of each peer, and
// all of imgcls, turn by turn.
func (b *bencher) measure(ctx context.Context, r row) error {
	fmt.Fprintf(os.Stderr, "%s\n", r.Name)
	var field []*entrant
	defer func() {
		for _, e := range field {
			b.leave(r, e)
		}
	}()
	for _, peer := range allPeers {
		chosen, err := b.choose(ctx, r, peer)
		field = append(field, chosen...)
		if err != nil {
			return err
		}
	}
	if r.Group != memoryGroup {
		for range b.repetitions {
			for _, e := range field {
				if err := b.sample(ctx, r, e); err != nil {
					return err
				}
			}
		}
	}
	b.report.add(r, field)
	return nil
}

// choose lets each way of a peer show itself once and returns the best, ready
// for turns. A way that fails is named and left out.
func (b *bencher) choose(ctx context.Context, r row, peer string) (best []*entrant, err error) {
	most := b.finalists
	if peer == imgcls || r.Group == memoryGroup {
		most = len(r.Ways)
	}
	if r.Work.Flops() > 0 {
		most = 1 // one process takes all ways of an operation in turn
	}
	for _, w := range r.Ways {
		if w.Peer != peer || (b.report.Absent[peer] != "" || b.report.Absent[w.who()] != "") {
			continue
		}
		e, err := b.enter(ctx, r, w)
		if ctx.Err() != nil {
			return best, context.Cause(ctx)
		}
		if err != nil && peer == imgcls {
			return best, err
		}
		if err != nil {
			b.report.Failed = append(b.report.Failed, fmt.Sprintf("%s: %s: %v", r.Name, w, err))
			fmt.Fprintf(os.Stderr, "  %s is left out: %v\n", w, err)
			continue
		}
		fmt.Fprintf(os.Stderr, "  tried %-45s %s\n", w, r.show(e.tried))
		best = append(best, e)
		slices.SortStableFunc(best, func(x, y *entrant) int { return compare(y.tried, x.tried) })
		if len(best) > most {
			b.leave(r, best[most])
			best = best[:most]
		}
	}
	if r.Work.Flops() > 0 && len(best) == 1 { // the process may hold another way by now
		err = r.open(best[0].c, best[0].way)
	}
	return best, err
}

func compare(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// work is the row's work in a contender's own way.
func (r row) work(w way) bench.Work {
	work := r.Work
	work.Settings = w.Settings
	return work
}

// open makes a contender hold the row's work in its way. One that tells what its network
// costs must have that of imgcls.
func (r row) open(c *bench.Contender, w way) error {
	have, err := c.Open(r.work(w))
	if err != nil || have == nil {
		return err
	}
	want, err := r.Work.Cost()
	if err != nil {
		return err
	}
	return alike(*have, *want)
}

// alike says why two networks are not the same.
func alike(have, want bench.Cost) error {
	if have != want {
		return fmt.Errorf("its network has %s parameters and %s multiply-adds a picture, not %s and %s as that of imgcls",
			fault.Grouped(int64(have.Parameters)), fault.Grouped(int64(have.MACs)), fault.Grouped(int64(want.Parameters)), fault.Grouped(int64(want.MACs)))
	}
	return nil
}

// enter starts a way and lets it show itself: the better of two samples, or the
// memory that it took.
func (b *bencher) enter(ctx context.Context, r row, w way) (*entrant, error) {
	c, err := b.process(ctx, r, w)
	if err != nil {
		return nil, err
	}
	e := &entrant{way: w, c: c}
	if err := r.open(c, w); err != nil {
		b.leave(r, e)
		return nil, err
	}
	for range 2 {
		s, _, _, err := b.take(r, e)
		if err != nil {
			b.leave(r, e)
			return nil, err
		}
		e.tried = max(e.tried, r.figure(s))
	}
	if r.Group == memoryGroup {
		peak, known := c.Peak()
		if !known {
			b.leave(r, e)
			return nil, errors.New("this system does not tell how much memory a process took")
		}
		e.tried, e.figures = -float64(peak), []float64{float64(peak)}
	}
	return e, nil
}

// process returns a process for a way: one of its own for a model, and for a
// single operation the one that has that many threads.
func (b *bencher) process(ctx context.Context, r row, w way) (*bench.Contender, error) {
	if r.Work.Flops() == 0 {
		return b.start(ctx, w)
	}
	key := fmt.Sprintf("%s %d", w.who(), w.Threads)
	if c := b.serving[key]; c != nil {
		return c, nil
	}
	c, err := b.start(ctx, w)
	if err != nil {
		return nil, err
	}
	if b.serving == nil {
		b.serving = map[string]*bench.Contender{}
	}
	b.serving[key] = c
	return c, nil
}

// leave ends the process of an entrant that has one of its own.
func (b *bencher) leave(r row, e *entrant) {
	if r.Work.Flops() == 0 {
		e.c.Close()
	}
}

func (b *bencher) close() {
	for _, c := range b.serving {
		c.Close()
	}
}

// mostThrown is how many samples may be thrown away for one that counts. After
// that the machine is as busy as it is, and the calmest one counts.
const mostThrown = 20

// sample takes one sample of e for the report.
func (b *bencher) sample(ctx context.Context, r row, e *entrant) error {
	s, others, thrown, err := b.take(r, e)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	e.figures = append(e.figures, r.figure(s))
	if s.Latency != nil {
		e.latency = append(e.latency, *s.Latency)
	}
	e.thrown += thrown
	e.others = max(e.others, others)
	return nil
}

// take takes one sample, and takes it again while other processes were busy.
func (b *bencher) take(r row, e *entrant) (s bench.Sample, others float64, thrown int, err error) {
	return calm(b.guard, func() (bench.Sample, float64, error) {
		if _, err := e.c.Run(r.RunUp); err != nil {
			return bench.Sample{}, 0, err
		}
		before := look(e.c.PID())
		s, err := e.c.Run(r.Time)
		return s, before.others(look(e.c.PID())), err
	})
}

// calm takes samples until one has at most so much of a core in use by others,
// and returns it; of mostThrown and one more that all have more it returns the
// calmest.
func calm(guard float64, take func() (bench.Sample, float64, error)) (s bench.Sample, others float64, thrown int, err error) {
	for {
		next, busy, err := take()
		if err != nil {
			return s, others, thrown, err
		}
		if thrown == 0 || busy < others {
			s, others = next, busy
		}
		if guard == 0 || others <= guard || thrown == mostThrown {
			return s, others, thrown, nil
		}
		thrown++
	}
}
