package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgcls/internal/fault"
)

// file puts a header and data together.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// claim is a file whose header's length is a lie.
func claim(length uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, length), rest...)
}

// tensor returns the entry of one.
func tensor(name, dtype, shape, offsets string) string {
	return fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":%s}`, name, dtype, shape, offsets)
}

func header(parts ...string) string { return "{" + strings.Join(parts, ",") + "}" }

var valid = tensor("a", "F32", "[2]", "[0,8]")

// hostile are files to refuse and words of the message to refuse them with.
var hostile = []struct {
	name string
	text []byte
	want string
}{
	// The length.
	{"empty", nil, "holds 0 bytes, a safetensors file at least 10"},
	{"short", []byte("\x02\x00\x00"), "holds 3 bytes, a safetensors file at least 10"},
	{"length only", claim(2, ""), "is cut: it holds 8 bytes, of which its header alone takes 10"},
	{"length 0", file("", 8), "header does not begin with {"},
	{"length above the file", claim(100, "{}"), "is cut: it holds 10 bytes, of which its header alone takes 108"},
	{"length above 100 MB", claim(100_000_001, "{}"), "header would be of 100000001 bytes, at most 100000000"},
	{"length 2⁶³", claim(1<<63, "{}"), "header would be of 9223372036854775808 bytes"},
	{"length 2⁶³−1", claim(1<<63-1, "{}"), "header would be of 9223372036854775807 bytes"},
	{"length 2⁶⁴−1", claim(1<<64-1, "{}"), "header would be of 18446744073709551615 bytes"},
	{"length 2⁶⁴−8", claim(1<<64-8, "{}"), "header would be of 18446744073709551608 bytes"},

	// The header as text.
	{"space first", file(" {}", 0), "header does not begin with {"},
	{"array", file("[]", 0), "header does not begin with {"},
	{"zero bytes", file("\x00\x00\x00\x00", 0), "header does not begin with {"},
	{"not UTF-8", file("{\"a\xff\":1}", 0), "wrong at byte 11: not UTF-8"},
	{"UTF-8 too long", file("{\"\xc0\xaf\":1}", 0), "wrong at byte 10: not UTF-8"},
	{"UTF-8 surrogate", file("{\"\xed\xa0\x80\":1}", 0), "wrong at byte 10: not UTF-8"},
	{"no end", file("{", 0), "wrong at byte 9: the end in place of '\"'"},
	{"name has no end", file(`{"a`, 0), "wrong at byte 10: a string has no end"},
	{"ends in an escape", file(`{"a\`, 0), "broken escape"},
	{"ends in \\u", file(`{"a\u00`, 0), "broken escape"},
	{"lone surrogate", file(`{"\ud800":{}}`, 0), "wrong at byte 10: broken escape"},
	{"low surrogate first", file(`{"\udc00\ud800":{}}`, 0), "wrong at byte 10: broken escape"},
	{"signed escape", file(`{"\u+041":{}}`, 0), "broken escape"},
	{"unknown escape", file(`{"\x41":{}}`, 0), "broken escape"},
	{"control character", file("{\"a\nb\":{}}", 0), "wrong at byte 11: control character"},
	{"comma last", file(header(valid)[:len(header(valid))-1]+",}", 8), "'}' in place of '\"'"},
	{"no comma", file("{"+valid+" "+valid+"}", 8), "in place of ',' or '}'"},
	{"no colon", file(`{"a" 1}`, 0), "'1' in place of ':'"},
	{"single quotes", file(`{'a':{}}`, 0), `'\'' in place of '"'`},
	{"comment", file(`{/**/}`, 0), "'/' in place of '\"'"},
	{"text after it", file(header(valid)+"x", 8), "'x' after the end of the header"},
	{"zero byte after it", file(header(valid)+"\x00", 8), `'\x00' after the end of the header`},
	{"second object", file("{}{}", 0), "wrong at byte 10: '{' after the end"},
	{"10⁶ arrays", file("{\"a\":"+strings.Repeat("[", 1_000_000), 0), "wrong at byte 13: tensor \"a\": '[' in place of '{'"},
	{"10⁶ objects", file(strings.Repeat(`{"a":`, 1_000_000), 0), `unknown key "a"`},
	{"10⁶ arrays in a shape", file(header(tensor("a", "U8", strings.Repeat("[", 1_000_000), "[0,0]")), 0), "'[' in place of a number"},

	// Keys.
	{"same tensor", file(header(valid, valid), 8), `wrong at byte 62: key "a" comes twice`},
	{"same tensor, escaped", file(header(valid, strings.Replace(valid, "a", `\u0061`, 1)), 8), `key "a" comes twice`},
	{"same dtype", file(`{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), `tensor "a": key "dtype" comes twice`},
	{"same shape", file(`{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}`, 0), `key "shape" comes twice`},
	{"same offsets", file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"data_offsets":[0,0]}}`, 0), `key "data_offsets" comes twice`},
	{"same metadata", file(`{"__metadata__":{"a":"1","a":"1"}}`, 0), `key "a" comes twice`},
	{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), `key "__metadata__" comes twice`},
	{"unknown key", file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"code":"rm"}}`, 0), `tensor "a": unknown key "code"`},
	{"upper case key", file(`{"a":{"Dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), `unknown key "Dtype"`},
	{"no dtype", file(`{"a":{"shape":[0],"data_offsets":[0,0]}}`, 0), `tensor "a": no dtype`},
	{"no shape", file(`{"a":{"dtype":"U8","data_offsets":[0,0]}}`, 0), `tensor "a": no shape`},
	{"no offsets", file(`{"a":{"dtype":"U8","shape":[0]}}`, 0), `tensor "a": 0 data_offsets, want 2`},
	{"entry is a string", file(`{"a":"b"}`, 0), `'"' in place of '{'`},
	{"entry is null", file(`{"a":null}`, 0), `'n' in place of '{'`},
	{"entry is an array", file(`{"a":["U8",[0],[0,0]]}`, 0), `'[' in place of '{'`},

	// Metadata.
	{"metadata is null", file(`{"__metadata__":null}`, 0), `'n' in place of '{'`},
	{"metadata is a string", file(`{"__metadata__":"a"}`, 0), `'"' in place of '{'`},
	{"metadata is a tensor", file(header(tensor("__metadata__", "U8", "[0]", "[0,0]")), 0), `metadata "shape" is not a string`},
	{"number in metadata", file(`{"__metadata__":{"a":1}}`, 0), `wrong at byte 29: metadata "a" is not a string`},
	{"null in metadata", file(`{"__metadata__":{"a":null}}`, 0), `metadata "a" is not a string`},
	{"object in metadata", file(`{"__metadata__":{"a":{}}}`, 0), `metadata "a" is not a string`},
	{"5 MB of metadata", file(`{"__metadata__":{"a":"`+strings.Repeat("x", 5_000_000)+`"}}`, 0), "more than 1048576 bytes of metadata"},
	{"5 MB of keys", file(`{"__metadata__":{`+manyKeys(400_000)+`}}`, 0), "more than 1048576 bytes of metadata"},

	// Types and shapes.
	{"unknown type", file(header(tensor("a", "F33", "[2]", "[0,8]")), 8), `tensor "a", "F33" [2]: unknown type "F33"`},
	{"lower case type", file(header(tensor("a", "f32", "[2]", "[0,8]")), 8), `unknown type "f32"`},
	{"type is a number", file(`{"a":{"dtype":32,"shape":[0],"data_offsets":[0,0]}}`, 0), `'3' in place of '"'`},
	{"half a byte", file(header(tensor("a", "F4", "[3]", "[0,1]")), 1), "12 bits are not whole bytes"},
	{"shape above its bytes", file(header(tensor("a", "F32", "[3]", "[0,8]")), 8), `tensor "a", F32 [3], takes 12 bytes, but its range [0, 8) has 8`},
	{"shape below its bytes", file(header(tensor("a", "F32", "[1]", "[0,8]")), 8), `takes 4 bytes, but its range [0, 8) has 8`},
	{"shape 2³²·2³²", file(header(tensor("a", "U8", "[4294967296,4294967296]", "[0,0]")), 0), "the shape's product overflows"},
	{"shape 2⁶²·4", file(header(tensor("a", "U8", "[4611686018427387904,4]", "[0,0]")), 0), "the shape's product overflows"},
	{"bytes overflow", file(header(tensor("a", "F64", "[2305843009213693952]", "[0,0]")), 0), "the shape's product overflows"},
	{"shape 2⁶³−1", file(header(tensor("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]")), 1), "the shape's product overflows"},
	{"shape 2⁶³", file(header(tensor("a", "U8", "[9223372036854775808]", "[0,0]")), 0), `"9223372036854775808" is too large`},
	{"shape 2⁵⁰, really", file(header(tensor("a", "U8", "[1125899906842624]", "[0,1125899906842624]")), 1), "its tensors need 1125899906842"},
	{"negative shape", file(header(tensor("a", "F32", "[-2]", "[0,8]")), 8), `tensor "a": "-2" is negative`},
	{"two negatives", file(header(tensor("a", "F32", "[-2,-1]", "[0,8]")), 8), `"-2" is negative`},
	{"65 dimensions", file(header(tensor("a", "U8", "["+strings.Repeat("1,", 64)+"1]", "[0,1]")), 1), "a list of more than 64 numbers"},
	{"shape is a number", file(header(tensor("a", "U8", "1", "[0,1]")), 1), "'1' in place of '['"},
	{"shape of strings", file(header(tensor("a", "U8", `["1"]`, "[0,1]")), 1), `'"' in place of a number`},

	// Offsets.
	{"overlap", file(header(valid, tensor("b", "F32", "[2]", "[4,12]")), 12), `tensors "a" [0, 8) and "b" [4, 12) overlap`},
	{"same range", file(header(valid, tensor("b", "F32", "[2]", "[0,8]")), 8), `tensors "a" [0, 8) and "b" [0, 8) overlap`},
	{"inside another", file(header(valid, tensor("b", "F32", "[1]", "[4,8]")), 8), `tensors "a" [0, 8) and "b" [4, 8) overlap`},
	{"empty one inside", file(header(valid, tensor("b", "F32", "[0]", "[4,4]")), 8), `tensors "a" [0, 8) and "b" [4, 4) overlap`},
	{"reversed", file(header(tensor("a", "F32", "[2]", "[8,0]")), 8), `tensor "a" ends at 0, before its begin at 8`},
	{"negative", file(header(tensor("a", "F32", "[2]", "[-8,0]")), 8), `wrong at byte 56: tensor "a": "-8" is negative`},
	{"minus zero", file(header(tensor("a", "F32", "[2]", "[-0,8]")), 8), `"-0" is negative`},
	{"fraction", file(header(tensor("a", "F32", "[2]", "[0,8.0]")), 8), `"8.0" is not a whole number`},
	{"exponent", file(header(tensor("a", "F32", "[2]", "[0,8e0]")), 8), `"8e0" is not a whole number`},
	{"plus", file(header(tensor("a", "F32", "[2]", "[0,+8]")), 8), `"+8" is not a whole number`},
	{"leading zero", file(header(tensor("a", "F32", "[2]", "[0,08]")), 8), `"08" is not a whole number`},
	{"2⁶⁴", file(header(tensor("a", "F32", "[2]", "[0,18446744073709551616]")), 8), "is too large"},
	{"10⁶ digits", file(header(tensor("a", "F32", "[2]", "[0,"+strings.Repeat("9", 1_000_000)+"]")), 8), "is too large"},
	{"three", file(header(tensor("a", "F32", "[2]", "[0,8,8]")), 8), `tensor "a": a list of more than 2 numbers`},
	{"one", file(header(tensor("a", "F32", "[2]", "[0]")), 8), `tensor "a": 1 data_offsets, want 2`},
	{"hole first", file(header(tensor("a", "F32", "[2]", "[4,12]")), 12), `the bytes [0, 4) before tensor "a" [4, 12) belong to no tensor`},
	{"hole between", file(header(valid, tensor("b", "F32", "[1]", "[12,16]")), 16), `the bytes [8, 12) before tensor "b" [12, 16) belong to no tensor`},
	{"empty one beyond", file(header(valid, tensor("b", "F32", "[0]", "[100,100]")), 8), `the bytes [8, 100) before tensor "b"`},
	{"trailing bytes", file(header(valid), 9), `holds 1 bytes after the last tensor "a" [0, 8), which belong to no tensor`},
	{"polyglot", append(file(header(valid), 8), "PK\x05\x06"...), `holds 4 bytes after the last tensor "a"`},
	{"data without tensors", file("{}", 8), "holds 8 bytes after the last tensor"},
	{"data cut", file(header(valid), 7), "is cut: it holds 69 bytes, its tensors need 70"},
	{"offsets near 2⁶³", file(header(tensor("a", "U8", "[1]", "[9223372036854775806,9223372036854775807]")), 1), "belong to no tensor"},

	// Other kinds of file.
	{"pickle 2", []byte("\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s."), "pickle can run code, not read; convert to safetensors with: python -c"},
	{"pickle 4", []byte("\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."), "pickle can run code"},
	{"short pickle", []byte("\x80\x05K\x01."), "pickle can run code"},
	{"zip", append([]byte("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00archive/data.pkl"), make([]byte, 100)...), "pickle can run code"},
	{"HTML", []byte("\n<!DOCTYPE html><html>not found</html>"), "is an HTML page; download the file itself"},
	{"Git LFS", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"), "is a Git LFS pointer, not the file itself; run git lfs pull"},
	{"GGUF", []byte("GGUF\x03\x00\x00\x00\x00\x00\x00\x00"), "is a GGUF file"},
	{"HDF5", []byte("\x89HDF\r\n\x1a\n\x00\x00\x00\x00"), "is an HDF5 file"},
	{"gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), "is a gzip archive"},
	{"text", []byte("weights go here"), "is no safetensors file: its header would be of"},
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":"",`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestHostileFiles(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range hostile {
		if seen[c.name] {
			t.Errorf("%s: two cases of one name", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			start, before := time.Now(), allocated()
			_, err := decode(c.text)
			if fault.KindOf(err) != fault.Model || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), `model file: "m.safetensors": `) || len(err.Error()) > 1500) {
				t.Errorf("the message is not what users see: %v", err)
			}
			if spent := time.Since(start); spent > 2*time.Second {
				t.Errorf("took %v", spent)
			}
			if grown := allocated() - before; grown > 16*uint64(len(c.text))+1<<17 {
				t.Errorf("allocated %d bytes for a file of %d", grown, len(c.text))
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// What other programs may write is read.
func TestUnusualFiles(t *testing.T) {
	for name, text := range map[string][]byte{
		"nothing":             file("{}", 0),
		"spaces":              file("{ } \t\r\n ", 0),
		"spaces all over":     file("{ \"a\" : {\n\"dtype\" : \"U8\" , \"shape\" : [ 1 , 1 ] , \"data_offsets\" : [ 0 , 1 ] } }", 1),
		"keys in any order":   file(`{"a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}`, 1),
		"any order of data":   file(header(tensor("b", "U8", "[3]", "[8,11]"), valid), 11),
		"not aligned":         file(header(tensor("b", "U8", "[3]", "[0,3]"), tensor("a", "F32", "[2]", "[3,11]")), 11),
		"empty in between":    file(header(valid, tensor("b", "U8", "[0]", "[8,8]"), tensor("c", "U8", "[1]", "[8,9]")), 9),
		"no name":             file(header(tensor("", "U8", "[1]", "[0,1]")), 1),
		"64 dimensions":       file(header(tensor("a", "U8", "["+strings.Repeat("1,", 63)+"1]", "[0,1]")), 1),
		"escapes":             file(`{"\ud83d\ude42\/\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"header of 640":       file(header(valid)+strings.Repeat(" ", 640-len(header(valid))), 8), // begins like a pickle
		"metadata with ESC":   file(`{"__metadata__":{"a":"\u001b[31m"}}`, 0),
		"metadata at the end": file(header(valid, `"__metadata__":{"a":"b"}`), 8),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := decode(text)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(encode(t, f))
			if err != nil {
				t.Fatal(err)
			}
			if diff := same(f, again); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamesOfPickles(t *testing.T) {
	const text = "c__builtin__\neval\n(V1+1\ntR." // protocol 0: plain text
	for path, want := range map[string]string{
		"net.pt":                "torch.load('net.pt',weights_only=True),'net.safetensors')",
		"a/best.PTH":            "torch.load('a/best.PTH',weights_only=True),'a/best.safetensors')",
		"pytorch_model.bin":     "'pytorch_model.safetensors'",
		"x.ckpt":                "'x.safetensors'",
		`it's "$(rm -rf ~)".pt`: "torch.load('model.pt',weights_only=True),'model.safetensors')",
	} {
		_, err := Decode(path, strings.NewReader(text), int64(len(text)))
		if fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// The content decides: safetensors under such a name is read, a pickle under
	// another is not, and its conversion does not overwrite it.
	if _, err := Decode("a.bin", bytes.NewReader(file(header(valid), 8)), int64(len(file(header(valid), 8)))); err != nil {
		t.Error(err)
	}
	if _, err := decode([]byte("\x80\x02N.")); err == nil || strings.Contains(err.Error(), "load('m.safetensors'") {
		t.Errorf("%v", err)
	}
}

func TestReadRefusals(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	os.WriteFile(path("empty"), nil, 0o644)
	for _, c := range []struct{ path, want string }{
		{path("missing"), "does not exist; check the name"},
		{dir, "is a folder; name the file in it"},
		{path("empty"), "holds 0 bytes"},
		{os.DevNull, "is not a plain file"},
	} {
		if _, err := Read(c.path); fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.path, err, c.want)
		}
	}
	// Whoever runs the tests may be allowed to read everything.
	err := unreadable("m", &fs.PathError{Op: "open", Path: "m", Err: syscall.EACCES})
	if fault.KindOf(err) != fault.Room || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("no permission: %v", err)
	}
}

// broken is a disk that fails from some byte on.
type broken struct{ good io.Reader }

var errDisk = errors.New("input/output error")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.good.Read(p)
	if err == io.EOF {
		err = errDisk
	}
	return n, err
}

func TestDiskErrors(t *testing.T) {
	text := encode(t, sample(t))
	for n := range text {
		_, err := Decode("m", broken{bytes.NewReader(text[:n])}, int64(len(text)))
		if !errors.Is(err, errDisk) || fault.KindOf(err) != fault.Model {
			t.Fatalf("at byte %d: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample(f)))
	text, err := os.ReadFile("testdata/types.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, c := range hostile {
		if len(c.text) < 10_000 {
			f.Add(c.text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		have, err := decode(text)
		if err != nil {
			if fault.KindOf(err) != fault.Model {
				t.Fatalf("kind %d: %v", fault.KindOf(err), err)
			}
			return
		}
		total := 0
		for _, tensor := range have.Tensors {
			total += len(tensor.Data)
			NonFinite(tensor)
			ToF32(tensor)
		}
		if total > len(text) {
			t.Fatalf("%d bytes of data from a file of %d", total, len(text))
		}
		have.Verify("fuzz")
		written := encode(t, have)
		again, err := decode(written)
		if err != nil {
			t.Fatal(err)
		}
		if again.SHA256 = have.SHA256; !reflect.DeepEqual(have, again) {
			t.Fatal(same(have, again))
		}
		if !bytes.Equal(encode(t, again), written) {
			t.Fatal("written twice, two texts")
		}
	})
}
