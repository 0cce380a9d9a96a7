package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imgcls/internal/fault"
)

var update = flag.Bool("update", false, "write testdata/sealed.safetensors anew")

// sample is the content of testdata/sealed.safetensors.
func sample(t testing.TB) *File {
	t.Helper()
	numbers := make([]float32, 12)
	for i := range numbers {
		numbers[i] = float32(i - 6)
	}
	labels := binary.LittleEndian.AppendUint64(nil, math.MaxUint64)
	labels = binary.LittleEndian.AppendUint64(labels, 1<<62)
	f := &File{
		Metadata: map[string]string{"format": "1", "classes": `["cat","é\n"]`, "model": "cifar-net"},
		Tensors: []Tensor{
			FromFloat32s("conv1.bias", []int{3}, []float32{0, float32(math.Copysign(0, -1)), 1.0 / 3}),
			FromFloat32s("conv1.weight", []int{3, 1, 2, 2}, numbers),
			FromFloat32s("empty", []int{0, 5}, nil),
			{Name: "labels", DType: "I64", Shape: []int{2}, Data: labels},
			{Name: "pixels é\n", DType: "U8", Shape: []int{3}, Data: []byte{0, 128, 255}},
			FromFloat32s("scale", nil, []float32{0.5}),
		},
	}
	if err := f.Seal(); err != nil {
		t.Fatal(err)
	}
	return f
}

func encode(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(text []byte) (*File, error) {
	return Decode("m.safetensors", bytes.NewReader(text), int64(len(text)))
}

// same compares all but the sum of the whole file.
func same(a, b *File) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(File{}, "SHA256"))
}

func TestSealedFileIsPinned(t *testing.T) {
	const path = "testdata/sealed.safetensors"
	want := sample(t)
	if *update {
		if err := Write(path, want); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, want), text) {
		t.Error("what is written has changed: files of earlier versions would fail their sums")
	}
	have, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := same(want, have); diff != "" {
		t.Error(diff)
	}
	if !have.Sealed() || have.SHA256 != digest(text) {
		t.Errorf("sealed %v, SHA-256 %s", have.Sealed(), have.SHA256)
	}
	if err := have.Verify(path); err != nil {
		t.Error(err)
	}
}

func TestSameBytesInAnyOrder(t *testing.T) {
	f := sample(t)
	want := encode(t, f)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		r.Shuffle(len(f.Tensors), func(i, j int) { f.Tensors[i], f.Tensors[j] = f.Tensors[j], f.Tensors[i] })
		if err := f.Seal(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(t, f), want) {
			t.Fatal("the order of the tensors changes the bytes")
		}
	}
	if n := binary.LittleEndian.Uint64(want); n%8 != 0 || want[8+n-1] != ' ' && want[8+n-1] != '}' {
		t.Errorf("a header of %d bytes", n)
	}
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	want := sample(t)
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	have, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// The Python library's files come back byte for byte.
func TestPythonsFiles(t *testing.T) {
	const odd = "\"\\/\b\f\n\r\t\x01\x7f\u2028<🙂"
	text, err := os.ReadFile("testdata/types.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, f), text) {
		t.Error("written again it has other bytes")
	}
	if diff := cmp.Diff(map[string]string{"format": "pt " + odd}, f.Metadata); diff != "" {
		t.Error(diff)
	}
	if f.Sealed() {
		t.Error("taken for sealed")
	}
	byName := map[string]Tensor{}
	for _, tensor := range f.Tensors {
		byName[tensor.Name] = tensor
		dtype, counted := strings.CutPrefix(tensor.Name, "a.")
		if !counted {
			continue
		}
		if tensor.DType != dtype || !slices.Equal(tensor.Shape, []int{2, 3}) {
			t.Errorf("%s is %s %v", tensor.Name, tensor.DType, tensor.Shape)
		}
		for i, b := range tensor.Data {
			if b != byte(i) && dtype != "BOOL" {
				t.Errorf("%s: byte %d is %d", tensor.Name, i, b)
			}
		}
	}
	if len(byName) != 19 || !slices.IsSortedFunc(f.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d tensors, or not in name order", len(byName))
	}
	if e := byName["empty"]; !slices.Equal(e.Shape, []int{3, 0, 2}) || len(e.Data) != 0 {
		t.Errorf("empty: %v", e)
	}
	for name, want := range map[string]float32{"no dimensions": 1.5, "é " + odd: 1} {
		if v, err := byName[name].Float32s(); err != nil || !slices.Equal(v, []float32{want}) {
			t.Errorf("%q: %v, %v", name, v, err)
		}
	}
}

