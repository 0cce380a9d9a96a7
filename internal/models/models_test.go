package models

import (
	"math"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/optim"
)

func network(size, classes int) Network {
	r := CifarNet.Recipe
	return Network{
		Model:      CifarNet,
		Classes:    make([]string, classes),
		Preprocess: Preprocess{Height: size, Width: size, Channels: 3, Resize: Squash, Mean: r.Mean, Std: r.Std},
	}
}

// The tutorial's net has 62,006 parameters, under these names.
func TestCifarNet(t *testing.T) {
	g := graph.New()
	n := network(32, 10)
	logits, _ := n.Forward(g, g.Input("x", graph.U8, 4, 32, 32, 3))
	if g.Err() != nil || g.Tensor(logits).Dims() != "4×10" {
		t.Fatalf("logits %s, error %v", g.Tensor(logits).Dims(), g.Err())
	}
	want := map[string]string{
		"conv1.weight": "6×5×5×3", "conv1.bias": "6", "conv2.weight": "16×5×5×6", "conv2.bias": "16",
		"fc1.weight": "120×400", "fc1.bias": "120", "fc2.weight": "84×120", "fc2.bias": "84",
		"fc3.weight": "10×84", "fc3.bias": "10",
	}
	total := 0
	for _, p := range g.Params() {
		t1 := g.Tensor(p)
		total += t1.Len()
		if want[t1.Name] != t1.Dims() {
			t.Errorf("%s is %s, want %s", t1.Name, t1.Dims(), want[t1.Name])
		}
		delete(want, t1.Name)
	}
	if total != 62006 || len(want) > 0 {
		t.Errorf("%d parameters, missing %v", total, want)
	}
}

func TestTooDeep(t *testing.T) {
	if err := network(16, 10).Check(); err != nil {
		t.Errorf("16×16: %v", err)
	}
	err := network(13, 10).Check()
	if fault.KindOf(err) != fault.Usage {
		t.Fatalf("13×13: %v", err)
	}
	for _, part := range []string{"conv2", "4×4", "5×5 filter", "least size is 16×16"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestLookup(t *testing.T) {
	if _, err := Lookup("resnet9999"); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "cifar-net") {
		t.Errorf("unknown model: %v", err)
	}
	for _, m := range All {
		if got, err := Lookup(m.Name); err != nil || got.Name != m.Name {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

func TestNormalized(t *testing.T) {
	three := Preprocess{Channels: 3, Mean: []float64{1, 2, 3}, Std: []float64{4, 5, 6}}
	for _, c := range []struct {
		mean, std []float64
		want      string // of the error
	}{
		{nil, nil, ""},
		{[]float64{0.5}, []float64{0.2}, ""},
		{[]float64{0.1, 0.2, 0.3}, nil, ""},
		{[]float64{0.1, 0.2}, nil, "--mean: 2 values for 3 channels"},
		{nil, []float64{1, 1, 1, 1}, "--std: 4 values for 3 channels"},
		{nil, []float64{1e-300}, "no usable numbers"},
		{nil, []float64{1, 0, 1}, "channel 1"},
	} {
		p, err := three.Normalized(c.mean, c.std)
		if c.want == "" {
			if err != nil || len(p.Mean) != 3 || len(p.Std) != 3 {
				t.Errorf("%v, %v: %v, %v", c.mean, c.std, p, err)
			}
		} else if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %v: error %v, want %q", c.mean, c.std, err, c.want)
		}
	}
}

// A block is a layer, and so is what stands in none.
func TestLayers(t *testing.T) {
	for _, c := range []struct {
		model Model
		want  string
	}{
		{CifarNet, "conv1 conv2 fc1 fc2 fc3"},
		{MobileNetV2, "features.0 features.1 features.2 features.3 features.4 features.5 features.6 features.7 features.8 features.9 features.10 features.11 features.12 features.13 features.14 features.15 features.16 features.17 features.18 classifier.1"},
		{ResNet18, "conv1 bn1 layer1.0 layer1.1 layer2.0 layer2.1 layer3.0 layer3.1 layer4.0 layer4.1 fc"},
	} {
		if got := strings.Join(c.model.Plain(5).Layers(), " "); got != c.want {
			t.Errorf("%s has the layers %s, want %s", c.model.Name, got, c.want)
		}
	}
}

// The head is what follows the number of classes.
func TestHead(t *testing.T) {
	for _, m := range All {
		n := m.Plain(5)
		var head []string
		for name := range n.Head() {
			head = append(head, name)
		}
		slices.Sort(head)
		last := n.Layers()[len(n.Layers())-1]
		want := []string{last + ".bias", last + ".weight"}
		if m.Name == "airbench94" {
			want = want[1:] // it has no bias
		}
		if !slices.Equal(head, want) {
			t.Errorf("%s: the head is %v, want %v", m.Name, head, want)
		}
	}
}

// Parameters for ten classes are those of the same networks in PyTorch, with the
// filter of the stem that the size asks for; multiply-adds too.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		model      Model
		size       int
		parameters int
		macs       float64 // in millions
	}{
		{CifarNet, 32, 62006, 0.652},
		{ResNet20, 32, 272474, 40.81},
		{ResNet18, 224, 11181642, 1813.6},
		{ResNet34, 224, 21289802, 3663.3},
		{ResNet50, 224, 23528522, 4087.2},
		{MobileNetV2, 224, 2236682, 299.5},
		{AirBench94, 32, 1971352, 118.15},
		{ResNet18, 65, 11181642, 0},
		{ResNet18, 64, 11173962, 0}, // (7·7 − 3·3)·3·64 fewer
		{ResNet18, 32, 11173962, 555.4},
		{ResNet50, 32, 23520842, 1297.8},
	} {
		n := c.model.Plain(10)
		n.Preprocess.Height, n.Preprocess.Width = c.size, c.size
		parameters, macs, err := n.Cost()
		if err != nil || parameters != c.parameters {
			t.Errorf("%s at %d: %d parameters, want %d (%v)", c.model.Name, c.size, parameters, c.parameters, err)
		}
		if got := float64(macs) / 1e6; c.macs > 0 && (got < 0.998*c.macs || got > 1.002*c.macs) {
			t.Errorf("%s at %d: %.1f M multiply-adds, want %.1f", c.model.Name, c.size, got, c.macs)
		}
	}
}

// Every model takes pictures of 16×16 and more, square or not.
func TestOddSizes(t *testing.T) {
	for _, m := range All {
		for _, size := range [][2]int{{16, 16}, {17, 33}, {64, 65}, {95, 40}} {
			n := m.Plain(3)
			n.Preprocess.Height, n.Preprocess.Width = size[0], size[1]
			g := n.Single()
			if err := g.Err(); err != nil {
				t.Errorf("%s, %v: %v", m.Name, size, err)
			}
		}
	}
}

// The rate of what Muon leaves to SGD is for each picture, and other rates are not.
func TestBatched(t *testing.T) {
	got := AirBench94.Recipe.Batched(500)
	muon := got.Optimizer.(optim.Muon)
	if want := 0.053 * 500; got.Batch != 500 || muon.LR != 0.24 || math.Abs(muon.Rest.LR-want) > 1e-12*want {
		t.Errorf("batch %d, %v", got.Batch, got.Optimizer)
	}
	if got := ResNet20.Recipe.Batched(500); got.Batch != 500 || got.Optimizer != ResNet20.Recipe.Optimizer {
		t.Errorf("batch %d, %v", got.Batch, got.Optimizer)
	}
}
