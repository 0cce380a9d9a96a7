package data

import (
	"slices"

	"imgcls/internal/fault"
	"imgcls/internal/rng"
)

// ShapeClasses are the classes of Shapes and of the objects in a Scene.
var ShapeClasses = []string{"circle", "square", "triangle"}

const (
	circle = iota
	square
	triangle
)

// ShapesOptions choose a shapes set.
type ShapesOptions struct {
	Seed        uint64
	Train, Test int // pictures
	Side        int // of a picture, in pixels
}

// DefaultShapes are a set that a small network learns in seconds.
var DefaultShapes = ShapesOptions{Seed: 0, Train: 4000, Test: 1000, Side: 32}

const minShapesSide, maxShapesSide, maxShapesBytes = 16, 1024, 4 << 30

// Shapes returns pictures of one circle, square or triangle each, three
// eighths to two thirds of the picture in size. The test split does not depend
// on the size of the other.
func Shapes(o ShapesOptions) (*Set, error) {
	if o.Side < minShapesSide || o.Side > maxShapesSide {
		return nil, fault.New(fault.Usage, "shapes", "", "", "pictures of %d pixels a side; possible are %d to %d", o.Side, minShapesSide, maxShapesSide)
	}
	if most := maxShapesBytes / (3 * o.Side * o.Side); o.Train < 1 || o.Test < 0 || o.Train > most || o.Test > most {
		return nil, fault.New(fault.Usage, "shapes", "", "", "%d pictures to train and %d to test; possible are 1 to %d and 0 to %d at this size", o.Train, o.Test, most, most)
	}
	s := &Set{
		Name:    "shapes",
		Classes: slices.Clone(ShapeClasses),
		Height:  o.Side, Width: o.Side, Channels: 3,
	}
	g := SceneGenerator{Seed: o.Seed, Side: o.Side, MinObject: o.Side * 3 / 8, MaxObject: o.Side * 2 / 3, MaxObjects: 1}
	g.Part = "train"
	s.Train = g.single(o.Train)
	g.Part = "test"
	s.Test = g.single(o.Test)
	return s, nil
}

// single returns n scenes of one object, labelled with its class.
func (g SceneGenerator) single(n int) Split {
	split := Split{Images: make([]byte, 0, n*3*g.Side*g.Side), Labels: make([]int32, n)}
	for i := range n {
		scene := g.Scene(i)
		split.Images = append(split.Images, scene.Picture...)
		split.Labels[i] = int32(scene.Objects[0].Class)
	}
	return split
}

// A SceneGenerator draws pictures of coloured shapes on a noisy ground, which
// is darker on the whole. A scene is a pure function of the generator and its number, in integers, so
// it is the same on every platform and needs none of the scenes before it.
type SceneGenerator struct {
	Seed                 uint64
	Part                 string // scenes of two parts, "train" and "test", are independent
	Side                 int    // of the picture, in pixels, at least 2
	MinObject, MaxObject int    // sides of objects in pixels, 1 ≤ min ≤ max ≤ Side
	MaxObjects           int    // in one scene, 1 to 255
}

// A Scene is a picture and what is to be seen in it. Objects do not overlap.
type Scene struct {
	Picture []byte   // Side×Side×3
	Objects []Object // at least one
	Mask    []uint8  // Side×Side: 0 for the ground, i+1 for Objects[i]
}

// An Object is one shape of a scene.
type Object struct {
	Class int // index into ShapeClasses
	Box   Box // the extent of the object's pixels in the mask
}

// A Box is a rectangle of pixels; X1 and Y1 are the first outside it.
type Box struct{ X0, Y0, X1, Y1 int }

// Scene draws scene number i.
func (g SceneGenerator) Scene(i int) Scene {
	d := &draws{seed: g.Seed, stream: rng.Stream("data.shapes." + g.Part), index: uint64(i) << 32}
	s := Scene{Picture: make([]byte, 3*g.Side*g.Side), Mask: make([]uint8, g.Side*g.Side)}
	ground := g.paintGround(&s, d)
	var taken []Box
	for range 1 + d.below(g.MaxObjects) {
		side := g.MinObject + d.below(g.MaxObject-g.MinObject+1)
		if at, ok := g.place(side, taken, d); ok {
			taken = append(taken, at)
			g.paintObject(&s, at, contrasting(ground, d), d)
		}
	}
	g.addNoise(&s, d)
	return s
}

// A colour is red, green and blue, 0 to 255.
type colour [3]int

