package train

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/metrics"
)

// slice is how long the device works before the loop looks at signals, gate and
// losses again.
const slice = 200 * time.Millisecond

// pointsPerEpoch is how often in an epoch the running loss is reported.
const pointsPerEpoch = 6

// A Point is the running loss in mid-epoch: the mean over the samples since the
// point before.
type Point struct {
	Epoch, Step     int // from 1; Step counts over all epochs
	Loss            float64
	Skipped         int // steps of the run so far whose update was left out
	LR              float64
	ImagesPerSecond float64
}

// An Epoch is what is known at the end of one, or where a budget cuts it.
type Epoch struct {
	Epoch, Step int
	TrainLoss   float64         // mean over the epoch's samples as trained
	Val, Test   *metrics.Report // nil where there is no such split
	Best        bool            // by Val
	Skipped     int             // as of a Point
	LR          float64
	Seconds     float64 // of training, without the evaluation
	Images      int
}

// Hooks are told how a run goes on; an error of theirs ends it. Any of them may
// be nil.
type Hooks struct {
	Slice func(step int, loss float64) // after each slice of work
	Pause func() error                 // after each slice in mid-epoch: the place may be saved
	Point func(Point) error
	Epoch func(Epoch) error // the place may be saved
}

// Run trains from the place where t stands until the run is over, and evaluates
// after each epoch and where a budget ends. When ctx ends it finishes the slice
// of work in hand and returns ctx's cause; parameters and place are then those of
// the last whole step, as they are after a divergence.
func (t *Trainer) Run(ctx context.Context, hooks Hooks) error {
	t.began, t.earlier = time.Now(), t.place.Seconds
	if t.place.Step == 0 {
		if err := t.beginAverages(); err != nil {
			return err
		}
	}
	for t.cfg.Reached(t.place) == "" {
		if err := t.shuffle(); err != nil {
			return err
		}
		if err := t.epoch(ctx, hooks); err != nil {
			return err
		}
		if err := t.judge(ctx, hooks); err != nil {
			return err
		}
	}
	return nil
}