func TestEveryChangedBitIsFound(t *testing.T) {
	text := encode(t, sample(t))
	header := 8 + int(binary.LittleEndian.Uint64(text))
	check := func(bit int) {
		text[bit/8] ^= 1 << (bit % 8)
		defer func() { text[bit/8] ^= 1 << (bit % 8) }()
		f, err := decode(text)
		if err == nil {
			if !f.Sealed() {
				t.Errorf("bit %d of byte %d takes the seal away", bit%8, bit/8)
			}
			err = f.Verify("m.safetensors")
		}
		if fault.KindOf(err) != fault.Model {
			t.Errorf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
	}
	for bit := range 8 * header {
		check(bit)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		check(8*header + r.IntN(8*(len(text)-header)))
	}
}

func TestDamagedTensorIsNamed(t *testing.T) {
	f := sample(t)
	f.Tensors[1].Data[7] ^= 4
	err := f.Verify("m.safetensors")
	if err == nil || !strings.Contains(err.Error(), `"m.safetensors": tensor "conv1.weight" is damaged: its SHA-256 is`) {
		t.Error(err)
	}
}

func TestVerifyRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *File)
		want   string
	}{
		"no sums":          {func(f *File) { f.Metadata = nil }, "has no SHA-256 of the header"},
		"metadata":         {func(f *File) { f.Metadata["model"] = "x" }, "the header is damaged"},
		"new metadata":     {func(f *File) { f.Metadata["x"] = "" }, "the header is damaged"},
		"no tensor sums":   {func(f *File) { delete(f.Metadata, tensorsKey) }, "the header is damaged"},
		"renamed":          {func(f *File) { f.Tensors[0].Name = "x" }, "the header is damaged"},
		"other type":       {func(f *File) { f.Tensors[0].DType = "I32" }, "the header is damaged"},
		"other shape":      {func(f *File) { f.Tensors[1].Shape = []int{12} }, "the header is damaged"},
		"fewer tensors":    {func(f *File) { f.Tensors = f.Tensors[1:] }, "the header is damaged"},
		"forged, no sums":  {func(f *File) { forge(f, "{}") }, "holds 6 tensors and sums of 0"},
		"forged, no JSON":  {func(f *File) { forge(f, "[") }, "holds no sums"},
		"forged, misnamed": {func(f *File) { forge(f, `{"a":"","b":"","c":"","d":"","e":"","f":""}`) }, `has no SHA-256 of tensor "conv1.bias"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := sample(t)
			c.change(f)
			err := f.Verify("m.safetensors")
			if err == nil || fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func forge(f *File, sums string) {
	f.Metadata[tensorsKey] = sums
	f.Metadata[headerKey] = f.headerSum()
}

func TestCutAtEveryByte(t *testing.T) {
	text := encode(t, sample(t))
	for n := range text {
		_, err := decode(text[:n])
		if fault.KindOf(err) != fault.Model {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	// A file that is cut between its being measured and being read.
	for n := range text {
		_, err := Decode("m.safetensors", bytes.NewReader(text[:n]), int64(len(text)))
		if fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "became shorter") {
			t.Fatalf("shortened to %d: %v", n, err)
		}
	}
}

func TestEncodeRefusesWhatCannotBeRead(t *testing.T) {
	one := FromFloat32s("a", []int{1}, []float32{1})
	with := func(change func(*Tensor)) *File {
		tensor := one
		change(&tensor)
		return &File{Tensors: []Tensor{tensor}}
	}
	for name, f := range map[string]*File{
		"type":          with(func(t *Tensor) { t.DType = "F33" }),
		"size":          with(func(t *Tensor) { t.Shape = []int{2} }),
		"negative":      with(func(t *Tensor) { t.Shape = []int{-1, -1} }),
		"dimensions":    with(func(t *Tensor) { t.Shape = slices.Repeat([]int{1}, mostDims+1) }),
		"reserved name": with(func(t *Tensor) { t.Name = metadataKey }),
		"name":          with(func(t *Tensor) { t.Name = "\xff" }),
		"same name":     {Tensors: []Tensor{one, one}},
		"metadata":      {Metadata: map[string]string{"a": "\xff"}},
		"much metadata": {Metadata: map[string]string{"a": strings.Repeat("x", mostMetadata)}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := f.Seal(); err == nil {
				t.Error("sealed")
			}
			path := filepath.Join(t.TempDir(), "model")
			if err := Write(path, f); err == nil || fault.KindOf(err) != fault.Bug {
				t.Errorf("written: %v", err)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Error("left a file")
			}
		})
	}
	if err := Encode(io.Discard, &File{Tensors: []Tensor{FromFloat32s(strings.Repeat("x", mostHeader), nil, []float32{1})}}); err == nil {
		t.Error("a header above the limit was written")
	}
}

// Metadata as long as is allowed can be read again.
func TestMostMetadata(t *testing.T) {
	f := &File{Metadata: map[string]string{"a": strings.Repeat("x", mostMetadata-len(`{"a":""}`))}}
	if _, err := decode(encode(t, f)); err != nil {
		t.Error(err)
	}
}

func TestFloats(t *testing.T) {
	f, err := Read("testdata/floats.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Tensor{}
	for _, tensor := range f.Tensors {
		byName[tensor.Name] = tensor
	}
	for name, nonFinite := range map[string]int{"f16": 14, "bf16": 8, "f64": 3} {
		if n := NonFinite(byName[name]); n != nonFinite {
			t.Errorf("%s holds %d values that are not finite, want %d", name, n, nonFinite)
		}
		got, err := ToF32(byName[name])
		if err != nil {
			t.Fatal(err)
		}
		if n := NonFinite(got); n != nonFinite {
			t.Errorf("%s as F32 holds %d values that are not finite", name, n)
		}
		values, _ := got.Float32s()
		want, err := byName[name+".f32"].Float32s()
		if err != nil || len(want) < 20 || len(want) != len(values) {
			t.Fatalf("%s: %d and %d values, %v", name, len(values), len(want), err)
		}
		for i, w := range want {
			bothNaN := values[i] != values[i] && w != w
			if math.Float32bits(values[i]) != math.Float32bits(w) && !bothNaN {
				t.Errorf("%s: value %d is %v, PyTorch's %v", name, i, values[i], w)
			}
		}
	}
}

func TestConversionRefusals(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, math.Float64bits(-1e39))
	for _, c := range []struct {
		tensor Tensor
		want   string
	}{
		{Tensor{Name: "a", DType: "I64", Shape: []int{1}, Data: huge}, `tensor "a" is I64`},
		{Tensor{Name: "a", DType: "F64", Shape: []int{1}, Data: huge}, "1 numbers beyond the range of F32"},
	} {
		if _, err := ToF32(c.tensor); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ToF32: %v, want %s", err, c.want)
		}
		if _, err := c.tensor.Float32s(); err == nil || !strings.Contains(err.Error(), "want F32") {
			t.Errorf("Float32s: %v", err)
		}
		if n := NonFinite(c.tensor); n != 0 {
			t.Errorf("%d not finite", n)
		}
	}
}
