// Package checkpoint keeps models in files. A model file is safetensors with
// PyTorch's names and layouts, so that safetensors.torch.load_file and a plain
// PyTorch module take it as it is; what imgcls needs beside the numbers is in
// its metadata. This package alone knows that files hold filters as O I R S and
// flattened features as C·H·W, while devices hold them channels last.
//
// The metadata holds only what follows from data, settings and seed. Times,
// host and version stand in the run folder's run.json, so that equal runs give
// equal files.
package checkpoint

import (
	"encoding/json"
	"errors"
	"strconv"

	"imgcls/internal/augment"
	"imgcls/internal/checkpoint/naming"
	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
)

// Format is the version of the metadata that this package writes, and the
// newest that it reads.
const Format = 1

// Info is what a model file of ours says of itself.
type Info struct {
	Format     int               `json:"format"`
	Model      string            `json:"model"`
	Classes    []string          `json:"classes"`
	Preprocess models.Preprocess `json:"preprocess"`
	Data       Source            `json:"data"`
	Figures    Figures           `json:"figures"`
}

// A Source names the data that a model learnt from.
type Source struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

// Figures are the test figures of the weights in the file; undefined where they
// were not evaluated.
type Figures struct {
	Loss metrics.Figure `json:"loss"`
	Top1 metrics.Figure `json:"top1"`
}

// A Model is a model file that has been read and whose sums are right. Info is
// nil for a file of another program.
type Model struct {
	Path    string
	Info    *Info
	Tensors []safetensors.Tensor
	Sums    map[string]string // SHA-256 of each tensor's data, in hex
	SHA256  string            // of the file

	library naming.Library // whose names the tensors have
	network string         // that they are asked to fit, for errors
}

// Save writes the parameters and buffers of g to path, atomically, and returns the SHA-256
// of the file. It reads each parameter through read.
func Save(path string, info Info, g *graph.Graph, read func(v graph.Value, dst []byte) error) (sum string, err error) {
	file, err := Prepare(info, g, read)
	if err != nil {
		return "", err
	}
	if err := safetensors.Write(path, file); err != nil {
		return "", err
	}
	return file.SHA256, nil
}

// Prepare returns the model file of the parameters and buffers of g, to be
// written.
func Prepare(info Info, g *graph.Graph, read func(v graph.Value, dst []byte) error) (*safetensors.File, error) {
	info.Format = Format
	metadata, err := info.metadata()
	if err != nil {
		return nil, err
	}
	file := &safetensors.File{Metadata: metadata}
	views, err := layouts(g)
	if err != nil {
		return nil, err
	}
	for _, v := range g.Weights() {
		t := g.Tensor(v)
		values := make([]float32, t.Len())
		if err := read(v, device.Bytes(values)); err != nil {
			return nil, err
		}
		shape := t.Shape
		if l, ok := views[v]; ok {
			ordered := make([]float32, len(values))
			l.toFile(ordered, values)
			values, shape = ordered, l.shape
		}
		file.Tensors = append(file.Tensors, safetensors.FromFloat32s(t.Name, shape, values))
	}
	return file, file.Seal()
}

// A part is a structured value and its metadata key, under which it stands as
// JSON text.
type part struct {
	key   string
	value any // a pointer
}

func (i *Info) parts() []part {
	return []part{{"classes", &i.Classes}, {"preprocess", &i.Preprocess}, {"data", &i.Data}, {"figures", &i.Figures}}
}

// metadata spells the structured values as JSON text.
func (i *Info) metadata() (map[string]string, error) {
	m := map[string]string{"format": strconv.Itoa(i.Format), "model": i.Model}
	for _, part := range i.parts() {
		text, err := part.text()
		if err != nil {
			return nil, err
		}
		m[part.key] = text
	}
	return m, nil
}

func (p part) text() (string, error) {
	text, err := json.Marshal(p.value)
	return string(text), err
}

