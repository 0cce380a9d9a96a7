package checkpoint

import (
	"cmp"
	"maps"
	"slices"

	"imgcls/internal/fault"
	"imgcls/internal/models"
)

// Overrides replace what a model file says, or supply what it does not say: a
// bare file of another program holds weights and nothing else. Zero fields
// replace nothing.
type Overrides struct {
	Model     string
	Classes   []string
	Size      int // height and width
	Mean, Std []float64
	TTA       string
}

// Network returns the network that the file's weights belong to and fit.
func (m *Model) Network(o Overrides) (models.Network, error) {
	model, err := m.Architecture(o.Model)
	if err != nil {
		return models.Network{}, err
	}
	n := models.Network{Model: model}
	if m.Info != nil {
		n.Classes, n.Preprocess = m.Info.Classes, m.Info.Preprocess
	} else {
		n = model.Plain(cmp.Or(m.classCount(model.Plain(2)), 2))
	}
	if o.Classes != nil {
		if len(o.Classes) != len(n.Classes) {
			return models.Network{}, bad(m.Path, "give a --class-map of as many lines",
				"has %d classes, the class map names %d", len(n.Classes), len(o.Classes))
		}
		n.Classes = o.Classes
	}
	p := &n.Preprocess
	if o.Size > 0 {
		p.Height, p.Width = o.Size, o.Size
	}
	if o.TTA != "" {
		p.TTA = o.TTA
	}
	if *p, err = p.Normalized(o.Mean, o.Std); err != nil {
		return models.Network{}, err
	}
	if err := n.Check(); err != nil {
		return models.Network{}, m.blame(o, err)
	}
	g := n.Single()
	views, err := layouts(g)
	if err != nil {
		return models.Network{}, err
	}
	_, err = m.match(g, views, nil)
	return n, err
}

// Architecture returns the model of that name, which the file must not contradict, or
// if it is empty the one that the file names.
func (m *Model) Architecture(name string) (models.Model, error) {
	if name != "" {
		model, err := models.Lookup(name)
		m.network = model.Name
		if err == nil && m.Info != nil && m.Info.Model != name {
			if own, unknown := models.Lookup(m.Info.Model); unknown == nil {
				err = bad(m.Path, "leave out --model", "is of the network %s, not %s", own.Name, name)
			}
		}
		return model, err
	}
	if m.Info == nil || m.Info.Model == "" {
		return models.Model{}, bad(m.Path, "name the network with --model", "holds weights and does not say of which network")
	}
	model, err := models.Lookup(m.Info.Model)
	if err != nil {
		return models.Model{}, bad(m.Path, "take a newer imgcls", "is of the network %s, which this imgcls does not know", fault.Quote(m.Info.Model))
	}
	m.network = model.Name
	return model, nil
}

// blame says that a network which cannot be built is the file's fault, unless
// the user chose the network or its pictures.
func (m *Model) blame(o Overrides, err error) error {
	if m.Info == nil || o.Model != "" || o.Size > 0 || o.Mean != nil || o.Std != nil {
		return err
	}
	return bad(m.Path, "", "describes a network that cannot be: %w", err)
}

// classCount reads the number of classes off the head, whose parameters have it as
// their first extent; it is 0 where no tensor of the file tells a number that can be.
func (m *Model) classCount(n models.Network) int {
	g, head := n.Single(), n.Head()
	for _, t := range m.Tensors {
		name := m.library.Translate(t.Name)
		if !head[name] || len(t.Shape) != len(g.Tensor(g.Named(name)).Shape) {
			continue
		}
		if n := t.Shape[0]; 0 < n && n <= mostClasses {
			return n
		}
	}
	return 0
}

// CheckClasses reports why training on the data set of that name cannot go on from
// the file's head: the first difference between its classes and those of n.
func (m *Model) CheckClasses(n models.Network, data string) error {
	const do = "add --reset-head to train a new head"
	if m.Info != nil {
		return m.compareClasses(m.Info.Classes, n.Classes, data, do)
	}
	g, head := n.Single(), n.Head()
	names := map[string]bool{}
	for _, t := range m.Tensors {
		names[m.library.Translate(t.Name)] = true
	}
	headless := true
	for _, v := range g.Weights() {
		switch name := g.Tensor(v).Name; {
		case head[name]:
			headless = headless && !names[name]
		case !names[name]:
			return nil // it is of another network: loading it says so
		}
	}
	if headless {
		return bad(m.Path, do, "holds no head: %s is missing", slices.Sorted(maps.Keys(head))[0])
	}
	if have, want := m.classCount(n), len(n.Classes); have != 0 && have != want {
		return bad(m.Path, do, "has %d classes, %s has %d", have, data, want)
	}
	return nil
}

// CompareClasses reports the first difference between the classes that the
// file's network has and those of the data set of that name.
func (m *Model) CompareClasses(have, want []string, data string) error {
	return m.compareClasses(have, want, data, "take data of the classes that the model was made for")
}

func (m *Model) compareClasses(have, want []string, data, do string) error {
	if len(have) != len(want) {
		return bad(m.Path, do, "has %d classes, %s has %d", len(have), data, len(want))
	}
	for i := range have {
		if have[i] != want[i] {
			return bad(m.Path, do, "calls class %d %s, %s calls it %s", i, fault.Quote(have[i]), data, fault.Quote(want[i]))
		}
	}
	return nil
}
