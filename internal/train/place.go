package train

import (
	"encoding/json"
	"fmt"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
	"imgcls/internal/metrics"
	"imgcls/internal/optim"
	"imgcls/internal/run"
)

// A Place is where a run stands between two steps: what the host knows of it.
// Together with the graph's cells it is all that a run needs to go on to the
// same bits, since random numbers and the order of an epoch follow from seed and
// epoch.
type Place struct {
	Step    int           `json:"step"`              // steps taken, over all epochs
	Epoch   int           `json:"epoch"`             // in progress, from 1
	Done    int           `json:"done"`              // its steps taken
	Loss    mean          `json:"loss"`              // of the epoch so far
	Window  mean          `json:"window"`            // since the last Point
	Taught  float64       `json:"taught"`            // seconds of training in the epoch so far
	Judged  int           `json:"judged"`            // the step that was evaluated last
	Worse   int           `json:"worse"`             // evaluations since the best
	Plateau optim.Plateau `json:"plateau,omitzero"`  // where that schedule stands
	Best    *Best         `json:"best"`              // by the validation split, where there is one
	Model   *Saved        `json:"model"`             // what the model file holds
	Due     *Saved        `json:"due,omitempty"`     // a best model that could not be written to it yet
	Logs    run.Sizes     `json:"logs"`              // the logs' lengths
	Skipped int           `json:"skipped,omitempty"` // steps taken whose update was left out, as the scaled loss overflowed
	Seconds float64       `json:"seconds"`           // of training and evaluation, in all parts of the run
}

// Best is the evaluation with the greatest accuracy on the validation split and,
// of equal ones, the least loss.
type Best struct {
	Step    int            `json:"step"`
	ValTop1 metrics.Figure `json:"val_top1"`
	ValLoss metrics.Figure `json:"val_loss"`
}

// Saved says what a model file holds.
type Saved struct {
	Step     int            `json:"step"`
	Weights  string         `json:"weights"` // last, ema or best
	TestLoss metrics.Figure `json:"test_loss"`
	TestTop1 metrics.Figure `json:"test_top1"`
	SHA256   string         `json:"sha256"`
}

// The values of Saved.Weights.
const (
	lastWeights = "last"
	emaWeights  = "ema" // the averages at the last step; of the best one they are called best
	bestWeights = "best"
)

// A Budget bounds a run beside its epochs; 0 is no bound.
type Budget struct {
	MaxSteps int
	MaxTime  time.Duration // of training and evaluation, in all parts of the run together
	Patience int           // evaluations in a row that are not the best
	Target   float64       // accuracy on the validation split
}

// Reached says by what the run is over at p, or returns "". It is never over
// before its last step has been evaluated.
func (c Config) Reached(p Place) string {
	b := c.Budget
	switch {
	case p.Judged != p.Step || p.Step == 0:
		return ""
	case p.Epoch > c.Epochs:
		return fmt.Sprintf("all %d epochs", c.Epochs)
	case b.MaxSteps > 0 && p.Step >= b.MaxSteps:
		return fmt.Sprintf("--max-steps %d", b.MaxSteps)
	case b.MaxTime > 0 && p.Seconds >= b.MaxTime.Seconds():
		return fmt.Sprintf("--max-time %s", b.MaxTime)
	case b.Patience > 0 && p.Worse >= b.Patience:
		return fmt.Sprintf("--patience %d", b.Patience)
	case b.Target > 0 && p.Best != nil && float64(p.Best.ValTop1) >= b.Target:
		return fmt.Sprintf("--target-acc %g", b.Target)
	}
	return ""
}

// spent reports whether no more steps may be taken, so that an epoch is cut.
func (b Budget) spent(p Place) bool {
	return b.MaxSteps > 0 && p.Step >= b.MaxSteps || b.MaxTime > 0 && p.Seconds >= b.MaxTime.Seconds()
}

// consider takes note of an evaluation and reports whether it is the best.
func (p *Place) consider(val *metrics.Report) bool {
	b := p.Best
	if b == nil || val.Top1 > b.ValTop1 || val.Top1 == b.ValTop1 && val.Loss < b.ValLoss {
		p.Best, p.Worse = &Best{Step: p.Step, ValTop1: val.Top1, ValLoss: val.Loss}, 0
		return true
	}
	p.Worse++
	return false
}

// ReadPlace returns the place of a checkpoint.
func ReadPlace(s *checkpoint.State) (Place, error) {
	p := Place{}
	err := json.Unmarshal(s.Place, &p)
	if err == nil && (p.Step != s.Step || p.Epoch < 1 || p.Done < 0) {
		err = fmt.Errorf("step %d of epoch %d, %d in all", p.Done, p.Epoch, p.Step)
	}
	if err != nil {
		return p, fault.New(fault.Model, "checkpoint", s.Path, "resume it with the imgcls that wrote it", "says no place to go on from: %w", err)
	}
	return p, nil
}

// Resume puts t where the checkpoint was made. The first row of scalars is taken
// from t's own schedule, so that another learning rate holds from the next step.
func (t *Trainer) Resume(s *checkpoint.State) error {
	p, err := ReadPlace(s)
	if err != nil {
		return err
	}
	if steps := t.Steps(); p.Done > steps {
		return fault.New(fault.Model, "checkpoint", s.Path, "", "has taken %d steps of an epoch of %d", p.Done, steps)
	}
	if err := s.Restore(t.graph, t.prog.Write); err != nil {
		return err
	}
	t.place, t.history = p, s.History
	return t.setRates()
}

// Place returns where the run stands.
func (t *Trainer) Place() Place { return t.place }