func (p part) read(text string) error { return json.Unmarshal([]byte(text), p.value) }

// parseInfo is the inverse of metadata. It returns nil for a file without a
// format of ours.
func parseInfo(path string, m map[string]string) (*Info, error) {
	if _, ok := m[stateKey]; ok {
		return nil, bad(path, "name the model.safetensors of its run", "is a checkpoint, from which only training goes on")
	}
	version, err := strconv.Atoi(m["format"])
	if errors.Is(err, strconv.ErrSyntax) {
		return nil, nil // PyTorch's own files say "pt" here, or nothing
	}
	if err != nil || version < 1 || version > Format {
		return nil, bad(path, "take a newer imgcls", "has format %s, this reads 1 to %d", fault.Quote(m["format"]), Format)
	}
	i := &Info{Format: version, Model: m["model"], Figures: Figures{metrics.Undefined(), metrics.Undefined()}}
	for _, part := range i.parts() {
		text, ok := m[part.key]
		if !ok {
			return nil, bad(path, anotherCopy, "lacks the metadata key %s", part.key)
		}
		if part.read(text) != nil {
			return nil, bad(path, anotherCopy, "says %s under the metadata key %s, which imgcls does not write",
				fault.Quote(text), part.key)
		}
	}
	return i, i.check(path)
}

// mostClasses bounds what is believed of a file before memory is taken for it.
const mostClasses = 1 << 20

// check refuses metadata from which no network can be built.
func (i *Info) check(path string) error {
	p := i.Preprocess
	const mostSide, mostChannels = 1 << 14, 64
	switch {
	case len(i.Classes) < 1 || len(i.Classes) > mostClasses:
		return bad(path, anotherCopy, "names %d classes", len(i.Classes))
	case p.Height < 1 || p.Width < 1 || p.Height > mostSide || p.Width > mostSide || p.Channels < 1 || p.Channels > mostChannels:
		return bad(path, anotherCopy, "wants pictures of %d×%d×%d", p.Height, p.Width, p.Channels)
	case p.Resize != models.Squash:
		return bad(path, "take a newer imgcls", "wants pictures resized by %s", fault.Quote(p.Resize))
	case augment.Views(p.TTA) == nil:
		return bad(path, "take a newer imgcls", "wants the logits of views %s averaged", fault.Quote(p.TTA))
	case len(p.Mean) != p.Channels || len(p.Std) != p.Channels:
		return bad(path, anotherCopy, "normalises %d channels with %d means and %d deviations", p.Channels, len(p.Mean), len(p.Std))
	}
	seen := make(map[string]bool, len(i.Classes))
	for _, class := range i.Classes {
		if seen[class] {
			return bad(path, anotherCopy, "names two classes %s", fault.Quote(class))
		}
		seen[class] = true
	}
	if _, err := p.Normalized(p.Mean, p.Std); err != nil {
		return bad(path, anotherCopy, "%w", err)
	}
	return nil
}

// Open reads a model file and checks all that can be checked without knowing
// the network: the format of the file, and the sums where there are any.
func Open(path string) (*Model, error) {
	file, err := safetensors.Read(path)
	if err != nil {
		return nil, err
	}
	return accept(path, file)
}

// accept checks what a file says of itself; the path is for messages.
func accept(path string, file *safetensors.File) (*Model, error) {
	info, err := parseInfo(path, file.Metadata)
	if err != nil {
		return nil, err
	}
	// A sum in a file whose format is not ours means that the format was damaged.
	if info != nil || file.Sealed() {
		if err := file.Verify(path); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, t := range file.Tensors {
		names = append(names, t.Name)
	}
	return &Model{
		Path: path, Info: info, Tensors: file.Tensors, Sums: file.Sums(), SHA256: file.SHA256, library: naming.Recognise(names),
	}, nil
}

const anotherCopy = "take another copy of the file"

func bad(path, do, why string, args ...any) error {
	return fault.New(fault.Model, "model file", path, do, why, args...)
}
