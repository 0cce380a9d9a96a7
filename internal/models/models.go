// Package models holds the networks that imgcls knows, one short file each,
// with the recipe that trains it beside it.
package models

import (
	"fmt"

	"imgcls/internal/augment"
	"imgcls/internal/fault"
	"imgcls/internal/layers"
	"imgcls/internal/metrics"
	"imgcls/internal/optim"
)

// A Model is a network without its data: class count and input size follow from
// what it is trained on.
type Model struct {
	Name  string
	About string // one line for `imgcls models`
	Net   layers.Layer
	// Recipe trains the model on anything; On holds the recipes for data sets
	// that want another.
	Recipe Recipe
	On     map[string]Recipe
	// Stronger names the model to go on to, better and slower, if there is one.
	Stronger string
	Measured []Measured
}

// A Measured is what a run or several gave, by a command that anybody can repeat.
type Measured struct {
	Data    string         `json:"data"`
	Epochs  int            `json:"epochs"`
	Top1    float64        `json:"top1"`    // of the test pictures; the mean of several seeds
	Seeds   int            `json:"seeds"`   // how many
	Seconds metrics.Figure `json:"seconds"` // of training, a run; undefined where it was not taken
	On      string         `json:"on"`      // the processor or GPU
	Command string         `json:"command"`
	Date    string         `json:"date"`
}

// A Recipe is how a model is trained unless flags say otherwise.
type Recipe struct {
	Epochs    int
	Batch     int
	Optimizer optim.Optimizer
	Schedule  optim.Schedule
	Groups    []optim.Group
	Augment   augment.Policy
	TTA       string    // views that an evaluation averages, one of augment.TTA; "" is none
	Smooth    float64   // of labels, as --label-smoothing
	ClipGrad  float64   // as --clip-grad
	EMA       float64   // as --ema; 0 is none
	Size      int       // height and width of pictures where the data do not say
	Mean, Std []float64 // for each channel of pictures scaled to 0 … 1
	Half      bool      // compute in half precision where the device can
}

// String says in a line how a model is trained.
func (r Recipe) String() string {
	text := fmt.Sprintf("%d epochs, batch %d, %s", r.Epochs, r.Batch, r.Optimizer)
	if schedule := r.Schedule.String(); schedule != "" {
		text += ", " + schedule
	}
	if r.Augment != (augment.Policy{}) {
		text += ", " + r.Augment.String()
	}
	if r.Smooth > 0 {
		text += fmt.Sprintf(", label smoothing %g", r.Smooth)
	}
	if r.ClipGrad > 0 {
		text += fmt.Sprintf(", gradients clipped to norm %g", r.ClipGrad)
	}
	if r.EMA > 0 {
		text += fmt.Sprintf(", ema %g", r.EMA)
	}
	if r.TTA != "" {
		text += ", tta " + r.TTA
	}
	return text
}

// with returns the recipe with another length, batch and learning rate.
func (r Recipe) with(epochs, batch int, lr float64) Recipe {
	r.Epochs, r.Batch, r.Optimizer = epochs, batch, r.Optimizer.At(lr)
	return r
}

// Batched returns the recipe for batches of n pictures. What Muon leaves to SGD has a
// rate for each picture: it grows with the batch.
func (r Recipe) Batched(n int) Recipe {
	if muon, ok := r.Optimizer.(optim.Muon); ok {
		muon.Rest.LR *= float64(n) / float64(r.Batch)
		r.Optimizer = muon
	}
	r.Batch = n
	return r
}

// All lists the models, the default first.
var All = []Model{CifarNet, ResNet20, ResNet18, ResNet34, ResNet50, MobileNetV2, AirBench94}

// Lookup returns the model of that name.
func Lookup(name string) (Model, error) {
	var names string
	for _, m := range All {
		if m.Name == name {
			return m, nil
		}
		names += " " + m.Name
	}
	return Model{}, fault.New(fault.Usage, "--model", "", "the models are:"+names, "there is no model %s", fault.Quote(name))
}

// RecipeFor returns the recipe for the data set of that name.
func (m Model) RecipeFor(data string) Recipe {
	if r, ok := m.On[data]; ok {
		return r
	}
	return m.Recipe
}
