package data

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"imgcls/internal/fault"

	"github.com/google/go-cmp/cmp"
)

func shapes(t *testing.T, o ShapesOptions) *Set {
	t.Helper()
	s, err := Shapes(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShapes(t *testing.T) {
	s := shapes(t, DefaultShapes)
	if s.Train.Len() != 4000 || s.Test.Len() != 1000 {
		t.Errorf("%d and %d pictures", s.Train.Len(), s.Test.Len())
	}
	checkSizes(t, s)
	// Each class has a third of the pictures, give or take five deviations
	// of a binomial: √(4000·1/3·2/3) = 30.
	for c, n := range counts(s.Train, 3) {
		if n < 4000/3-150 || n > 4000/3+150 {
			t.Errorf("%d of %s", n, s.Classes[c])
		}
	}
	const golden = "fdb858c6ab37b98e1bc10011c687b3b2abb6ef1dfeebd155f3e08e024bc4a612"
	if got := s.Fingerprint(); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
}

// A picture depends on the seed, its part and its number, and on nothing else.
func TestShapesArePure(t *testing.T) {
	small := ShapesOptions{Seed: 7, Train: 20, Test: 10, Side: 32}
	a := shapes(t, small)
	larger := small
	larger.Train, larger.Test = 40, 15
	b := shapes(t, larger)
	if !bytes.HasPrefix(b.Train.Images, a.Train.Images) || !slices.Equal(b.Train.Labels[:20], a.Train.Labels) {
		t.Error("the training pictures depend on their number")
	}
	if !bytes.HasPrefix(b.Test.Images, a.Test.Images) {
		t.Error("the test pictures depend on the number of pictures")
	}
	if bytes.HasPrefix(a.Train.Images, a.Test.Images) {
		t.Error("the parts share pictures")
	}
	small.Seed = 8
	if c := shapes(t, small); bytes.Equal(a.Train.Images, c.Train.Images) {
		t.Error("the seed has no effect")
	}
}

func TestShapesRefuses(t *testing.T) {
	for name, change := range map[string]func(*ShapesOptions){
		"small":      func(o *ShapesOptions) { o.Side = 15 },
		"large":      func(o *ShapesOptions) { o.Side = 1025 },
		"no picture": func(o *ShapesOptions) { o.Train = 0 },
		"negative":   func(o *ShapesOptions) { o.Test = -1 },
		"too many":   func(o *ShapesOptions) { o.Train = 1 << 40 },
	} {
		o := DefaultShapes
		change(&o)
		var f *fault.Error
		if _, err := Shapes(o); !errors.As(err, &f) || f.Kind != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var generators = []SceneGenerator{
	{Seed: 1, Part: "train", Side: 96, MinObject: 12, MaxObject: 38, MaxObjects: 4},
	{Seed: 2, Part: "test", Side: 17, MinObject: 1, MaxObject: 17, MaxObjects: 9},
	{Seed: 3, Part: "train", Side: 32, MinObject: 12, MaxObject: 21, MaxObjects: 1},
}

// The box of an object is the extent of its pixels in the mask, objects stand
// apart, and every number in the mask has its object.
func TestBoxesAndMasksAgree(t *testing.T) {
	for _, g := range generators {
		most := 0
		for i := range 200 {
			s := g.Scene(i)
			boxes := make([]Box, 256)
			for p, n := range s.Mask {
				x, y := p%g.Side, p/g.Side
				b := &boxes[n]
				if b.X1 == 0 {
					*b = Box{x, y, x + 1, y + 1}
				}
				*b = Box{min(b.X0, x), min(b.Y0, y), max(b.X1, x+1), max(b.Y1, y+1)}
			}
			want := make([]Box, 255)
			for j, o := range s.Objects {
				want[j] = o.Box
				if n := max(o.Box.X1-o.Box.X0, o.Box.Y1-o.Box.Y0); n > g.MaxObject {
					t.Errorf("scene %d: object %d has side %d", i, j, n)
				}
			}
			if d := cmp.Diff(want, boxes[1:]); d != "" {
				t.Fatalf("scene %d: %s", i, d)
			}
			for j, a := range s.Objects {
				for _, b := range s.Objects[:j] {
					if a.Box.X0 < b.Box.X1 && b.Box.X0 < a.Box.X1 && a.Box.Y0 < b.Box.Y1 && b.Box.Y0 < a.Box.Y1 {
						t.Errorf("scene %d: %v and %v overlap", i, a.Box, b.Box)
					}
				}
			}
			most = max(most, len(s.Objects))
		}
		if most > g.MaxObjects || most < min(g.MaxObjects, 4) {
			t.Errorf("%d objects at the most, want %d", most, g.MaxObjects)
		}
	}
}

// Each class fills its share of its box: a square all, a circle π/4 and a
// triangle half, up to what the pixels of the outline make.
func TestOutlines(t *testing.T) {
	const side = 100
	for class, want := range []float64{3.14159 / 4, 1, 0.5} {
		for i := range uint64(20) {
			inside := outline(class, side, &draws{seed: i})
			n := 0
			for y := range side {
				for x := range side {
					if inside(2*x+1, 2*y+1) {
						n++
					}
				}
			}
			if share := float64(n) / (side * side); share < want-0.01 || share > want+0.01 {
				t.Errorf("%s fills %.3f of its box, want %.3f", ShapeClasses[class], share, want)
			}
		}
	}
}

// An object can be told from its ground: the means of the two differ by far
// more than the noise.
func TestObjectsStandOut(t *testing.T) {
	g := generators[2]
	for i := range 300 {
		s := g.Scene(i)
		var sum [2][3]int
		var count [2]int
		for p, n := range s.Mask {
			count[n]++
			for c := range 3 {
				sum[n][c] += int(s.Picture[3*p+c])
			}
		}
		distance := 0
		for c := range 3 {
			d := sum[1][c]/count[1] - sum[0][c]/count[0]
			distance += max(d, -d)
		}
		if distance < 100 {
			t.Errorf("scene %d: colours %d apart", i, distance)
		}
	}
}
