package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"imgcls/internal/augment"
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
	TTA      string    `json:"tta,omitempty"` // which views' logits are averaged, one of augment.TTA; "" is none
}

// Squash is the one way of resizing so far.
const Squash = "squash"

// Pixels returns the bytes of one picture.
func (p Preprocess) Pixels() int { return p.Height * p.Width * p.Channels }

// Normalized returns p with other means and deviations, where they are given:
// one for each channel, or one for all. The darkest and the brightest pixel must
// become numbers that single precision holds.
func (p Preprocess) Normalized(mean, std []float64) (Preprocess, error) {
	for _, change := range []struct {
		flag     string
		from, to *[]float64
	}{{"--mean", &mean, &p.Mean}, {"--std", &std, &p.Std}} {
		switch len(*change.from) {
		case 0:
		case 1:
			*change.to = slices.Repeat(*change.from, p.Channels)
		case p.Channels:
			*change.to = *change.from
		default:
			return p, fault.New(fault.Usage, change.flag, "", "give one for each channel, or one for all",
				"%d values for %d channels", len(*change.from), p.Channels)
		}
	}
	for c, std := range p.Std {
		mean := p.Mean[c]
		if !(std > 0) || math.Abs(mean/std) > math.MaxFloat32 || math.Abs((1-mean)/std) > math.MaxFloat32 {
			return p, fault.New(fault.Usage, "--mean and --std", "", "",
				"channel %d is normalised with mean %g and deviation %g, which gives no usable numbers", c, mean, std)
		}
	}
	return p, nil
}

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
	return n.forward(g, pictures, layers.NewScope(g, len(n.Classes)))
}

// Train is Forward as training goes that way with these samples, but for the frozen
// ones of Layers. What the scope tracks is to be set at the end of the step.
func (n Network) Train(g *graph.Graph, pictures graph.Value, samples layers.Samples, frozen []string) (logits graph.Value, s *layers.Scope) {
	s = layers.NewScope(g, len(n.Classes))
	s.Train(samples, frozen...)
	return n.forward(g, pictures, s)
}

func (n Network) forward(g *graph.Graph, pictures graph.Value, s *layers.Scope) (graph.Value, *layers.Scope) {
	x := g.Add("normalize", graph.Normalize{Mean: n.Preprocess.Mean, Std: n.Preprocess.Std}, pictures)[0]
	return n.Model.Net.Apply(s, x), s
}

// Check builds the network once and reports why it cannot be: a net too deep
// for its pictures is a usage error with the failing layer and the least size.
func (n Network) Check() error {
	if p := n.Preprocess; len(augment.Views(p.TTA)) > 1 && augment.ViewPolicy.Fit(p.Height, p.Width) != nil {
		return fault.New(fault.Usage, "--tta", "", "give --tta none, or a larger --img-size",
			"pictures of %d×%d pixels have no other views", p.Height, p.Width)
	}
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

func (n Network) build() error { return n.Single().Err() }

// Single returns a graph of the network for one picture. It shows the shapes of
// the parameters.
func (n Network) Single() *graph.Graph {
	g := graph.New()
	p := n.Preprocess
	n.Forward(g, g.Input("pictures", graph.U8, 1, p.Height, p.Width, p.Channels))
	return g
}

// Layers returns the names of the layers that have parameters, in the order in which a
// picture goes through them. What is under one number is one layer, as a block is:
// layer1.0, features.3.
func (n Network) Layers() (names []string) {
	g := n.Single()
	for _, p := range g.Describe(g.Params()) {
		parts := strings.Split(p.Name, ".")
		parts = parts[:len(parts)-1]
		number := func(part string) bool { _, err := strconv.Atoi(part); return err == nil }
		if i := slices.IndexFunc(parts, number); i >= 0 {
			parts = parts[:i+1]
		}
		if name := strings.Join(parts, "."); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Head returns the names of the parameters and buffers whose shapes follow from the
// number of classes.
func (n Network) Head() map[string]bool {
	shapes := func(classes int) map[string][]int {
		n.Classes = make([]string, classes)
		g, byName := n.Single(), map[string][]int{}
		for _, v := range g.Weights() {
			byName[g.Tensor(v).Name] = g.Tensor(v).Shape
		}
		return byName
	}
	head, three := map[string]bool{}, shapes(3)
	for name, two := range shapes(2) {
		if !slices.Equal(two, three[name]) {
			head[name] = true
		}
	}
	return head
}

// Plain returns the network for that many classes, 0 … classes−1, and the
// preprocessing of the model's recipe.
func (m Model) Plain(classes int) Network {
	r := m.Recipe
	n := Network{Model: m, Preprocess: Preprocess{
		Height: r.Size, Width: r.Size, Channels: len(r.Mean), Resize: Squash, Mean: r.Mean, Std: r.Std, TTA: r.TTA,
	}}
	for i := range classes {
		n.Classes = append(n.Classes, strconv.Itoa(i))
	}
	return n
}

// Cost returns the number of parameters, and the multiply-adds that the convolutions
// and linear layers take for one picture, forward.
func (n Network) Cost() (parameters, macs int, err error) {
	g := n.Single()
	if g.Err() != nil {
		return 0, 0, g.Err()
	}
	for _, p := range g.Params() {
		parameters += g.Tensor(p).Len()
	}
	for _, node := range g.Entries[0].Nodes {
		switch op := node.Op.(type) {
		case graph.Conv, graph.MatMul:
			macs += op.(graph.Coster).Flops(g.Describe(node.In), g.Describe(node.Out)) / 2
		}
	}
	return parameters, macs, nil
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
