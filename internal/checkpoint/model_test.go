package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/device"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/models"
)

// A memory holds parameters as a device would.
type memory map[graph.Value][]byte

func (m memory) read(v graph.Value, dst []byte) error {
	copy(dst, m[v])
	return nil
}

func (m memory) write(v graph.Value, src []byte) error {
	m[v] = bytes.Clone(src)
	return nil
}

// parameters are finite numbers of every magnitude, drawn bit by bit, and both
// zeros.
func parameters(g *graph.Graph) memory {
	r := rand.New(rand.NewPCG(2, 0))
	m := memory{}
	for _, v := range g.Params() {
		values := make([]float32, g.Tensor(v).Len())
		for i := range values {
			values[i] = math.Float32frombits(r.Uint32())
			for math.IsNaN(float64(values[i])) || math.IsInf(float64(values[i]), 0) {
				values[i] = math.Float32frombits(r.Uint32())
			}
		}
		values[0] = float32(math.Copysign(0, -1))
		m[v] = device.Bytes(values)
	}
	return m
}

// small is the network of the files under test: cifar-net for the least
// pictures that it takes.
func small() models.Network {
	n := models.CifarNet.Plain(3)
	n.Classes = []string{"cat", "dog", "ship"}
	n.Preprocess.Height, n.Preprocess.Width = 16, 16
	return n
}

func infoOf(n models.Network) Info {
	return Info{
		Model: n.Model.Name, Classes: n.Classes, Preprocess: n.Preprocess,
		Data:    Source{Name: "pets", Fingerprint: "f00d"},
		Figures: Figures{Loss: 0.5, Top1: metrics.Undefined()},
	}
}

// saved writes a model file.
func saved(t testing.TB) (path string, held memory) {
	t.Helper()
	n := small()
	g := n.Single()
	held = parameters(g)
	path = filepath.Join(t.TempDir(), "model.safetensors")
	if _, err := Save(path, infoOf(n), g, held.read); err != nil {
		t.Fatal(err)
	}
	return path, held
}

// forged writes a model file after a change; its sums are right.
func forged(t testing.TB, change func(*safetensors.File)) string {
	t.Helper()
	path, _ := saved(t)
	return altered(t, path, change)
}

// altered puts a changed file in the place of another.
func altered(t testing.TB, path string, change func(*safetensors.File)) string {
	t.Helper()
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := file.Sealed()
	delete(file.Metadata, "sha256")
	delete(file.Metadata, "sha256_header")
	change(file)
	if sealed {
		if err := file.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	if err := safetensors.Write(path, file); err != nil {
		t.Fatal(err)
	}
	return path
}

func nothing(*safetensors.File) {}

// bare writes weights as another program does, after a change.
func bare(t testing.TB, change func(*safetensors.File)) string {
	t.Helper()
	return altered(t, forged(t, nothing), func(f *safetensors.File) {
		f.Metadata = nil
		change(f)
	})
}

// expectRefusal checks that err is of the kind, holds the words, and can be
// shown: it is of one line, without control characters, and not long.
func expectRefusal(t *testing.T, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("kind %d, want %d: %v", got, kind, err)
	}
	text := err.Error()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q lacks %q", text, w)
		}
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("control characters in %q", text)
	}
	if len(text) > 2000 {
		t.Errorf("a message of %d bytes", len(text))
	}
}

