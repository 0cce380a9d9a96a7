package train

import (
	"cmp"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/optim"
)

// bind resolves optimizer, schedule and groups for the parameters and the length of the
// run. A group may be of frozen ones alone, as one of a recipe becomes by --freeze.
func (t *Trainer) bind() (err error) {
	g := t.cfg.Network.Single()
	if err := g.Err(); err != nil {
		return err
	}
	t.optim, err = optim.Bind(t.cfg.Optimizer, t.cfg.Schedule, t.cfg.Groups, g.Describe(g.Params()), t.cfg.Epochs, t.Steps())
	return err
}

// isFrozen reports whether a parameter is of a frozen layer.
func (t *Trainer) isFrozen(p graph.Tensor) bool { return layers.Within(p.Name, t.cfg.Frozen) }

// rates returns rows of the schedule table as the device holds them.
func rates(exact []float64) []byte {
	rows := make([]float32, len(exact))
	for i, x := range exact {
		rows[i] = float32(x)
	}
	return device.Bytes(rows)
}

// setRates writes the rates of the steps to come.
func (t *Trainer) setRates() error {
	t.optim.Cut(t.place.Plateau.Cuts)
	return cmp.Or(
		t.prog.Write(t.cells.table, rates(t.optim.Table())),
		t.prog.Write(t.cells.scalars, rates(t.optim.Row(t.place.Step))))
}

// settle takes note of the loss on the validation split after a whole epoch, by which
// the schedule plateau cuts the rate.
func (t *Trainer) settle(loss float64) error {
	p := &t.place.Plateau
	if t.cfg.Schedule.Name() != "plateau" {
		return nil
	}
	before := p.Cuts
	if p.See(loss, t.cfg.Schedule.Patience); p.Cuts == before {
		return nil
	}
	return t.setRates()
}

// Rate returns the learning rate of the next step.
func (t *Trainer) Rate() float64 { return t.optim.LR(t.place.Step) }

// lr returns the learning rate of the last step taken or, before the first, of that.
func (t *Trainer) lr() float64 { return t.optim.LR(t.place.Step - 1) }
