package train

import (
	"bytes"
	"fmt"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fault"
)

// checks reports whether the step that follows those taken so far is to be repeated.
func (t *Trainer) checks() bool {
	every := t.cfg.CheckEvery
	return every > 0 && (t.place.Step+1)%every == 0
}

// repeated takes one step, puts everything back as it was, takes it again and
// compares all cells, bit by bit. Where they differ the device does not compute what
// it should: then cells and place stay those from before the step.
func (t *Trainer) repeated(e entry) ([]float32, error) {
	before, place := checkpoint.State{}, t.place
	if err := before.Capture(t.graph, t.prog.Read); err != nil {
		return nil, err
	}
	var taken [2]checkpoint.State
	var losses []float32
	var err error
	for i := range taken {
		if i > 0 {
			if err := t.back(&before, place); err != nil {
				return nil, err
			}
		}
		if losses, err = t.steps(e, 1); err != nil && (i == 0 || fault.KindOf(err) != fault.Diverged) {
			return losses, err
		}
		if unread := taken[i].Capture(t.graph, t.prog.Read); unread != nil {
			return losses, unread
		}
	}
	differ := difference(&taken[0], &taken[1])
	if differ == "" && err == nil {
		return losses, nil
	}
	if err := t.back(&before, place); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.Device, "--check-every", "",
		"the hardware or its driver computes wrongly, and may have before: test memory and GPU (dmesg), and go on elsewhere",
		"step %d, taken twice, gave different bits%s", place.Step+1, differ)
}

// back makes the cells and the place those from before a step.
func (t *Trainer) back(before *checkpoint.State, place Place) error {
	t.place = place
	return before.Restore(t.graph, t.prog.Write)
}

// difference names the first tensor that differs between two states of a graph, and
// counts them.
func difference(a, b *checkpoint.State) string {
	first, n := "", 0
	for i := range a.Tensors {
		if !bytes.Equal(a.Tensors[i].Data, b.Tensors[i].Data) {
			if n++; n == 1 {
				first = a.Tensors[i].Name
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" in %d of %d tensors, %s first", n, len(a.Tensors), first)
}
