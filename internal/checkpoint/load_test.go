package checkpoint

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
	"imgcls/internal/models"
)

// narrow is the first and last of mobilenet_v2, in few channels.
func narrow(classes int) models.Network {
	return models.Network{
		Model: models.Model{Name: "narrow", Net: layers.Seq{
			{Name: "features.0.0", Layer: layers.Conv{Out: 4, Kernel: 3, NoBias: true}},
			{Name: "features.0.1", Layer: layers.BatchNorm{}},
			{Name: "pool", Layer: layers.GlobalAvgPool{}},
			{Name: "classifier.1", Layer: layers.Linear{Out: layers.Classes}},
		}},
		Classes: make([]string, classes),
		Preprocess: models.Preprocess{
			Height: 8, Width: 8, Channels: 3, Resize: models.Squash, Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1},
		},
	}
}

// theirName is timm's name of each of narrow's tensors.
var theirName = map[string]string{
	"features.0.0.weight": "conv_stem.weight", "classifier.1.weight": "classifier.weight", "classifier.1.bias": "classifier.bias",
	"features.0.1.weight": "bn1.weight", "features.0.1.bias": "bn1.bias",
	"features.0.1.running_mean": "bn1.running_mean", "features.0.1.running_var": "bn1.running_var",
}

// elsewhere writes narrow's weights under timm's names, after a change, and returns
// what they are.
func elsewhere(t *testing.T, classes int, change func(*safetensors.File)) (path string, held memory) {
	t.Helper()
	g := narrow(classes).Single()
	held = memory{}
	for i, v := range g.Weights() {
		held[v] = bytes.Repeat([]byte{0, 0, byte(i), 0x3f}, g.Tensor(v).Len())
		copy(held[v], []byte{1, 2, 3, 0x3e}) // the first is another than the rest
	}
	file, err := Prepare(Info{}, g, held.read)
	if err != nil {
		t.Fatal(err)
	}
	file.Metadata = nil
	for i := range file.Tensors {
		file.Tensors[i].Name = theirName[file.Tensors[i].Name]
	}
	file.Tensors = append(file.Tensors, safetensors.Tensor{Name: "bn1.num_batches_tracked", DType: "I64", Data: make([]byte, 8)})
	change(file)
	path = filepath.Join(t.TempDir(), "theirs.safetensors")
	if err := safetensors.Write(path, file); err != nil {
		t.Fatal(err)
	}
	return path, held
}

// The weights come where they belong, and the mapping says of every tensor of
// network and file what became of it.
func TestLoadFromElsewhere(t *testing.T) {
	path, want := elsewhere(t, 3, nothing)
	file := open(t, path)
	g := narrow(3).Single()
	got := memory{}
	mapping, err := file.LoadBody(g, nil, false, got.write)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(got, want) {
		t.Error("other numbers than were written")
	}
	lines := []string{mapping.Library}
	for _, taken := range mapping.Taken {
		lines = append(lines, taken.Name+" ← "+taken.From)
	}
	for _, ignored := range mapping.Ignored {
		lines = append(lines, ignored.Name+" "+ignored.Why)
	}
	if d := cmp.Diff([]string{
		"timm", "features.0.0.weight ← conv_stem.weight",
		"features.0.1.weight ← bn1.weight", "features.0.1.bias ← bn1.bias",
		"features.0.1.running_mean ← bn1.running_mean", "features.0.1.running_var ← bn1.running_var",
		"classifier.1.weight ← classifier.weight", "classifier.1.bias ← classifier.bias",
		"bn1.num_batches_tracked counts of batches, from which nothing is computed",
	}, append(lines, mapping.Fresh...)); d != "" {
		t.Error(d)
	}
}

// Without the head, files of any number of classes will do, and those without one.
func TestLoadBody(t *testing.T) {
	n := narrow(3)
	for name, path := range map[string]string{
		"seven classes": first(elsewhere(t, 7, nothing)),
		"no head": first(elsewhere(t, 7, func(f *safetensors.File) {
			f.Tensors = slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool { return strings.HasPrefix(t.Name, "classifier") })
		})),
	} {
		g, got := n.Single(), memory{}
		file := open(t, path)
		mapping, err := file.LoadBody(g, n.Head(), false, got.write)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := []string{"classifier.1.weight", "classifier.1.bias"}; !slices.Equal(mapping.Fresh, want) {
			t.Errorf("%s: fresh are %v, want %v", name, mapping.Fresh, want)
		}
		if all := len(mapping.Taken) + len(mapping.Ignored); all != len(file.Tensors) {
			t.Errorf("%s: the mapping tells of %d tensors, the file has %d", name, all, len(file.Tensors))
		}
		for _, v := range g.Weights() {
			if _, written := got[v]; written == n.Head()[g.Tensor(v).Name] {
				t.Errorf("%s: %s written: %v", name, g.Tensor(v).Name, written)
			}
		}
		if file.CheckClasses(n, "pets") == nil {
			t.Errorf("%s: the head was found to fit", name)
		}
	}
}

func first(path string, _ memory) string { return path }

// Nothing is left out or left over in silence.
func TestLoadRefusals(t *testing.T) {
	rename := func(from, to string) func(*safetensors.File) {
		return func(f *safetensors.File) {
			for i := range f.Tensors {
				if f.Tensors[i].Name == from {
					f.Tensors[i].Name = to
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*safetensors.File)
		words  []string
	}{
		"another name": {rename("bn1.bias", "bn9.bias"), []string{`"bn9.bias" is not in the model`, "features.0.1.bias is missing"}},
		"one twice": {func(f *safetensors.File) {
			twin := f.Tensors[0]
			twin.Name = map[string]string{"conv_stem.weight": "features.0.0.weight"}[twin.Name]
			f.Tensors = append(f.Tensors, twin)
		}, []string{`"conv_stem.weight" and "features.0.0.weight" are both features.0.0.weight`}},
		"a counter of nothing": {rename("bn1.num_batches_tracked", "bn2.num_batches_tracked"), []string{`"bn2.num_batches_tracked" is not in the model`}},
		"another shape": {func(f *safetensors.File) {
			f.Tensors[0].Shape, f.Tensors[0].Data = []int{4, 3, 1, 1}, make([]byte, 48)
		}, []string{`"conv_stem.weight" (features.0.0.weight) is [4 3 1 1], want [4 3 3 3]`, "--model"}},
		"wrapped": {func(f *safetensors.File) {
			ours := map[string]string{"bn1.num_batches_tracked": "features.0.1.num_batches_tracked"}
			for to, from := range theirName {
				ours[from] = to
			}
			for i := range f.Tensors {
				f.Tensors[i].Name = "module." + ours[f.Tensors[i].Name]
			}
		}, []string{`save it with names that do not begin with "module."`}},
		"TensorFlow's": {func(f *safetensors.File) {
			f.Tensors = f.Tensors[:1]
			f.Tensors[0].Name = "mobilenet_v2.conv_stem.first_conv.convolution.weight"
		}, []string{"TensorFlow's padding", "torchvision's or timm's"}},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := elsewhere(t, 3, c.change)
			n := narrow(3)
			for _, head := range []map[string]bool{nil, n.Head()} {
				_, err := open(t, path).LoadBody(n.Single(), head, false, func(graph.Value, []byte) error {
					t.Error("something was written")
					return nil
				})
				expectRefusal(t, err, fault.Model, c.words...)
			}
		})
	}
}