func TestSaveAndLoad(t *testing.T) {
	path, held := saved(t)
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := infoOf(small())
	want.Format = Format
	if diff := cmp.Diff(want, *file.Info, cmp.Comparer(sameFigure)); diff != "" {
		t.Error(diff)
	}
	n, err := file.Network(Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	loaded := memory{}
	if err := file.Load(n.Single(), false, loaded.write); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(loaded, held, bytes.Equal) {
		t.Error("the parameters loaded are not those saved")
	}
	if file.Path != path || len(file.Sums) != 10 || len(file.Tensors) != 10 {
		t.Errorf("path %q, %d sums, %d tensors", file.Path, len(file.Sums), len(file.Tensors))
	}
}

func sameFigure(a, b metrics.Figure) bool { return a == b || !a.Defined() && !b.Defined() }

// The keys and the form of their values are a promise to other programs, and
// the bytes follow from what is saved alone.
func TestSavedBytes(t *testing.T) {
	path, held := saved(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := small()
	again := filepath.Join(t.TempDir(), "again.safetensors")
	sum, err := Save(again, infoOf(n), n.Single(), held.read)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, other) {
		t.Error("the same model gives other bytes")
	}
	if digest := sha256.Sum256(other); hex.EncodeToString(digest[:]) != sum {
		t.Errorf("Save returns the sum %s, the file has %x", sum, digest)
	}
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var sums map[string]string
	if err := json.Unmarshal([]byte(file.Metadata["sha256"]), &sums); err != nil || len(sums) != 10 {
		t.Errorf("%d sums of tensors, error %v", len(sums), err)
	}
	if !cmp.Equal(sums, file.Sums()) {
		t.Error("the sums in the file are wrong")
	}
	delete(file.Metadata, "sha256")
	if len(file.Metadata["sha256_header"]) != 64 {
		t.Errorf("sum of the header %q", file.Metadata["sha256_header"])
	}
	delete(file.Metadata, "sha256_header")
	if diff := cmp.Diff(map[string]string{
		"format":     "1",
		"model":      "cifar-net",
		"classes":    `["cat","dog","ship"]`,
		"preprocess": `{"height":16,"width":16,"channels":3,"resize":"squash","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}`,
		"data":       `{"name":"pets","fingerprint":"f00d"}`,
		"figures":    `{"loss":0.5,"top1":null}`,
	}, file.Metadata); diff != "" {
		t.Error(diff)
	}
}

// A parameter that cannot be read, or a disk that cannot be written, leaves the
// file as it was.
func TestFailedSave(t *testing.T) {
	path, held := saved(t)
	before, _ := os.ReadFile(path)
	n := small()
	lost := errors.New("device lost")
	_, err := Save(path, infoOf(n), n.Single(), func(graph.Value, []byte) error { return lost })
	if !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
	_, err = Save(filepath.Join(path, "in", "a", "file"), infoOf(n), n.Single(), held.read)
	expectRefusal(t, err, fault.Room)
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	expectRefusal(t, err, fault.Model, "does not exist")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

// K11: one bit. That every bit is found is a test of safetensors; here it is
// shown that Open asks.
func TestFlippedBit(t *testing.T) {
	path, _ := saved(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at    int
		words string
	}{
		{len(whole) - 1, "is damaged"},
		{bytes.Index(whole, []byte(`"format":"1"`)) + len(`"format":"`), ""}, // no number any more
		{bytes.Index(whole, []byte(`"cat`)) + 1, "header is damaged"},
	} {
		text := bytes.Clone(whole)
		text[c.at] ^= 1 << 6
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		expectRefusal(t, err, fault.Model, c.words)
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format string
		ours   bool
		words  string // of the refusal
	}{
		{"1", true, ""},
		{"pt", false, ""},
		{"", false, ""},
		{"one", false, ""},
		{"1.0", false, ""},
		{"0", false, `has format "0", this reads 1 to 1; take a newer imgcls`},
		{"-1", false, `has format "-1", this reads 1 to 1`},
		{"3", false, `has format "3", this reads 1 to 1`},
		{"99999999999999999999999", false, `this reads 1 to 1`},
		{strings.Repeat("9", 100_000), false, `this reads 1 to 1`},
	} {
		path := forged(t, func(f *safetensors.File) { f.Metadata["format"] = c.format })
		before, _ := os.ReadFile(path)
		file, err := Open(path)
		switch {
		case c.words != "":
			expectRefusal(t, err, fault.Model, c.words)
		case err != nil:
			t.Errorf("format %q: %v", c.format, err)
		case (file.Info != nil) != c.ours:
			t.Errorf("format %q: information %+v", c.format, file.Info)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("format %q: reading changes the file", c.format)
		}
	}
	path := bare(t, func(f *safetensors.File) { f.Metadata = map[string]string{"format": "pt"} })
	if file, err := Open(path); err != nil || file.Info != nil {
		t.Errorf("PyTorch's file: %+v, %v", file, err)
	}
}

const goodPreprocess = `{"height":16,"width":16,"channels":3,"resize":"squash","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}`

// preprocess is a good one after a change of its text.
func preprocess(old, new string) string {
	text := strings.Replace(goodPreprocess, old, new, 1)
	if text == goodPreprocess {
		panic(old + " is not in it")
	}
	return text
}

func TestHostileMetadata(t *testing.T) {
	type row struct{ key, value, words string }
	rows := []row{
		{"classes", `[]`, "names 0 classes"},
		{"classes", `null`, "names 0 classes"},
		{"classes", `["a","b","a"]`, `names two classes "a"`},
		{"classes", `["` + strings.Repeat("x", 300_000) + `","` + strings.Repeat("x", 300_000) + `"]`, "names two classes"},
		{"classes", `["\u001b[31m","\u001b[31m"]`, `names two classes "\x1b[31m"`},
		{"classes", `["a"] ["b"]`, "metadata key classes"},
		{"preprocess", `null`, "wants pictures of 0×0×0"},
		{"preprocess", `{}`, "wants pictures of 0×0×0"},
		{"preprocess", preprocess(`"height":16`, `"height":0`), "0×16×3"},
		{"preprocess", preprocess(`"height":16`, `"height":-16`), "-16×16×3"},
		{"preprocess", preprocess(`"width":16`, `"width":16385`), "16×16385×3"},
		{"preprocess", preprocess(`"width":16`, `"width":9223372036854775807`), "16×9223372036854775807×3"},
		{"preprocess", preprocess(`"width":16`, `"width":9223372036854775808`), "metadata key preprocess"},
		{"preprocess", preprocess(`"width":16`, `"width":16.5`), "metadata key preprocess"},
		{"preprocess", preprocess(`"width":16`, `"width":"16"`), "metadata key preprocess"},
		{"preprocess", preprocess(`"width":16`, `"width":1`+strings.Repeat("0", 500_000)), "metadata key preprocess"},
		{"preprocess", preprocess(`"channels":3`, `"channels":65`), "16×16×65"},
		{"preprocess", preprocess(`"channels":3`, `"channels":4`), "normalises 4 channels with 3 means and 3 deviations"},
		{"preprocess", preprocess(`"squash"`, `"crop\u001b[2J"`), `resized by "crop\x1b[2J"`},
		{"preprocess", preprocess(`"resize":"squash",`, ``), `resized by ""`},
		{"preprocess", preprocess(`"squash"`, `"squash","tta":"seven\u001b"`), `views "seven\x1b"`},
		{"preprocess", preprocess(`"mean":[0.5,0.5,0.5]`, `"mean":[0.5]`), "1 means and 3 deviations"},
		{"preprocess", preprocess(`"mean":[0.5,0.5,0.5]`, `"mean":[0.5`+strings.Repeat(",0.5", 200_000)+`]`), "200001 means"},
		{"preprocess", preprocess(`"mean":[0.5`, `"mean":[1e400`), "metadata key preprocess"},
		{"preprocess", preprocess(`"mean":[0.5`, `"mean":[1e300`), "channel 0 is normalised with mean 1e+300"},
		{"preprocess", preprocess(`"mean":[0.5`, `"mean":[NaN`), "metadata key preprocess"},
		{"preprocess", preprocess(`0.5]}`, `0]}`), "channel 2 is normalised with mean 0.5 and deviation 0"},
		{"preprocess", preprocess(`0.5]}`, `-0.5]}`), "deviation -0.5"},
		{"preprocess", preprocess(`0.5],"std":[0.5,0.5,0.5]`, `0],"std":[0.5,0.5,1e-300]`), "mean 0 and deviation 1e-300"},
		{"preprocess", preprocess(`0.5],"std":[0.5,0.5,0.5]`, `1],"std":[0.5,0.5,1e-300]`), "mean 1 and deviation 1e-300"},
		{"preprocess", preprocess(`0.5]}`, `1e-400]}`), "deviation 0"},
		{"preprocess", preprocess(`0.5]}`, `null]}`), "deviation 0"},
		{"preprocess", preprocess(`0.5]}`, `Infinity]}`), "metadata key preprocess"},
		{"data", `{"name":1}`, "metadata key data"},
		{"figures", `{"loss":"low"}`, "metadata key figures"},
		{"figures", `{"loss":1e400}`, "metadata key figures"},
	}
	for _, key := range []string{"classes", "preprocess", "data", "figures"} {
		rows = append(rows,
			row{key, "", "metadata key " + key},
			row{key, "\x1b[2J", `"\x1b[2J"`},
			row{key, `7`, "metadata key " + key},
			row{key, strings.Repeat("[", 500_000), "metadata key " + key},
			row{key, `{"a":"` + strings.Repeat("b", 900_000) + `"`, "metadata key " + key},
		)
	}
	for _, r := range rows {
		t.Run(fmt.Sprintf("%s=%.40q", r.key, r.value), func(t *testing.T) {
			path := forged(t, func(f *safetensors.File) { f.Metadata[r.key] = r.value })
			_, err := Open(path)
			expectRefusal(t, err, fault.Model, r.words)
		})
	}
	for _, key := range []string{"classes", "preprocess", "data", "figures"} {
		_, err := Open(forged(t, func(f *safetensors.File) { delete(f.Metadata, key) }))
		expectRefusal(t, err, fault.Model, "lacks the metadata key "+key)
	}
}

// Keys may be added later, and what is not known of a model does no harm.
func TestUnusualMetadata(t *testing.T) {
	file, err := Open(forged(t, func(f *safetensors.File) {
		f.Metadata["task"] = "classify"
		f.Metadata["model"] = "resnet\x1b[2J" // for info to show
		f.Metadata["data"] = `{"name":"\u001b[2J","fingerprint":"","rows":7}`
		f.Metadata["figures"] = `{}`
		f.Metadata["preprocess"] = preprocess(`{`, `{"crop":{"side":7},`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if i := file.Info; i.Figures.Loss.Defined() || i.Figures.Top1.Defined() || i.Data.Name != "\x1b[2J" {
		t.Errorf("%+v", i)
	}
}

// K15: more metadata than any model of ours has.
func TestHugeMetadata(t *testing.T) {
	entry := fmt.Sprintf(`{"__metadata__":{"format":"1","classes":"%s"}}`, strings.Repeat("x", 5<<20))
	var text bytes.Buffer
	text.Write([]byte{byte(len(entry)), byte(len(entry) >> 8), byte(len(entry) >> 16), 0, 0, 0, 0, 0})
	text.WriteString(entry)
	path := filepath.Join(t.TempDir(), "huge.safetensors")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	expectRefusal(t, err, fault.Model, "metadata")
}

// K6: what is not single precision is refused, or converted where the user
// says so.
func TestTypes(t *testing.T) {
	half := func(name, dtype string, size int, one []byte) func(*safetensors.File) {
		return func(f *safetensors.File) {
			for i := range f.Tensors {
				if f.Tensors[i].Name == name {
					f.Tensors[i].DType = dtype
					f.Tensors[i].Data = bytes.Repeat(one, len(f.Tensors[i].Data)/4)
				}
			}
		}
	}
	for _, c := range []struct {
		dtype string
		one   []byte // the number 1, or what stands for it
		words string // of the refusal, even with convert
	}{
		{"F16", []byte{0, 0x3c}, ""},
		{"BF16", []byte{0x80, 0x3f}, ""},
		{"F64", []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, ""},
		{"F64", []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7e}, "beyond the range of F32"},
		{"F16", []byte{0, 0x7c}, "holds 120 values that are NaN or infinite"},
		{"I32", []byte{1, 0, 0, 0}, "only F16, BF16 and F64 can become F32"},
		{"U8", []byte{1}, "only F16, BF16 and F64 can become F32"},
	} {
		path := forged(t, half("fc1.bias", c.dtype, len(c.one), c.one))
		file, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		g := small().Single()
		err = file.Load(g, false, memory{}.write)
		expectRefusal(t, err, fault.Model, `tensor "fc1.bias" is `+c.dtype+", want F32", "--convert")
		loaded := memory{}
		err = file.Load(g, true, loaded.write)
		if c.words != "" {
			expectRefusal(t, err, fault.Model, c.words)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.dtype, err)
		}
		for _, x := range device.View[float32](loaded[g.Named("fc1.bias")]) {
			if x != 1 {
				t.Fatalf("%s: 1 became %v", c.dtype, x)
			}
		}
	}
}

// K7: names and shapes, the first five differences.
func TestDifferences(t *testing.T) {
	load := func(change func(*safetensors.File)) error {
		path := bare(t, change)
		file, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		loaded := memory{}
		err = file.Load(small().Single(), false, loaded.write)
		if len(loaded) > 0 && err != nil {
			t.Error("tensors were written before all were compared")
		}
		return err
	}
	expectRefusal(t, load(func(f *safetensors.File) { f.Tensors = f.Tensors[1:] }), fault.Model, "conv1.bias is missing", "--model")
	expectRefusal(t, load(func(f *safetensors.File) { f.Tensors = nil }), fault.Model, "conv1.weight is missing", "and 5 more")
	expectRefusal(t, load(func(f *safetensors.File) {
		f.Tensors[1].Shape = []int{6, 5, 5, 3} // channels last
	}), fault.Model, "conv1.weight is [6 5 5 3], want [6 3 5 5]")
	expectRefusal(t, load(func(f *safetensors.File) { f.Tensors[0].Shape = []int{6, 1} }), fault.Model, "conv1.bias is [6 1], want [6]")
	err := load(func(f *safetensors.File) {
		for i := range f.Tensors[:7] {
			f.Tensors[i].Name = fmt.Sprintf("net.\x1b[2J%d.%s", i, strings.Repeat("n", 1000))
		}
	})
	expectRefusal(t, err, fault.Model, `"net.\x1b[2J4.nnn`, "is not in the model", "and 9 more")
	if n := strings.Count(err.Error(), "is not in"); n != 5 {
		t.Errorf("%d differences named, want 5", n)
	}
	// Names that a graph has for other things than parameters.
	expectRefusal(t, load(func(f *safetensors.File) { f.Tensors[0].Name = "pictures" }), fault.Model, `"pictures" is not in the model`)
	expectRefusal(t, load(func(f *safetensors.File) { f.Tensors[0].Name = "" }), fault.Model, `"" is not in the model`)
}

// K8: weights that are no numbers can be looked at, not used.
func TestNonFinite(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		path := forged(t, func(f *safetensors.File) {
			values := device.View[float32](f.Tensors[3].Data)
			values[0], values[7] = float32(x), float32(x)
		})
		file, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := safetensors.NonFinite(file.Tensors[3]); n != 2 {
			t.Errorf("%d values that are not finite, want 2", n)
		}
		err = file.Load(small().Single(), false, memory{}.write)
		expectRefusal(t, err, fault.Model, `tensor "conv2.weight" holds 2 values that are NaN or infinite`)
	}
}

func TestLoadPassesOnWriteErrors(t *testing.T) {
	path, _ := saved(t)
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("device lost")
	if err := file.Load(small().Single(), false, func(graph.Value, []byte) error { return lost }); !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
}

// FuzzOpen reads whole files.
func FuzzOpen(f *testing.F) {
	few := func(file *safetensors.File) { file.Tensors = file.Tensors[:1] }
	for _, path := range []string{forged(f, few), bare(f, few), filepath.Join("testdata", "little.safetensors")} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := safetensors.Decode("model", bytes.NewReader(text), int64(len(text)))
		if err == nil {
			use(t, file)
		}
	})
}

// FuzzMetadata reads files of any metadata, whose sums are right, with a tensor
// of any name and shape.
func FuzzMetadata(f *testing.F) {
	f.Add("1", "cifar-net", `["a","b"]`, goodPreprocess, `{}`, `{}`, "fc3.weight", 2, 84)
	f.Add("pt", "", "", "", "", "", "fc3.bias", 1<<40, 0)
	f.Add("", "cifar-net", "null", "null", "null", "null", "fc3.weight", 0, 7)
	f.Fuzz(func(t *testing.T, format, model, classes, preprocess, data, figures, name string, rows, columns int) {
		const most = 1 << 12 // elements
		if rows < 0 || columns < 0 || columns > 0 && rows > most/columns {
			return
		}
		file := &safetensors.File{
			Metadata: map[string]string{
				"format": format, "model": model, "classes": classes, "preprocess": preprocess, "data": data, "figures": figures,
			},
			Tensors: []safetensors.Tensor{{Name: name, DType: "F32", Shape: []int{rows, columns}, Data: make([]byte, 4*rows*columns)}},
		}
		if file.Seal() == nil { // else it cannot be written
			use(t, file)
		}
	})
}

// use does with a file all that commands do. What it accepts builds a network
// or is refused with a kind of error that names who can mend it.
func use(t *testing.T, file *safetensors.File) {
	m, err := accept("model", file)
	if err != nil {
		if fault.KindOf(err) != fault.Model {
			t.Fatalf("kind %d: %v", fault.KindOf(err), err)
		}
		return
	}
	for _, o := range []Overrides{{}, {Model: "cifar-net"}, {Size: 16}} {
		n, err := m.Network(o)
		if err == nil {
			err = m.Load(n.Single(), true, memory{}.write)
		}
		if kind := fault.KindOf(err); err != nil && kind != fault.Model && kind != fault.Usage {
			t.Fatalf("%+v: kind %d: %v", o, kind, err)
		}
	}
}
