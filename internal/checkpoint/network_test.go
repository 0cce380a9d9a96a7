package checkpoint

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/models"
)

func open(t *testing.T, path string) *Model {
	t.Helper()
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// at16 makes cifar-net's recipe that of the files under test.
var at16 = Overrides{Model: "cifar-net", Size: 16}

func TestNetwork(t *testing.T) {
	ours := open(t, forged(t, nothing))
	theirs := open(t, bare(t, nothing))
	three := []string{"x", "y", "z"}
	for name, c := range map[string]struct {
		file    *Model
		o       Overrides
		classes []string
		mean    []float64
		std     []float64
	}{
		"ours":              {ours, Overrides{}, []string{"cat", "dog", "ship"}, []float64{.5, .5, .5}, []float64{.5, .5, .5}},
		"ours, renamed":     {ours, Overrides{Classes: three}, three, []float64{.5, .5, .5}, []float64{.5, .5, .5}},
		"ours, normalised":  {ours, Overrides{Mean: []float64{1, 2, 3}}, []string{"cat", "dog", "ship"}, []float64{1, 2, 3}, []float64{.5, .5, .5}},
		"theirs":            {theirs, at16, []string{"0", "1", "2"}, []float64{.5, .5, .5}, []float64{.5, .5, .5}},
		"theirs, with more": {theirs, Overrides{Model: "cifar-net", Size: 16, Classes: three, Std: []float64{1, 2, 3}}, three, []float64{.5, .5, .5}, []float64{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := c.file.Network(c.o)
			if err != nil {
				t.Fatal(err)
			}
			p := n.Preprocess
			if n.Model.Name != "cifar-net" || p.Height != 16 || p.Width != 16 || p.Channels != 3 {
				t.Errorf("%s %+v", n.Model.Name, p)
			}
			if !cmp.Equal(n.Classes, c.classes) || !cmp.Equal(p.Mean, c.mean) || !cmp.Equal(p.Std, c.std) {
				t.Errorf("%v %+v", n.Classes, p)
			}
		})
	}
}

// The file's own classes and preprocessing are not the override's to change.
func TestOverridesLeaveTheFile(t *testing.T) {
	file := open(t, forged(t, nothing))
	if _, err := file.Network(Overrides{Classes: []string{"x", "y", "z"}, Mean: []float64{1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	if file.Info.Classes[0] != "cat" || file.Info.Preprocess.Mean[0] != 0.5 {
		t.Errorf("%+v", file.Info)
	}
}

func TestNetworkRefusals(t *testing.T) {
	named := func(name string) func(*safetensors.File) {
		return func(f *safetensors.File) { f.Metadata["model"] = name }
	}
	for name, c := range map[string]struct {
		path  string
		o     Overrides
		kind  fault.Kind
		words string
	}{
		"bare":                  {bare(t, nothing), Overrides{}, fault.Model, "--model"},
		"ours without a name":   {forged(t, named("")), Overrides{}, fault.Model, "--model"},
		"unknown to us":         {forged(t, named("net\x1b[2J")), Overrides{}, fault.Model, `the network "net\x1b[2J", which this imgcls does not know; take a newer imgcls`},
		"long name":             {forged(t, named(strings.Repeat("n", 100_000))), Overrides{}, fault.Model, "does not know"},
		"user's unknown":        {bare(t, nothing), Overrides{Model: "resnet9999"}, fault.Usage, "cifar-net"},
		"class map too short":   {forged(t, nothing), Overrides{Classes: []string{"a"}}, fault.Model, "has 3 classes, the class map names 1"},
		"empty class map":       {forged(t, nothing), Overrides{Classes: []string{}}, fault.Model, "the class map names 0"},
		"bare, other size":      {bare(t, nothing), Overrides{Model: "cifar-net"}, fault.Model, "fc1.weight is [120 16], want [120 400]"},
		"user's size too small": {forged(t, nothing), Overrides{Size: 8}, fault.Usage, "16×16"},
		"file's own size too small": {forged(t, func(f *safetensors.File) {
			f.Metadata["preprocess"] = preprocess(`"height":16`, `"height":8`)
		}), Overrides{}, fault.Model, "describes a network that cannot be"},
		"more classes than weights": {forged(t, func(f *safetensors.File) {
			f.Metadata["classes"] = `["a","b","c","d"]`
		}), Overrides{}, fault.Model, "fc3.bias is [3], want [4]"},
		// The claims are of tensors for 16,384² pictures, of which the file has none.
		"larger pictures than weights": {forged(t, func(f *safetensors.File) {
			f.Metadata["preprocess"] = preprocess(`"height":16,"width":16`, `"height":16384,"width":16384`)
		}), Overrides{}, fault.Model, "fc1.weight is [120 16], want"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.path).Network(c.o)
			expectRefusal(t, err, c.kind, c.words)
		})
	}
}

// The number of classes is read off the weights, which may be anything.
func TestClassCount(t *testing.T) {
	reshaped := func(name string, shape []int, bytes int) func(*safetensors.File) {
		return func(f *safetensors.File) {
			f.Tensors = []safetensors.Tensor{{Name: name, DType: "F32", Shape: shape, Data: make([]byte, bytes)}}
		}
	}
	for name, c := range map[string]struct {
		change func(*safetensors.File)
		words  string
	}{
		"no tensors":           {func(f *safetensors.File) { f.Tensors = nil }, "conv1.weight is missing"},
		"no last layer":        {reshaped("fc1.bias", []int{120}, 480), "conv1.weight is missing"},
		"bias of five":         {reshaped("fc3.bias", []int{5}, 20), "conv1.weight is missing"},
		"another dimension":    {reshaped("fc3.weight", []int{5, 84, 1}, 1680), "fc3.weight is [5 84 1], want [2 84]"},
		"no rows":              {reshaped("fc3.weight", []int{0, 84}, 0), "fc3.weight is [0 84], want [2 84]"},
		"endless rows of none": {reshaped("fc3.weight", []int{1 << 60, 0}, 0), "fc3.weight is [1152921504606846976 0], want [2 84]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, bare(t, c.change)).Network(at16)
			expectRefusal(t, err, fault.Model, c.words)
		})
	}
}

// K9: number and order of the classes.
func TestCheckClasses(t *testing.T) {
	pets := func(classes ...string) models.Network {
		n := small()
		n.Classes = classes
		return n
	}
	ours := open(t, forged(t, nothing))
	if err := ours.CheckClasses(pets("cat", "dog", "ship"), "pets"); err != nil {
		t.Error(err)
	}
	expectRefusal(t, ours.CheckClasses(pets("cat", "dog"), "pets"), fault.Model, "has 3 classes, pets has 2")
	expectRefusal(t, ours.CheckClasses(pets("cat", "ship", "dog"), "pets"), fault.Model, `calls class 1 "dog", pets calls it "ship"; add --reset-head`)
	expectRefusal(t, ours.CheckClasses(pets("cat", "dog", "\x1b[2J"+strings.Repeat("s", 5000)), "pets"), fault.Model, `calls it "\x1b[2Js`)
	theirs := open(t, bare(t, nothing))
	if err := theirs.CheckClasses(pets("any", "thing", "else"), "pets"); err != nil {
		t.Errorf("a file that names no classes: %v", err)
	}
	expectRefusal(t, theirs.CheckClasses(pets("cat", "dog"), "pets"), fault.Model, "has 3 classes, pets has 2; add --reset-head")
	body := open(t, bare(t, func(f *safetensors.File) {
		f.Tensors = slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool { return strings.HasPrefix(t.Name, "fc3.") })
	}))
	expectRefusal(t, body.CheckClasses(pets("cat", "dog"), "pets"), fault.Model, "holds no head: fc3.bias is missing; add --reset-head")
}
