package models

import (
	"errors"
	"fmt"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/layers"
)

// A Preprocess says how a picture becomes the network's input. It travels in
// the model file.
type Preprocess struct {
	Height   int       `json:"height"`
	Width    int       `json:"width"`
	Channels int       `json:"channels"`
	Resize   string    `json:"resize"` // "squash": both sides scaled to the size, bilinear
	Mean     []float64 `json:"mean"`
	Std      []float64 `json:"std"`
}

// Squash is the one way of resizing so far.
const Squash = "squash"

// Pixels returns the bytes of one picture.
func (p Preprocess) Pixels() int { return p.Height * p.Width * p.Channels }

// A Network is a model made for certain data: everything from which its graph
// follows.
type Network struct {
	Model      Model
	Classes    []string
	Preprocess Preprocess
}

// Forward adds to the current entry of g the way from pictures, u8 [N,H,W,C],
// to logits, f32 [N,classes]. The scope knows how the parameters start.
func (n Network) Forward(g *graph.Graph, pictures graph.Value) (logits graph.Value, s *layers.Scope) {
	s = layers.NewScope(g, len(n.Classes))
	x := g.Add("normalize", graph.Normalize{Mean: n.Preprocess.Mean, Std: n.Preprocess.Std}, pictures)[0]
	return n.Model.Net.Apply(s, x), s
}

// Check builds the network once and reports why it cannot be: a net too deep
// for its pictures is a usage error with the failing layer and the least size.
func (n Network) Check() error {
	err := n.build()
	var small *graph.TooSmall
	if errors.As(err, &small) {
		return fault.New(fault.Usage, n.Model.Name, "", n.remedy(), "%w", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", n.Model.Name, err)
	}
	return nil
}

func (n Network) build() error {
	g := graph.New()
	p := n.Preprocess
	n.Forward(g, g.Input("images", graph.U8, 1, p.Height, p.Width, p.Channels))
	return g.Err()
}

// remedy names the least square size that the network takes.
func (n Network) remedy() string {
	const most = 1 << 12
	for size := 1; size <= most; size++ {
		n.Preprocess.Height, n.Preprocess.Width = size, size
		if n.build() == nil {
			return fmt.Sprintf("the least size is %d×%d: use --img-size %d or more", size, size, size)
		}
	}
	return "choose a shallower model"
}
