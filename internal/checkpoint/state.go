package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
)

// StateFormat is the version of checkpoints that this package writes, and the
// newest that it reads.
const StateFormat = 1

// A State is a checkpoint: all that a run needs to go on as if it had never
// stopped. In the file its tensors, the parameters and the state of a graph, lie
// as they do in memory, channels last, in their own types; the rest is metadata.
// Every bit is covered by a SHA-256.
type State struct {
	Path     string // of a file that was read
	Step     int
	Place    []byte // JSON: where the run stands, as the trainer keeps it
	History  []byte // JSON lines: what was reported of each epoch; it may be long
	Settings []byte // YAML: config.yaml of the run
	Data     Source
	Build    Build
	Tensors  []safetensors.Tensor
}

// A Build names what took the steps: other ones may give other bits.
type Build struct {
	Version  string `json:"version"`
	Device   string `json:"device"`
	Platform string `json:"platform"` // "linux/amd64"
}

// The metadata keys of a checkpoint. The key checkpoint tells it from a model
// file, which has the key format.
const stateKey = "checkpoint"

// historyName is the tensor of bytes that holds the history: metadata are for
// what is short. No cell of a graph has such a name.
const historyName = "run/history"

// errNewer marks a checkpoint that only a newer imgcls reads. It is whole, so
// no older one may take its place.
var errNewer = errors.New("newer format")

// stateTypes are the element types of a graph's lasting tensors in a file.
var stateTypes = map[graph.DType]string{
	graph.F32: "F32", graph.BF16: "BF16", graph.F16: "F16", graph.U8: "U8", graph.I32: "I32", graph.I64: "I64",
}

// Capture reads the cells of g into s.
func (s *State) Capture(g *graph.Graph, read func(v graph.Value, dst []byte) error) error {
	s.Tensors = nil
	for _, v := range g.Cells() {
		t := g.Tensor(v)
		data := make([]byte, t.Bytes())
		if err := read(v, data); err != nil {
			return err
		}
		s.Tensors = append(s.Tensors, safetensors.Tensor{Name: t.Name, DType: stateTypes[t.Type], Shape: t.Shape, Data: data})
	}
	return nil
}

// Restore writes s to the cells of g, which must be those that it was captured
// from. Nothing is written unless all of them fit.
func (s *State) Restore(g *graph.Graph, write func(v graph.Value, src []byte) error) error {
	var diffs []string
	want := g.Cells()
	have := map[string]safetensors.Tensor{}
	for _, t := range s.Tensors {
		have[t.Name] = t
	}
	for _, v := range want {
		t := g.Tensor(v)
		if file, ok := have[t.Name]; !ok {
			diffs = append(diffs, t.Name+" is missing")
		} else if file.DType != stateTypes[t.Type] || !slices.Equal(file.Shape, t.Shape) {
			diffs = append(diffs, fmt.Sprintf("%s is %s %v, want %s %v", t.Name, file.DType, file.Shape, stateTypes[t.Type], t.Shape))
		}
	}
	if len(have) > len(want) && diffs == nil {
		diffs = append(diffs, fmt.Sprintf("holds %d tensors, want %d", len(have), len(want)))
	}
	if diffs != nil {
		const most = 5
		return badState(s.Path, "resume it with the imgcls that wrote it, "+s.Build.Version,
			"does not fit the network: %s", strings.Join(diffs[:min(len(diffs), most)], "; "))
	}
	for _, v := range want {
		if err := write(v, have[g.Tensor(v).Name].Data); err != nil {
			return err
		}
	}
	return nil
}

// file returns s as a sealed file.
func (s *State) file() (*safetensors.File, error) {
	f := &safetensors.File{Tensors: s.Tensors, Metadata: map[string]string{
		stateKey: strconv.Itoa(StateFormat), "step": strconv.Itoa(s.Step),
		"place": string(s.Place), "settings": string(s.Settings),
	}}
	if n := len(s.History); n > 0 {
		f.Tensors = append(slices.Clip(s.Tensors), safetensors.Tensor{Name: historyName, DType: "U8", Shape: []int{n}, Data: s.History})
	}
	for _, part := range s.parts() {
		text, err := part.text()
		if err != nil {
			return nil, err
		}
		f.Metadata[part.key] = text
	}
	return f, f.Seal()
}

func (s *State) parts() []part { return []part{{"data", &s.Data}, {"build", &s.Build}} }

// ReadState reads a checkpoint and refuses it unless every bit is as it was
// written.
func ReadState(path string) (*State, error) {
	file, err := safetensors.Read(path)
	if err != nil {
		return nil, renamed(err)
	}
	return acceptState(path, file)
}

func acceptState(path string, file *safetensors.File) (*State, error) {
	version, err := strconv.Atoi(file.Metadata[stateKey])
	if err != nil && !file.Sealed() {
		return nil, badState(path, "name a file of a run's folder checkpoints", "is no checkpoint of imgcls")
	}
	if err := file.Verify(path); err != nil {
		return nil, renamed(err)
	}
	if err != nil || version < 1 || version > StateFormat {
		newer := fault.New(fault.Model, "checkpoint", path, "take a newer imgcls",
			"has format %s, this reads 1 to %d", fault.Quote(file.Metadata[stateKey]), StateFormat)
		newer.Err = errNewer
		return nil, newer
	}
	s := &State{Path: path, Place: []byte(file.Metadata["place"]), Settings: []byte(file.Metadata["settings"])}
	if s.Step, err = strconv.Atoi(file.Metadata["step"]); err != nil || s.Step < 0 {
		return nil, badState(path, "", "says %s for its step", fault.Quote(file.Metadata["step"]))
	}
	for _, t := range file.Tensors {
		if t.Name == historyName {
			s.History = t.Data
		} else {
			s.Tensors = append(s.Tensors, t)
		}
	}
	for _, part := range s.parts() {
		if err := part.read(file.Metadata[part.key]); err != nil {
			return nil, badState(path, "", "metadata key %s: %w", part.key, err)
		}
	}
	return s, nil
}

// renamed lets an error of the file format speak of a checkpoint.
func renamed(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		f.What, f.Do = "checkpoint", ""
	}
	return err
}

func badState(path, do, why string, args ...any) error {
	return fault.New(fault.Model, "checkpoint", path, do, why, args...)
}
