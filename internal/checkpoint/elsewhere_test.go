package checkpoint

import (
	"compress/gzip"
	"encoding/json"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/graph"
	"imgcls/internal/models"
	"imgcls/internal/plan"
)

// A made is what naming/testdata/names.py found a library's network to be.
type made struct {
	Tensors [][2]any // name and shape
	Logits  []float64
}

func madeElsewhere(t *testing.T) map[string]made {
	t.Helper()
	file, err := os.Open(filepath.Join("naming", "testdata", "names.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	nets := map[string]made{}
	if err := json.NewDecoder(text).Decode(&nets); err != nil {
		t.Fatal(err)
	}
	return nets
}

// uniform is names.py's function of that name: SplitMix64 of FNV-1a of the name and
// the index, in [0, 1).
func uniform(name string, n int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	u := make([]float64, n)
	for i := range u {
		z := h.Sum64() + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		u[i] = float64((z^z>>31)>>40) / (1 << 24)
	}
	return u
}

// numbers is names.py's function of that name.
func numbers(name string, shape []int) []float32 {
	n, fan := 1, 1
	for i, extent := range shape {
		if n *= extent; i > 0 {
			fan *= extent
		}
	}
	values := make([]float32, n)
	for i, u := range uniform(name, n) {
		switch {
		case len(shape) > 1:
			u = (2*u - 1) * math.Sqrt(6/float64(fan))
		case strings.HasSuffix(name, "running_var") || strings.HasSuffix(name, "weight"):
			u += 0.5
		default:
			u = (2*u - 1) * 0.1
		}
		values[i] = float32(u)
	}
	return values
}

// weights writes the network's state dict as its library would.
func (m made) weights(t *testing.T) string {
	t.Helper()
	file := &safetensors.File{Metadata: map[string]string{"format": "pt"}}
	for _, tensor := range m.Tensors {
		name, shape := tensor[0].(string), []int{}
		for _, extent := range tensor[1].([]any) {
			shape = append(shape, int(extent.(float64)))
		}
		if len(shape) == 0 {
			file.Tensors = append(file.Tensors, safetensors.Tensor{Name: name, DType: "I64", Shape: shape, Data: make([]byte, 8)})
		} else {
			file.Tensors = append(file.Tensors, safetensors.FromFloat32s(name, shape, numbers(name, shape)))
		}
	}
	path := filepath.Join(t.TempDir(), "theirs.safetensors")
	if err := safetensors.Write(path, file); err != nil {
		t.Fatal(err)
	}
	return path
}

// Weights of other libraries, under their names, give their logits: every tensor has
// come to its place. Names and logits are those of real networks of torchvision, timm
// and transformers for a picture of 224×224.
func TestLogitsFromElsewhere(t *testing.T) {
	const size = 224
	nets := madeElsewhere(t)
	for _, c := range []struct{ theirs, ours string }{
		{"torchvision/resnet18", "resnet18"}, {"timm/resnet18", "resnet18"}, {"transformers/resnet18", "resnet18"},
		{"transformers/resnet34", "resnet34"},
		{"torchvision/resnet50", "resnet50"}, {"transformers/resnet50", "resnet50"},
		{"torchvision/mobilenet_v2", "mobilenet_v2"}, {"timm/mobilenetv2_100", "mobilenet_v2"},
	} {
		t.Run(c.theirs, func(t *testing.T) {
			if testing.Short() && !strings.HasSuffix(c.theirs, "18") {
				t.Skip("the smallest will do")
			}
			file := open(t, nets[c.theirs].weights(t))
			n, err := file.Network(Overrides{Model: c.ours, Mean: []float64{0.5}, Std: []float64{0.5}})
			if err != nil {
				t.Fatal(err)
			}
			pixels := make([]byte, size*size*3)
			for i, u := range uniform("picture", len(pixels)) {
				pixels[i] = byte(256 * u)
			}
			got := logitsOf(t, n, file, pixels)
			want := nets[c.theirs].Logits
			most := math.Max(slices.Max(want), -slices.Min(want))
			for i, x := range want {
				if !(math.Abs(float64(got[i])-x) <= 1e-4*most) {
					t.Fatalf("logits %v, theirs %v", got[:len(want)], want)
				}
			}
		})
	}
}

// The mapping names each module that another library names otherwise, once.
func TestRenamed(t *testing.T) {
	nets := madeElsewhere(t)
	for _, c := range []struct {
		theirs  string
		modules int // with parameters, of another name
		has     Renamed
	}{
		{"torchvision/resnet18", 0, Renamed{}},
		{"transformers/resnet18", 41, Renamed{"layer2.0.downsample.1", "resnet.encoder.stages.1.layers.0.shortcut.normalization"}},
	} {
		file := open(t, nets[c.theirs].weights(t))
		n, err := file.Network(Overrides{Model: "resnet18"})
		if err != nil {
			t.Fatal(err)
		}
		mapping, err := file.LoadBody(n.Single(), nil, false, func(graph.Value, []byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		renamed := mapping.Renamed()
		if len(renamed) != c.modules || c.modules > 0 && !slices.Contains(renamed, c.has) {
			t.Errorf("%s: %v", c.theirs, renamed)
		}
	}
}

// logitsOf returns the logits of a picture, computed on the CPU.
func logitsOf(t *testing.T, n models.Network, file *Model, pixels []byte) []float32 {
	t.Helper()
	g := graph.New()
	x := g.Input("x", graph.U8, 1, n.Preprocess.Height, n.Preprocess.Width, n.Preprocess.Channels)
	logits, _ := n.Forward(g, x)
	g.Return(logits)
	dev := cpu.New(0)
	t.Cleanup(func() { dev.Close() })
	module, err := plan.Compile(g, dev.Supports)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := dev.Compile(module)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	if err := file.Load(g, false, prog.Write); err != nil {
		t.Fatal(err)
	}
	if err := prog.Write(x, pixels); err != nil {
		t.Fatal(err)
	}
	if err := prog.Run(0, 1); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(n.Classes))
	if err := prog.Read(logits, device.Bytes(got)); err != nil {
		t.Fatal(err)
	}
	return got
}
