// Package infer runs a network forward. Evaluation while training, `eval` and
// `predict` all go through the one entry that Add builds, and a picture's logits
// do not depend on the batch it came in, so the three give the same figures.
package infer

import (
	"context"
	"fmt"

	"imgcls/internal/augment"
	"imgcls/internal/device"
	"imgcls/internal/graph"
	kernel "imgcls/internal/kernels/cpu"
	"imgcls/internal/models"
	"imgcls/internal/plan"
)

// An Entry is the forward entry of a graph: pictures are fed, logits read.
type Entry struct {
	Name     string
	Batch    int         // pictures in one run
	Pictures graph.Value // u8 [Batch,H,W,C], a ring
	Logits   graph.Value // f32 [Batch,classes]

	pixels, classes int
	views           []augment.View
	view            kernel.Augment // makes one
}

// ring is the number of batches of which the host may fill one while the device
// works on another.
const ring = 2

// Add appends the forward entry "eval@batch" of net to g.
func Add(g *graph.Graph, net models.Network, batch int) Entry {
	e := Entry{Name: fmt.Sprintf("eval@%d", batch), Batch: batch, pixels: net.Preprocess.Pixels(), classes: len(net.Classes)}
	g.Begin(e.Name)
	p := net.Preprocess
	e.views = augment.Views(p.TTA)
	e.view = kernel.Augment{H: p.Height, W: p.Width, Policy: augment.ViewPolicy, Blank: make([]uint8, p.Channels)}
	if e.views == nil {
		g.Fail(fmt.Errorf("there are no views %s", p.TTA))
	}
	e.Pictures = g.Lasting(graph.Tensor{
		Name: e.Name + ".pictures", Type: graph.U8, Shape: []int{batch, p.Height, p.Width, p.Channels}, Role: graph.Input, Slots: ring,
	})
	e.Logits, _ = net.Forward(g, e.Pictures)
	g.Return(e.Logits)
	return e
}

// A Runner is an Entry in a program.
type Runner struct {
	Entry
	prog  device.Program
	index int
}

// Bind finds the entry in a compiled module.
func (e Entry) Bind(prog device.Program, m *plan.Module) Runner {
	return Runner{Entry: e, prog: prog, index: m.Find(e.Name)}
}

// Forward returns the logits [N,classes] of N pictures [N,H,W,C], the mean of those of
// their views. It looks at ctx between batches and calls after, where it is not nil, with
// the number of pictures done.
func (r Runner) Forward(ctx context.Context, pictures []byte, after func(done int)) ([]float32, error) {
	total := len(pictures) / r.pixels
	if len(pictures) != total*r.pixels {
		return nil, fmt.Errorf("%d bytes are no whole pictures of %d", len(pictures), r.pixels)
	}
	logits := make([]float32, total*r.classes)
	batch, sums := make([]float32, r.Batch*r.classes), make([]float64, r.Batch*r.classes)
	for done := 0; done < total; {
		n := min(r.Batch, total-done)
		for i, v := range r.views {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			if err := r.run(pictures[done*r.pixels:][:n*r.pixels], v, batch); err != nil {
				return nil, err
			}
			for j, x := range batch {
				if i == 0 {
					sums[j] = v.Weight * float64(x) // of −0 too
				} else {
					sums[j] += float64(v.Weight * float64(x))
				}
			}
		}
		for i := range logits[done*r.classes:][:n*r.classes] {
			logits[done*r.classes+i] = float32(sums[i])
		}
		done += n
		if after != nil {
			after(done)
		}
	}
	return logits, nil
}

// run puts the logits of a view of at most Batch pictures in logits.
func (r Runner) run(pictures []byte, v augment.View, logits []float32) error {
	slot, err := r.prog.Feed(r.Pictures)
	if err != nil {
		return err
	}
	// The rows behind the last picture are computed and not read.
	clear(slot[copy(slot, pictures):])
	if v.Draw != r.views[0].Draw {
		for at := 0; at < len(pictures); at += r.pixels {
			r.view.One(slot[at:at+r.pixels], pictures[at:at+r.pixels], v.Draw)
		}
	}
	if err := r.prog.Run(r.index, 1); err != nil {
		return err
	}
	return r.prog.Read(r.Logits, device.Bytes(logits))
}
