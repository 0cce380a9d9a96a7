package infer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"imgcls/internal/augment"
	"imgcls/internal/checkpoint"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/kernels/cpu/tile"
	"imgcls/internal/models"
)

// small is cifar-net for the least pictures that it takes.
func small() models.Network {
	n := models.CifarNet.Plain(3)
	n.Classes = []string{"cat", "dog", "ship"}
	n.Preprocess.Height, n.Preprocess.Width = 16, 16
	return n
}

const pixels = 16 * 16 * 3

func randomBytes(n int) []byte {
	r := rand.New(rand.NewPCG(1, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// opened loads the model file at path on dev.
func opened(t *testing.T, dev device.Device, path string, o Options) *Classifier {
	t.Helper()
	c, err := Open(dev, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A picture's logits are the same bits whatever the batch, its place in it, the
// pictures beside it and the number of threads.
func TestLogitsDoNotDependOnTheBatch(t *testing.T) {
	normed := models.ResNet20.Plain(3) // by running statistics
	normed.Preprocess.Height, normed.Preprocess.Width = 8, 8
	for _, network := range []models.Network{small(), normed} {
		t.Run(network.Model.Name, func(t *testing.T) { sameLogits(t, network) })
	}
}

// sameLogits compares the logits of 11 pictures, on every device.
func sameLogits(t *testing.T, network models.Network) {
	const n = 11
	path, classes, pixels := saved(t, network), len(network.Classes), network.Preprocess.Pixels()
	pictures := randomBytes(n * pixels)
	var backward []byte
	for i := n - 1; i >= 0; i-- {
		backward = append(backward, pictures[i*pixels:][:pixels]...)
	}
	devices := map[string][]device.Device{"ref": {ref.New()}}
	for _, set := range tile.Sets() {
		devices[set.Name] = []device.Device{cpu.With(1, set), cpu.With(2, set), cpu.With(5, set)}
	}
	for name, kinds := range devices {
		var want []float32
		for _, dev := range kinds {
			t.Cleanup(func() { dev.Close() })
			for _, batch := range []int{1, 3, 7, n, 2*n + 1} {
				c := opened(t, dev, path, Options{Batch: batch})
				got, err := c.Forward(context.Background(), pictures, nil)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				if len(got) != n*classes || !slices.Equal(got, want) {
					t.Fatalf("%s, %s, batches of %d: logits %v, want %v", name, dev, batch, got, want)
				}
				turned, err := c.Forward(context.Background(), backward, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					if a, b := turned[(n-1-i)*classes:][:classes], want[i*classes:][:classes]; !slices.Equal(a, b) {
						t.Fatalf("%s, batches of %d: picture %d from behind has %v, want %v", dev, batch, i, a, b)
					}
				}
			}
		}
		if slices.Equal(want[:classes], want[classes:2*classes]) {
			t.Errorf("%s: all pictures have the same logits", name)
		}
	}
}

// A witness is a program that only notes what it is fed.
type witness struct {
	device.Program
	slot    []byte
	fed     [][]byte // at each run
	failing error    // of the next Feed
}

func (w *witness) Feed(graph.Value) ([]byte, error) { return w.slot, w.failing }

func (w *witness) Run(_, n int) error {
	if n != 1 {
		return fmt.Errorf("%d runs after one feed", n)
	}
	w.fed = append(w.fed, bytes.Clone(w.slot))
	return nil
}

// Read returns for each row the first byte that was fed.
func (w *witness) Read(_ graph.Value, dst []byte) error {
	logits := device.View[float32](dst)
	for i := range logits {
		logits[i] = float32(w.slot[2*i])
	}
	return nil
}

// watched is a runner of pictures of 2 bytes, one class, and batches of 3.
func watched() (Runner, *witness) {
	w := &witness{slot: bytes.Repeat([]byte{99}, 6)}
	return Runner{Entry: Entry{views: augment.Views(""), Batch: 3, pixels: 2, classes: 1}, prog: w}, w
}

func TestForward(t *testing.T) {
	r, w := watched()
	var heard []int
	logits, err := r.Forward(context.Background(), []byte{1, 2, 3, 4, 5, 6, 7, 8}, func(done int) { heard = append(heard, done) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{1, 3, 5, 7}; !slices.Equal(logits, want) {
		t.Errorf("logits %v, want %v", logits, want)
	}
	if want := []int{3, 4}; !slices.Equal(heard, want) {
		t.Errorf("heard of %v, want %v", heard, want)
	}
	// Nothing of one batch, or of an earlier call, stays behind the last picture.
	want := [][]byte{{1, 2, 3, 4, 5, 6}, {7, 8, 0, 0, 0, 0}}
	if !slices.EqualFunc(w.fed, want, bytes.Equal) {
		t.Errorf("fed %v, want %v", w.fed, want)
	}
}

func TestForwardOfNothing(t *testing.T) {
	r, w := watched()
	logits, err := r.Forward(context.Background(), nil, nil)
	if err != nil || len(logits) != 0 || len(w.fed) != 0 {
		t.Errorf("%v, %v, %d runs", logits, err, len(w.fed))
	}
}

func TestForwardRefusesPartsOfPictures(t *testing.T) {
	r, w := watched()
	for _, n := range []int{1, 3, 7} {
		if logits, err := r.Forward(context.Background(), make([]byte, n), nil); err == nil || len(w.fed) > 0 {
			t.Errorf("%d bytes: logits %v after %d runs", n, logits, len(w.fed))
		}
	}
}

func TestForwardPassesOnErrors(t *testing.T) {
	r, w := watched()
	w.failing = errors.New("device lost")
	if _, err := r.Forward(context.Background(), []byte{1, 2}, nil); !errors.Is(err, w.failing) {
		t.Errorf("error %v, want %v", err, w.failing)
	}
}

// The end of the context is seen between batches, and its cause returned; the
// program can be used again.
func TestForwardStops(t *testing.T) {
	r, w := watched()
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(context.Background())
	logits, err := r.Forward(ctx, make([]byte, 12), func(int) { cancel(cause) })
	if !errors.Is(err, cause) || logits != nil || len(w.fed) != 1 {
		t.Errorf("%v, error %v, %d batches", logits, err, len(w.fed))
	}
	if _, err := r.Forward(ctx, make([]byte, 12), nil); !errors.Is(err, cause) || len(w.fed) != 1 {
		t.Errorf("error %v, %d batches", err, len(w.fed))
	}

	path, pictures := saved(t, small()), randomBytes(4*pixels)
	for _, dev := range []device.Device{cpu.New(1), ref.New()} {
		t.Cleanup(func() { dev.Close() })
		c := opened(t, dev, path, Options{Batch: 3})
		want, err := c.Forward(context.Background(), pictures, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		if _, err := c.Forward(ctx, pictures, func(int) { cancel(cause) }); !errors.Is(err, cause) {
			t.Errorf("%s: error %v, want %v", dev, err, cause)
		}
		got, err := c.Forward(context.Background(), pictures, nil)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: after a stop %v, %v, want %v", dev, got, err, want)
		}
	}
}

// With views, logits are the weighted mean of those of pictures that are mirrored and moved
// by plain loops, whatever the batch.
func TestViews(t *testing.T) {
	const n, size = 5, 16
	pictures := randomBytes(n * pixels)
	plain := small()
	path := saved(t, plain)
	forward := func(o Options, pictures []byte) []float32 {
		logits, err := opened(t, cpu.New(2), path, o).Forward(context.Background(), pictures, nil)
		if err != nil {
			t.Fatal(err)
		}
		return logits
	}
	reflected := func(i int) int { return size - 1 - max(size-1-max(i, -i), i-size+1) }
	seen := func(flip bool, by int) []float32 {
		moved := make([]byte, len(pictures))
		for i := range moved {
			p, h, w, c := i/pixels, i/(3*size)%size, i/3%size, i%3
			if flip {
				w = size - 1 - w
			}
			h, w = reflected(h+by), reflected(w+by)
			moved[i] = pictures[p*pixels+(h*size+w)*3+c]
		}
		return forward(Options{Batch: 4}, moved)
	}
	type look struct {
		flip   bool
		by     int
		weight float64
	}
	for tta, looks := range map[string][]look{
		"none": {{false, 0, 1}},
		"flip": {{false, 0, 0.5}, {true, 0, 0.5}},
		"6":    {{false, 0, 0.25}, {true, 0, 0.25}, {false, -1, 0.125}, {true, -1, 0.125}, {false, 1, 0.125}, {true, 1, 0.125}},
	} {
		sums := make([]float64, n*3)
		for _, l := range looks {
			for i, x := range seen(l.flip, l.by) {
				sums[i] += l.weight * float64(x)
			}
		}
		for _, batch := range []int{1, 3, 8} {
			got := forward(Options{Batch: batch, Overrides: checkpoint.Overrides{TTA: tta}}, pictures)
			for i, x := range got {
				if x != float32(sums[i]) {
					t.Errorf("%s, batches of %d: logit %d is %v, want %v", tta, batch, i, x, float32(sums[i]))
				}
			}
		}
	}
}
