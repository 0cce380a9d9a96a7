package infer

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
	"imgcls/internal/picture"
	"imgcls/internal/plan"
)

// saved writes a model file of n with random weights.
func saved(t *testing.T, n models.Network) (path string) {
	t.Helper()
	return savedWith(t, n, 0.5)
}

// savedWith is saved with a given last weight of each tensor.
func savedWith(t *testing.T, n models.Network, last float32) (path string) {
	t.Helper()
	g := graph.New()
	_, scope := n.Forward(g, g.Input("pictures", graph.U8, 1, n.Preprocess.Height, n.Preprocess.Width, n.Preprocess.Channels))
	path = filepath.Join(t.TempDir(), "model.safetensors")
	info := checkpoint.Info{Model: n.Model.Name, Classes: n.Classes, Preprocess: n.Preprocess}
	_, err := checkpoint.Save(path, info, g, func(v graph.Value, dst []byte) error {
		values := device.View[float32](dst)
		scope.Initialize(v, 1, values)
		values[len(values)-1] = last
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// plain takes from a model file all but its weights.
func plain(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const key = `"__metadata__":{`
	begin := bytes.Index(text, []byte(key))
	end := bytes.Index(text[begin:], []byte(`"},`)) + begin
	// Spaces keep the length of the header.
	copy(text[begin+len(key):], bytes.Repeat([]byte{' '}, end+1-begin-len(key)))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A set that the network of small fits.
func pets() *data.Set {
	return &data.Set{
		Name: "pets", Classes: []string{"cat", "dog", "ship"}, Height: 16, Width: 16, Channels: 3,
		Test: data.Split{Images: randomBytes(5 * pixels), Labels: []int32{0, 1, 2, 1, 0}},
	}
}

func TestEvaluate(t *testing.T) {
	dev := cpu.New(1)
	t.Cleanup(func() { dev.Close() })
	c := opened(t, dev, saved(t, small()), Options{Batch: 2})
	set := pets()
	var heard []int
	report, err := c.Evaluate(context.Background(), set, set.Test, func(done int) { heard = append(heard, done) })
	if err != nil {
		t.Fatal(err)
	}
	logits, err := c.Forward(context.Background(), set.Test.Images, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := metrics.Classify(logits, set.Test.Labels, set.Classes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, report, cmp.Comparer(func(a, b metrics.Figure) bool {
		return a == b || !a.Defined() && !b.Defined()
	})); diff != "" {
		t.Error(diff)
	}
	if report.Samples != 5 || !slices.Equal(heard, []int{2, 4, 5}) {
		t.Errorf("%d samples, heard of %v", report.Samples, heard)
	}
}

func TestEvaluateRefusals(t *testing.T) {
	dev := cpu.New(1)
	t.Cleanup(func() { dev.Close() })
	path, theirs := saved(t, small()), plain(t, saved(t, small()))
	bare := checkpoint.Overrides{Model: "cifar-net", Size: 16}
	named := func(o checkpoint.Overrides, classes ...string) checkpoint.Overrides {
		o.Classes = classes
		return o
	}
	for name, c := range map[string]struct {
		path   string
		o      checkpoint.Overrides
		change func(*data.Set)
		words  string // of the refusal; "" for none
	}{
		"same":                  {path, checkpoint.Overrides{}, func(*data.Set) {}, ""},
		"fewer classes":         {path, checkpoint.Overrides{}, func(s *data.Set) { s.Classes = s.Classes[:2] }, "has 3 classes, pets has 2"},
		"other order":           {path, checkpoint.Overrides{}, func(s *data.Set) { slices.Reverse(s.Classes) }, `calls class 0 "cat", pets calls it "ship"`},
		"other height":          {path, checkpoint.Overrides{}, func(s *data.Set) { s.Height = 8 }, "wants pictures of 16×16×3, pets has 8×16×3"},
		"sides exchanged":       {path, checkpoint.Overrides{}, func(s *data.Set) { s.Height, s.Width = 8, 32 }, "pets has 8×32×3"},
		"other channels":        {path, checkpoint.Overrides{}, func(s *data.Set) { s.Channels = 1 }, "pets has 16×16×1"},
		"renamed by the user":   {path, named(checkpoint.Overrides{}, "x", "y", "z"), func(*data.Set) {}, `calls class 0 "x", pets calls it "cat"`},
		"renamed as the data":   {path, named(checkpoint.Overrides{}, "x", "y", "z"), func(s *data.Set) { s.Classes = []string{"x", "y", "z"} }, ""},
		"bare":                  {theirs, bare, func(*data.Set) {}, ""},
		"bare, fewer classes":   {theirs, bare, func(s *data.Set) { s.Classes = s.Classes[:2] }, "has 3 classes, pets has 2"},
		"bare, named":           {theirs, named(bare, "cat", "dog", "ship"), func(*data.Set) {}, ""},
		"bare, named otherwise": {theirs, named(bare, "dog", "cat", "ship"), func(*data.Set) {}, `calls class 0 "dog", pets calls it "cat"`},
	} {
		t.Run(name, func(t *testing.T) {
			set := pets()
			c.change(set)
			_, err := opened(t, dev, c.path, Options{Overrides: c.o, Batch: 3}).Evaluate(context.Background(), set, set.Test, nil)
			switch {
			case c.words == "" && err != nil:
				t.Error(err)
			case c.words != "" && (fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), c.words)):
				t.Errorf("kind %d, %v; want %q", fault.KindOf(err), err, c.words)
			}
		})
	}
}

// A picture of another size is scaled, and then like any other.
func TestLogits(t *testing.T) {
	dev := cpu.New(1)
	t.Cleanup(func() { dev.Close() })
	n := small()
	n.Preprocess.Width = 20
	c := opened(t, dev, saved(t, n), Options{Batch: 4})
	p := &picture.RGB{Width: 33, Height: 7, Pix: randomBytes(33 * 7 * 3)}
	got, err := c.Logits(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	want, err := c.Forward(context.Background(), picture.Resize(p, 20, 16).Pix, nil)
	if err != nil || len(got) != 3 || !slices.Equal(got, want) {
		t.Errorf("logits %v, want %v, %v", got, want, err)
	}
}

// A model of grey pictures does not take the three channels for three pictures.
func TestLogitsOfAGreyModel(t *testing.T) {
	dev := cpu.New(1)
	t.Cleanup(func() { dev.Close() })
	n := small()
	n.Preprocess.Channels, n.Preprocess.Mean, n.Preprocess.Std = 1, []float64{0.5}, []float64{0.5}
	c := opened(t, dev, saved(t, n), Options{Batch: 1})
	logits, err := c.Logits(context.Background(), &picture.RGB{Width: 16, Height: 16, Pix: make([]byte, pixels)})
	if fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "1 channels") {
		t.Errorf("logits %v, error %v", logits, err)
	}
}

// A counter counts the programs of a device.
type counter struct {
	device.Device
	compiled, closed int
}

type counted struct {
	device.Program
	by *counter
}

func (c *counter) Compile(m *plan.Module) (device.Program, error) {
	c.compiled++
	p, err := c.Device.Compile(m)
	return counted{p, c}, err
}

func (c counted) Close() error {
	c.by.closed++
	return c.Program.Close()
}

func TestOpenRefusals(t *testing.T) {
	bare := plain(t, saved(t, small()))
	for name, c := range map[string]struct {
		path     string
		o        checkpoint.Overrides
		compiled int // programs that were made, and must be closed
	}{
		"no file":         {filepath.Join(t.TempDir(), "none"), checkpoint.Overrides{}, 0},
		"no network":      {bare, checkpoint.Overrides{}, 0},
		"other network":   {bare, checkpoint.Overrides{Model: "cifar-net"}, 0},
		"far too large":   {bare, checkpoint.Overrides{Model: "cifar-net", Size: 1 << 14}, 0},
		"no numbers":      {savedWith(t, small(), float32(math.NaN())), checkpoint.Overrides{}, 1},
		"infinite weight": {savedWith(t, small(), float32(math.Inf(-1))), checkpoint.Overrides{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dev := &counter{Device: cpu.New(1)}
			defer dev.Close()
			_, err := Open(dev, c.path, Options{Overrides: c.o, Batch: 4})
			if fault.KindOf(err) != fault.Model {
				t.Errorf("error %v", err)
			}
			if dev.compiled != c.compiled || dev.closed != c.compiled {
				t.Errorf("%d programs made, %d closed, want %d", dev.compiled, dev.closed, c.compiled)
			}
		})
	}
}
