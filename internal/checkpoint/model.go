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
	"fmt"
	"slices"
	"strconv"
	"strings"

	"imgcls/internal/augment"
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
	return &Model{Path: path, Info: info, Tensors: file.Tensors, Sums: file.Sums(), SHA256: file.SHA256}, nil
}

// Load writes the file's tensors to the parameters of g through write. Names and
// shapes must be those of g, and every number finite; with convert, half and
// double precision become single.
func (m *Model) Load(g *graph.Graph, convert bool, write func(v graph.Value, src []byte) error) error {
	views, err := layouts(g)
	if err != nil {
		return err
	}
	if err := m.match(g, views); err != nil {
		return err
	}
	for _, t := range m.Tensors {
		if counter(g, t) {
			continue
		}
		v := g.Named(t.Name)
		values, err := m.floats(t, convert)
		if err != nil {
			return err
		}
		if l, ok := views[v]; ok {
			ordered := make([]float32, len(values))
			l.toMemory(ordered, values)
			values = ordered
		}
		if err := write(v, device.Bytes(values)); err != nil {
			return err
		}
	}
	return nil
}

// counter reports whether t counts the batches that a BatchNorm of g has seen.
// PyTorch keeps it beside the running statistics, and nothing is computed from it
// where the momentum is a number.
func counter(g *graph.Graph, t safetensors.Tensor) bool {
	path, ok := strings.CutSuffix(t.Name, "num_batches_tracked")
	return ok && len(t.Shape) == 0 && g.Named(t.Name) == 0 && g.Named(path+"running_mean") != 0
}

// floats returns the numbers of t, all of them finite.
func (m *Model) floats(t safetensors.Tensor, convert bool) ([]float32, error) {
	if t.DType != "F32" {
		if !convert {
			return nil, bad(m.Path, "use --convert to make it F32", "tensor %s is %s, want F32", fault.Quote(t.Name), t.DType)
		}
		var err error
		if t, err = safetensors.ToF32(t); err != nil {
			return nil, bad(m.Path, "", "%w", err)
		}
	}
	if n := safetensors.NonFinite(t); n > 0 {
		return nil, bad(m.Path, "take weights from before the training diverged", "tensor %s holds %d values that are NaN or infinite", fault.Quote(t.Name), n)
	}
	return t.Float32s()
}

// match compares names and shapes and reports the first five differences.
func (m *Model) match(g *graph.Graph, views map[graph.Value]layout) error {
	var diffs []string
	have := map[string]bool{}
	for _, t := range m.Tensors {
		have[t.Name] = true
		v := g.Named(t.Name)
		if counter(g, t) {
			continue
		}
		if v == 0 || !g.Tensor(v).Role.Weights() {
			diffs = append(diffs, fault.Quote(t.Name)+" is not in the model")
			continue
		}
		want := g.Tensor(v).Shape
		if l, ok := views[v]; ok {
			want = l.shape
		}
		if !slices.Equal(t.Shape, want) {
			diffs = append(diffs, fmt.Sprintf("%s is %v, want %v", t.Name, t.Shape, want))
		}
	}
	for _, v := range g.Weights() {
		if name := g.Tensor(v).Name; !have[name] {
			diffs = append(diffs, name+" is missing")
		}
	}
	if len(diffs) == 0 {
		return nil
	}
	const most = 5
	shown := strings.Join(diffs[:min(len(diffs), most)], "; ")
	if len(diffs) > most {
		shown += fmt.Sprintf("; and %d more", len(diffs)-most)
	}
	do := "give the --model and --img-size that it was made for, and data of as many classes"
	if prefix := m.prefix(g); prefix != "" {
		do = "save it with names that do not begin with " + fault.Quote(prefix)
	}
	return bad(m.Path, do, "does not fit the network: %s", shown)
}

// prefix returns what stands before the network's own names in every name of the
// file, as wrappers of modules put it there.
func (m *Model) prefix(g *graph.Graph) string {
	common := ""
	for i, t := range m.Tensors {
		name := t.Name
		for name != "" && g.Named(name) == 0 {
			_, name, _ = strings.Cut(name, ".")
		}
		before := strings.TrimSuffix(t.Name, name)
		if name == "" || i > 0 && before != common {
			return ""
		}
		common = before
	}
	return common
}

const anotherCopy = "take another copy of the file"

func bad(path, do, why string, args ...any) error {
	return fault.New(fault.Model, "model file", path, do, why, args...)
}
