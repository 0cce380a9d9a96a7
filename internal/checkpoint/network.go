package checkpoint

import (
	"slices"

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
}

// Network returns the network that the file's weights belong to.
func (m *Model) Network(o Overrides) (models.Network, error) {
	name := o.Model
	if name == "" && m.Info != nil {
		name = m.Info.Model
	}
	if name == "" {
		return models.Network{}, bad(m.Path, "name the network with --model", "holds weights and does not say of which network")
	}
	model, err := models.Lookup(name)
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
	if o.Mean != nil {
		p.Mean = o.Mean
	}
	if o.Std != nil {
		p.Std = o.Std
	}
	return n, n.Check()
}

// classCount compares the network's parameters for two and for three classes:
// the extent in which they differ is the number of classes, and the file has it
// right. Where the file lacks that tensor any number will do, since Load will
// say what is missing.
func (m *Model) classCount(model models.Model) int {
	shapes := func(classes int) map[string][]int {
		g := model.Plain(classes).Single()
		byName := map[string][]int{}
		for _, v := range g.Params() {
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
			if a[i] != b[i] {
				return t.Shape[i]
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
	have, do := m.Info.Classes, "take data of the classes that the model was made for"
	if len(have) != len(want) {
		return bad(m.Path, do, "has %d classes, %s has %d", len(have), data, len(want))
	}
	for i := range have {
		if have[i] != want[i] {
			return bad(m.Path, do, "calls class %d %q, %s calls it %q", i, have[i], data, want[i])
		}
	}
	return nil
}