// paintGround fills the picture with a gradient from a dark colour to one near
// it, in a random direction, and returns the colour half-way.
func (g SceneGenerator) paintGround(s *Scene, d *draws) colour {
	const dark, spread = 128, 40
	var from, to, middle colour
	for c := range from {
		from[c] = d.below(dark)
		to[c] = max(0, min(from[c]+d.below(2*spread+1)-spread, 255))
		middle[c] = (from[c] + to[c]) / 2
	}
	const steps = 8
	across, down := d.below(steps+1), 1+d.below(steps)
	if d.below(2) == 1 {
		across, down = down, across
	}
	mirrored := d.below(2) == 1
	last := g.Side - 1
	for y := range g.Side {
		for x := range g.Side {
			along := x
			if mirrored {
				along = last - x
			}
			way := along*across + y*down // of last·(across+down)
			for c := range from {
				s.Picture[3*(y*g.Side+x)+c] = byte(from[c] + (to[c]-from[c])*way/(last*(across+down)))
			}
		}
	}
	return middle
}

// contrasting returns a colour that is not very dark and at least 200 from the
// ground, the differences of the channels added.
func contrasting(ground colour, d *draws) colour {
	const darkest, least, tries = 64, 200, 16
	for range tries {
		var c colour
		distance := 0
		for i := range c {
			c[i] = darkest + d.below(256-darkest)
			distance += max(c[i]-ground[i], ground[i]-c[i])
		}
		if distance >= least {
			return c
		}
	}
	for i := range ground {
		ground[i] ^= 128 // 128 apart in each channel
	}
	return ground
}

// place finds room for an object of the given side, a pixel away from all
// others. Where chance finds none in some tries there may be none.
func (g SceneGenerator) place(side int, taken []Box, d *draws) (Box, bool) {
	const tries = 32
	for range tries {
		x, y := d.below(g.Side-side+1), d.below(g.Side-side+1)
		b := Box{x, y, x + side, y + side}
		free := true
		for _, t := range taken {
			free = free && (b.X1 < t.X0 || t.X1 < b.X0 || b.Y1 < t.Y0 || t.Y1 < b.Y0)
		}
		if free {
			return b, true
		}
	}
	return Box{}, false
}

// paintObject draws an object of random class that fills the square at, and
// adds it to the scene.
func (g SceneGenerator) paintObject(s *Scene, at Box, c colour, d *draws) {
	object := Object{Class: d.below(len(ShapeClasses)), Box: Box{g.Side, g.Side, 0, 0}}
	side := at.X1 - at.X0
	inside := outline(object.Class, side, d)
	number := uint8(len(s.Objects) + 1)
	for y := range side {
		for x := range side {
			if !inside(2*x+1, 2*y+1) {
				continue
			}
			px, py := at.X0+x, at.Y0+y
			b := &object.Box
			b.X0, b.X1 = min(b.X0, px), max(b.X1, px+1)
			b.Y0, b.Y1 = min(b.Y0, py), max(b.Y1, py+1)
			s.Mask[py*g.Side+px] = number
			for i, v := range c {
				s.Picture[3*(py*g.Side+px)+i] = byte(v)
			}
		}
	}
	s.Objects = append(s.Objects, object)
}

// outline returns a test of whether a point lies in an object that fills a
// square of the given side. Points are in half pixels from the square's
// corner, so that the centres of pixels are odd numbers.
func outline(class, side int, d *draws) func(x, y int) bool {
	switch class {
	case circle:
		return func(x, y int) bool { return (x-side)*(x-side)+(y-side)*(y-side) <= side*side }
	case triangle:
		apex, pointsDown := d.below(2*side+1), d.below(2) == 1
		return func(x, y int) bool {
			if pointsDown {
				y = 2*side - y
			}
			// The left edge runs from the apex (apex, 0) to (0, 2·side) and
			// the right one to (2·side, 2·side).
			left, right := apex*(2*side-y), apex*(2*side-y)+2*side*y
			return left <= 2*side*x && 2*side*x <= right
		}
	}
	return func(x, y int) bool { return true }
}

// addNoise adds a number from −12 to 12 to every byte of the picture, four
// from each random word.
func (g SceneGenerator) addNoise(s *Scene, d *draws) {
	const most = 12
	var word uint32
	for i, v := range s.Picture {
		if i%4 == 0 {
			word = d.word()
		}
		noise := int(word&0xff)*(2*most+1)>>8 - most
		word >>= 8
		s.Picture[i] = byte(max(0, min(int(v)+noise, 255)))
	}
}

// draws are the random numbers of one scene, in order.
type draws struct {
	seed, stream, index uint64
	words               [4]uint32
	left                int // of words
}

// word returns the next 32 bits.
func (d *draws) word() uint32 {
	if d.left == 0 {
		d.words = rng.Block(d.seed, d.stream, d.index)
		d.index++
		d.left = len(d.words)
	}
	d.left--
	return d.words[d.left]
}

// below returns a number from 0 to n−1, for n up to 65,536.
func (d *draws) below(n int) int {
	return int(uint64(d.word()) * uint64(n) >> 32)
}
