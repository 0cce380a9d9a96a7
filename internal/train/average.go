package train

import (
	"cmp"

	"imgcls/internal/graph"
	"imgcls/internal/optim"
)

// average adds the node that moves the averages of the parameters that have a gradient,
// the states "ema.<parameter>", where Config asks for them. Buffers have none: with the
// averages go the buffers as they are.
func (t *Trainer) average(applied graph.Value, grads map[graph.Value]graph.Value, proposed optim.Proposal) {
	if t.cfg.EMA == 0 {
		return
	}
	g, in := t.graph, []graph.Value{applied}
	var set []graph.Value
	t.averages = map[graph.Value]graph.Value{}
	for _, p := range g.Params() {
		if grads[p] != 0 {
			tensor := g.Tensor(p)
			average := g.State("ema."+tensor.Name, tensor.Type, tensor.Shape...)
			in, set = append(in, average, proposed.Next(p)), append(set, average)
			t.averages[p] = average
		}
	}
	g.AddSet("ema", graph.Average{Decay: t.cfg.EMA}, set, in...)
}

// judgedBy returns what is evaluated, and saved as the model, in v's place.
func (t *Trainer) judgedBy(v graph.Value) graph.Value {
	if average, ok := t.averages[v]; ok {
		return average
	}
	return v
}

// newestWeights says what is evaluated at the last step.
func (t *Trainer) newestWeights() string {
	if t.cfg.EMA > 0 {
		return emaWeights
	}
	return lastWeights
}

// beginAverages makes each average its parameter.
func (t *Trainer) beginAverages() error {
	for p, average := range t.averages {
		values := make([]byte, t.graph.Tensor(p).Bytes())
		if err := cmp.Or(t.prog.Read(p, values), t.prog.Write(average, values)); err != nil {
			return err
		}
	}
	return nil
}

// averaged runs do with the averages in the places of their parameters, which it then
// puts back.
func (t *Trainer) averaged(do func() error) (err error) {
	for p, average := range t.averages {
		size := t.graph.Tensor(p).Bytes()
		raw, values := make([]byte, size), make([]byte, size)
		if err := cmp.Or(t.prog.Read(p, raw), t.prog.Read(average, values)); err != nil {
			return err
		}
		defer func() { err = cmp.Or(err, t.prog.Write(p, raw)) }()
		if err := t.prog.Write(p, values); err != nil {
			return err
		}
	}
	return do()
}
