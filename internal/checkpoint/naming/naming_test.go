package naming

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A state is what a library's state dict holds: name → shape.
type state map[string]string

// states are those that testdata/names.py found.
func states(t *testing.T) map[string]state {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "names.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var nets map[string]struct{ Tensors [][2]any }
	if err := json.NewDecoder(text).Decode(&nets); err != nil {
		t.Fatal(err)
	}
	found := map[string]state{}
	for key, net := range nets {
		found[key] = state{}
		for _, tensor := range net.Tensors {
			found[key][tensor[0].(string)] = fmt.Sprint(tensor[1])
		}
	}
	return found
}

func (s state) names() []string {
	var names []string
	for name := range s {
		names = append(names, name)
	}
	return names
}

// Each library's names of a network become torchvision's, every one of them and
// with its shape. That the right tensors have these names is shown by the logits in
// package checkpoint.
func TestTranslate(t *testing.T) {
	all := states(t)
	for _, c := range []struct{ theirs, library, ours string }{
		{"torchvision/resnet18", "PyTorch", "torchvision/resnet18"},
		{"torchvision/mobilenet_v2", "PyTorch", "torchvision/mobilenet_v2"},
		{"timm/resnet18", "PyTorch", "torchvision/resnet18"},
		{"timm/resnet50", "PyTorch", "torchvision/resnet50"},
		{"timm/mobilenetv2_100", "timm", "torchvision/mobilenet_v2"},
		{"transformers/resnet18", "transformers", "torchvision/resnet18"},
		{"transformers/resnet34", "transformers", "torchvision/resnet34"},
		{"transformers/resnet50", "transformers", "torchvision/resnet50"},
	} {
		theirs, ours := all[c.theirs], all[c.ours]
		if len(theirs) < 100 || len(theirs) != len(ours) {
			t.Fatalf("%s has %d tensors, %s has %d", c.theirs, len(theirs), c.ours, len(ours))
		}
		library := Recognise(theirs.names())
		if library.Name != c.library || library.Refusal != "" {
			t.Errorf("%s is taken for %s", c.theirs, library.Name)
		}
		met := map[string]bool{}
		for name, shape := range theirs {
			to := library.Translate(name)
			if ours[to] != shape || met[to] {
				t.Errorf("%s: %s %s becomes %s %s, taken %v", c.theirs, name, shape, to, ours[to], met[to])
			}
			met[to] = true
		}
	}
}

// A body without a head and without a prefix is known as well.
func TestBody(t *testing.T) {
	all := states(t)
	body, ours := all["transformers/resnet18-body"], all["torchvision/resnet18"]
	library := Recognise(body.names())
	for name, shape := range body {
		if to := library.Translate(name); ours[to] != shape {
			t.Errorf("%s %s becomes %s %s", name, shape, to, ours[to])
		}
	}
	if len(body) != len(ours)-len([]string{"fc.weight", "fc.bias"}) {
		t.Errorf("%d tensors", len(body))
	}
}

func TestRefusal(t *testing.T) {
	if library := Recognise(states(t)["transformers/mobilenet_v2"].names()); library.Refusal == "" {
		t.Errorf("TensorFlow's MobileNetV2 is taken for %s", library.Name)
	}
}

// What no rule fits keeps its name, whatever it is.
func TestNamesThatAreNone(t *testing.T) {
	for _, l := range libraries {
		for _, name := range []string{
			"", ".", "..", "x", "conv1", "weight", "blocks.7.0.conv_pw.weight", "blocks.1.2.conv_pw.weight", "blocks.-1.0.bn1.weight",
			"blocks.01.0.bn1.weight", "blocks.99999999999999999999.0.bn1.bias", "blocks.+1.0.bn1.bias", "resnet.", "encoder.stages..layers.0.x",
		} {
			if to := l.Translate(name); to != name {
				t.Errorf("%s: %q becomes %q", l.Name, name, to)
			}
		}
	}
	if l := Recognise(nil); l.Name != plain.Name {
		t.Errorf("no names are taken for %s", l.Name)
	}
}
