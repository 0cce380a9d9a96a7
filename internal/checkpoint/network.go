package checkpoint

import (
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
	model, err := m.model(o.Model)
	if err != nil {
		return models.Network{}, err
	}
	n := models.Network{Model: model}
	if m.Info != nil {
		n.Classes, n.Preprocess = m.Info.Classes, m.Info.Preprocess
	} else {
		n = model.Plain(m.classCount(model))
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
	return n, m.match(g, views)
}

// model returns the model of that name, or if it is empty the one that the file
// names.
func (m *Model) model(name string) (models.Model, error) {
	if name != "" {
		return models.Lookup(name)
	}
	if m.Info == nil || m.Info.Model == "" {
		return models.Model{}, bad(m.Path, "name the network with --model", "holds weights and does not say of which network")
	}
	model, err := models.Lookup(m.Info.Model)
	if err != nil {
		return models.Model{}, bad(m.Path, "take a newer imgcls", "is of the network %s, which this imgcls does not know", fault.Quote(m.Info.Model))
	}
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

// classCount compares the network's parameters for two and for three classes:
// the extent in which they differ is the number of classes, and the file has it
// right. Where no tensor of the file tells a number that can be, any will do,
// since match will say what is wrong.
func (m *Model) classCount(model models.Model) int {
	shapes := func(classes int) map[string][]int {
		g := model.Plain(classes).Single()
		byName := map[string][]int{}
		for _, v := range g.Weights() {
			byName[g.Tensor(v).Name] = g.Tensor(v).Shape
		}
		return byName
	}
	two, three := shapes(2), shapes(3)
	for _, t := range m.Tensors {
		a, b := two[t.Name], three[t.Name]
		if slices.Equal(a, b) || len(a) != len(t.Shape) {
			continue
		}
		for i := range a {
			if n := t.Shape[i]; a[i] != b[i] && 0 < n && n <= mostClasses {
				return n
			}
		}
	}
	return 2
}

// CheckClasses reports the first difference between the classes of the file, if
// it names any, and those of the data set of that name.
func (m *Model) CheckClasses(want []string, data string) error {
	if m.Info == nil {
		return nil
	}
	return m.CompareClasses(m.Info.Classes, want, data)
}

// CompareClasses reports the first difference between the classes that the
// file's network has and those of the data set of that name.
func (m *Model) CompareClasses(have, want []string, data string) error {
	const do = "take data of the classes that the model was made for"
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
