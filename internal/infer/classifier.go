package infer

import (
	"cmp"
	"context"
	"fmt"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
	"imgcls/internal/picture"
	"imgcls/internal/plan"
)

// A Classifier is a model file, loaded on a device.
type Classifier struct {
	Network models.Network
	File    *checkpoint.Model

	Precision graph.DType // that it computes in

	runner Runner
	named  bool // the classes have names, given by the file or by the user
}

// Options say how a model file is loaded.
type Options struct {
	checkpoint.Overrides
	Convert   bool   // accept weights that are not F32
	Batch     int    // pictures per run; it changes speed and memory only
	Precision string // as device.Precision takes it; "" is auto
}

// Open loads the model file at path.
func Open(dev device.Device, path string, o Options) (*Classifier, error) {
	file, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	network, err := file.Network(o.Overrides)
	if err != nil {
		return nil, err
	}
	precision, err := device.Precision(dev, cmp.Or(o.Precision, "auto"), network.Model.Recipe.Half)
	if err != nil {
		return nil, err
	}
	planned := func(batch int) (*graph.Graph, Entry, *plan.Module, error) {
		g := graph.New()
		entry := Add(g, network, batch)
		module, err := plan.CompileIn(precision, g, dev.Supports)
		return g, entry, module, err
	}
	g, entry, module, err := planned(o.Batch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", network.Model.Name, err)
	}
	prog, err := device.Compile(dev, module, device.Batch{Size: o.Batch, Planned: func(batch int) (*plan.Module, error) {
		_, _, other, err := planned(batch)
		return other, err
	}})
	if err != nil {
		return nil, err
	}
	if err := file.Load(g, o.Convert, prog.Write); err != nil {
		prog.Close()
		return nil, err
	}
	return &Classifier{
		Network: network, File: file, Precision: precision, runner: entry.Bind(prog, module), named: file.Info != nil || o.Classes != nil,
	}, nil
}

// Forward returns the logits [N,classes] of N pictures [N,H,W,C] of the network's
// size; after, where it is not nil, hears how many are done.
func (c *Classifier) Forward(ctx context.Context, pictures []byte, after func(done int)) ([]float32, error) {
	return c.runner.Forward(ctx, pictures, after)
}

// Logits returns the logits of a picture, scaled to the network's size.
func (c *Classifier) Logits(ctx context.Context, p *picture.RGB) ([]float32, error) {
	size := c.Network.Preprocess
	const rgb = 3
	if size.Channels != rgb {
		return nil, c.refuse("take a model of colour pictures", "wants pictures of %d channels, not %d", size.Channels, rgb)
	}
	return c.Forward(ctx, picture.Resize(p, size.Width, size.Height).Pix, nil)
}

// Evaluate returns the figures of the model on a split of set, whose classes
// and picture size must be the model's own.
func (c *Classifier) Evaluate(ctx context.Context, set *data.Set, split data.Split, after func(done int)) (*metrics.Report, error) {
	if err := c.accepts(set); err != nil {
		return nil, err
	}
	logits, err := c.Forward(ctx, split.Images, after)
	if err != nil {
		return nil, err
	}
	return metrics.Classify(logits, split.Labels, c.Network.Classes)
}

// accepts reports the first difference between the model's classes and sizes
// and the data's. Classes that are mere numbers match any names.
func (c *Classifier) accepts(set *data.Set) error {
	const do = "evaluate it on the data that it was made for"
	if c.named {
		if err := c.File.CompareClasses(c.Network.Classes, set.Classes, set.Name); err != nil {
			return err
		}
	}
	if have, want := len(c.Network.Classes), len(set.Classes); have != want {
		return c.refuse(do, "has %d classes, %s has %d", have, set.Name, want)
	}
	p := c.Network.Preprocess
	if p.Height != set.Height || p.Width != set.Width || p.Channels != set.Channels {
		return c.refuse(do, "wants pictures of %d×%d×%d, %s has %d×%d×%d",
			p.Height, p.Width, p.Channels, set.Name, set.Height, set.Width, set.Channels)
	}
	return nil
}

func (c *Classifier) refuse(do, why string, args ...any) error {
	return fault.New(fault.Model, "model file", c.File.Path, do, why, args...)
}

// Close frees the model's memory on the device.
func (c *Classifier) Close() error { return c.runner.prog.Close() }