// epoch takes the steps that are left of the epoch, as far as the budget goes.
func (t *Trainer) epoch(ctx context.Context, hooks Hooks) error {
	p, steps := &t.place, t.Steps()
	windowStart, windowSamples := time.Now(), p.Window.Samples
	every := (steps + pointsPerEpoch - 1) / pointsPerEpoch
	perStep := time.Duration(0)
	for p.Done < steps && !t.cfg.Budget.spent(*p) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		start := time.Now()
		e, n := t.next(paced(perStep), every)
		take := func() ([]float32, error) { return t.steps(e, n) }
		if t.checks() {
			take = func() ([]float32, error) { return t.repeated(e) }
		}
		losses, err := take()
		for _, l := range losses {
			if l-l == 0 { // else the step was skipped
				p.Loss.add(float64(l), e.batch)
				p.Window.add(float64(l), e.batch)
			}
		}
		p.Done += len(losses)
		p.Taught += time.Since(start).Seconds()
		t.tellTime()
		if err != nil {
			return err
		}
		perStep = time.Since(start) / time.Duration(n)
		if hooks.Slice != nil {
			hooks.Slice(p.Step, p.Window.value())
		}
		if p.Done%every == 0 || p.Done == steps {
			point := Point{
				Epoch: p.Epoch, Step: p.Step, Loss: p.Window.value(), Skipped: p.Skipped, LR: t.lr(),
				ImagesPerSecond: float64(p.Window.Samples-windowSamples) / time.Since(windowStart).Seconds(),
			}
			p.Window, windowStart, windowSamples = mean{}, time.Now(), 0
			if hooks.Point != nil {
				if err := hooks.Point(point); err != nil {
					return err
				}
			}
		}
		if hooks.Pause != nil && p.Done < steps {
			if err := hooks.Pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

// next returns the entry of the next steps, and how many of at most n may be
// taken before the loop has something to do.
func (t *Trainer) next(n, every int) (entry, int) {
	p := t.place
	n = min(n, t.Steps()-p.Done, every-p.Done%every)
	if most := t.cfg.Budget.MaxSteps; most > 0 {
		n = min(n, most-p.Step)
	}
	if save := t.cfg.SaveEvery.Steps; save > 0 {
		n = min(n, save-p.Step%save)
	}
	if check := t.cfg.CheckEvery; check > 0 { // the steps before the one that is checked, or that one
		n = min(n, max(1, check-1-p.Step%check))
	}
	if last := t.Steps() - 1; t.short.batch > 0 {
		if p.Done == last {
			return t.short, n
		}
		n = min(n, last-p.Done)
	}
	return t.full, n
}

// judge evaluates, reports the epoch and goes on to the next one if it is whole.
func (t *Trainer) judge(ctx context.Context, hooks Hooks) (err error) {
	p := &t.place
	e := Epoch{
		Epoch: p.Epoch, Step: p.Step, TrainLoss: p.Loss.value(), Skipped: p.Skipped, LR: t.lr(),
		Seconds: p.Taught, Images: p.Loss.Samples,
	}
	if t.set.Val.Len() > 0 {
		if e.Val, err = t.Evaluate(ctx, t.set.Val); err != nil {
			return err
		}
	}
	if t.set.Test.Len() > 0 {
		if e.Test, err = t.Evaluate(ctx, t.set.Test); err != nil {
			return err
		}
	}
	if e.Val != nil && p.Judged != p.Step {
		e.Best = p.consider(e.Val)
		if p.Done == t.Steps() {
			if err := t.settle(float64(e.Val.Loss)); err != nil {
				return err
			}
		}
	}
	p.Judged = p.Step
	t.tellTime()
	if p.Done == t.Steps() {
		p.Epoch, p.Done, p.Loss, p.Taught = p.Epoch+1, 0, mean{}, 0
	}
	if hooks.Epoch != nil {
		return hooks.Epoch(e)
	}
	return nil
}

// tellTime brings the place's seconds up to date.
func (t *Trainer) tellTime() { t.place.Seconds = t.earlier + time.Since(t.began).Seconds() }

// paced returns how many steps fill a slice.
func paced(perStep time.Duration) int {
	if perStep <= 0 {
		return 1
	}
	return int(max(1, min(slice/perStep, ringLength)))
}

// steps runs an entry n times and returns the losses. A step whose gate was shut
// was not counted: that is how divergence shows. Where the device finds no room to
// start one, those before it count.
func (t *Trainer) steps(e entry, n int) ([]float32, error) {
	unstarted := t.prog.Run(e.index, n)
	if unstarted != nil && fault.KindOf(unstarted) != fault.Room {
		return nil, unstarted
	}
	var counted [1]int64
	if err := t.prog.Read(t.cells.step, device.Bytes(counted[:])); err != nil {
		return nil, err
	}
	if err := t.prog.Read(t.cells.losses, device.Bytes(t.losses[:])); err != nil {
		return nil, err
	}
	taken := int(counted[0]) - t.place.Step
	losses := make([]float32, taken)
	for i := range losses {
		losses[i] = t.losses[(t.place.Step+i)%ringLength]
	}
	t.place.Step += taken
	scaled, err := t.scaled()
	if err = cmp.Or(err, unstarted); err != nil {
		return losses, err
	}
	if taken < n {
		culprit, err := t.culprit(e)
		if err != nil {
			return losses, err
		}
		do := "lower --lr"
		if t.cfg.Groups != nil {
			do += " or the factors of --param-group"
		}
		return losses, fault.New(fault.Diverged, "training", "", do,
			"%s is not finite at step %d (learning rate %.6g%s)", culprit, t.place.Step+1, t.Rate(), scaled)
	}
	return losses, nil
}

// scaled reads how often a step was skipped, for the place, and returns what an error
// says of the scale; nothing where the loss is not scaled.
func (t *Trainer) scaled() (string, error) {
	if t.cells.scale == 0 {
		return "", nil
	}
	var scale [1]float32
	var tally [3]int64
	if err := t.prog.Read(t.cells.scale, device.Bytes(scale[:])); err != nil {
		return "", err
	}
	if err := t.prog.Read(t.cells.tally, device.Bytes(tally[:])); err != nil {
		return "", err
	}
	t.place.Skipped = int(tally[2])
	return fmt.Sprintf(", loss scale %g, %d steps in a row skipped before it", scale[0], tally[1]), nil
}

// culprit names the first tensor that is not finite. A shut gate lets the step
// that shut it be repeated by every step started after it, so what the gate
// watched still holds the numbers of that very step.
func (t *Trainer) culprit(e entry) (string, error) {
	for i, v := range e.watched {
		values := make([]float32, t.graph.Tensor(v).Len())
		if err := t.prog.Read(v, device.Bytes(values)); err != nil {
			return "", err
		}
		if !metrics.Finite(values) {
			return e.names[i], nil
		}
	}
	return "the update of a parameter", nil
}

// A mean is summed in float64 over samples.
type mean struct {
	Sum     float64 `json:"sum"`
	Samples int     `json:"samples"`
}

// add counts a batch whose mean is loss.
func (m *mean) add(loss float64, batch int) {
	m.Sum += loss * float64(batch)
	m.Samples += batch
}

func (m *mean) value() float64 {
	if m.Samples == 0 {
		return 0
	}
	return m.Sum / float64(m.Samples)
}

// Try takes two steps, each after a call of each, and returns the time of the second.
// What they learn is lost: t is not to be trained after it.
func (t *Trainer) Try(ctx context.Context, each func(step int)) (time.Duration, error) {
	if err := t.shuffle(); err != nil {
		return 0, err
	}
	e := t.full
	if t.place.Done >= t.Steps()-1 && t.short.batch > 0 {
		e = t.short
	}
	var begun time.Time
	for i := range 2 {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		each(i + 1)
		if err := t.begin(t.order, 0); err != nil {
			return 0, err
		}
		begun = time.Now()
		if _, err := t.steps(e, 1); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}
