package train

import (
	"context"
	"slices"
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
	LR              float64
	ImagesPerSecond float64
}

// An Epoch is what is known at the end of one.
type Epoch struct {
	Epoch, Step int
	TrainLoss   float64         // mean over the epoch's samples as trained
	Test        *metrics.Report // nil where there is no test split
	LR          float64
	Seconds     float64 // of training, without the evaluation
	Images      int
}

// Hooks are told how a run goes on; an error of theirs ends it. Any of them may
// be nil.
type Hooks struct {
	Slice func(step int, loss float64) // after each slice of work
	Point func(Point) error
	Epoch func(Epoch) error
}

// Run trains for all epochs and evaluates after each. When ctx ends it finishes
// the slice of work in hand and returns ctx's cause; the parameters are then
// those of the last whole step, as they are after a divergence.
func (t *Trainer) Run(ctx context.Context, hooks Hooks) error {
	for epoch := 1; epoch <= t.cfg.Epochs; epoch++ {
		if err := t.shuffle(epoch); err != nil {
			return err
		}
		e := Epoch{Epoch: epoch, LR: t.cfg.Optimizer.LR, Images: t.set.Train.Len()}
		start := time.Now()
		loss, err := t.epoch(ctx, epoch, hooks)
		if err != nil {
			return err
		}
		e.Seconds, e.Step, e.TrainLoss = time.Since(start).Seconds(), t.begun, loss
		if t.set.Test.Len() > 0 {
			if e.Test, err = t.Evaluate(ctx, t.set.Test); err != nil {
				return err
			}
		}
		if hooks.Epoch != nil {
			if err := hooks.Epoch(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// epoch takes the steps of one epoch and returns the mean loss of its samples.
func (t *Trainer) epoch(ctx context.Context, epoch int, hooks Hooks) (float64, error) {
	var all, window mean
	windowStart := time.Now()
	steps := t.Steps()
	every := (steps + pointsPerEpoch - 1) / pointsPerEpoch
	perStep := time.Duration(0)
	for done := 0; done < steps; {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		e, n := t.full, min(steps-done, every-done%every, paced(perStep))
		if last := steps - 1; t.short.batch > 0 {
			if done == last {
				e = t.short
			} else {
				n = min(n, last-done)
			}
		}
		start := time.Now()
		losses, err := t.steps(e, n)
		for _, l := range losses {
			all.add(float64(l), e.batch)
			window.add(float64(l), e.batch)
		}
		if err != nil {
			return 0, err
		}
		perStep = time.Since(start) / time.Duration(n)
		done += n
		if hooks.Slice != nil {
			hooks.Slice(t.begun, window.value())
		}
		if done%every == 0 || done == steps {
			if hooks.Point != nil {
				if err := hooks.Point(Point{
					Epoch: epoch, Step: t.begun, Loss: window.value(), LR: t.cfg.Optimizer.LR,
					ImagesPerSecond: float64(window.samples) / time.Since(windowStart).Seconds(),
				}); err != nil {
					return 0, err
				}
			}
			window, windowStart = mean{}, time.Now()
		}
	}
	return all.value(), nil
}

// paced returns how many steps fill a slice.
func paced(perStep time.Duration) int {
	if perStep <= 0 {
		return 1
	}
	return int(max(1, min(slice/perStep, ringLength)))
}

// steps runs an entry n times and returns the losses. A step whose gate was shut
// was not counted: that is how divergence shows.
func (t *Trainer) steps(e entry, n int) ([]float32, error) {
	if err := t.prog.Run(e.index, n); err != nil {
		return nil, err
	}
	var counted [1]int64
	if err := t.prog.Read(t.cells.step, device.Bytes(counted[:])); err != nil {
		return nil, err
	}
	if err := t.prog.Read(t.cells.losses, device.Bytes(t.losses[:])); err != nil {
		return nil, err
	}
	taken := int(counted[0]) - t.begun
	losses := make([]float32, taken)
	for i := range losses {
		losses[i] = t.losses[(t.begun+i)%ringLength]
	}
	t.begun += taken
	if taken < n {
		culprit, err := t.culprit(e)
		if err != nil {
			return losses, err
		}
		return losses, fault.New(fault.Diverged, "training", "", "lower --lr",
			"%s is not finite at step %d (learning rate %g)", culprit, t.begun+1, t.cfg.Optimizer.LR)
	}
	return losses, nil
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
		if slices.ContainsFunc(values, func(x float32) bool { return x-x != 0 }) {
			return e.names[i], nil
		}
	}
	return "the update of a parameter", nil
}

// A mean is summed in float64 over samples.
type mean struct {
	sum     float64
	samples int
}

// add counts a batch whose mean is loss.
func (m *mean) add(loss float64, batch int) {
	m.sum += loss * float64(batch)
	m.samples += batch
}

func (m *mean) value() float64 {
	if m.samples == 0 {
		return 0
	}
	return m.sum / float64(m.samples)
}
