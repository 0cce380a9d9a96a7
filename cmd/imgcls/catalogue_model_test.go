package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint/safetensors"
)

// badModels are the rows K1 to K11, K13 and K15: mostly what becomes of a good
// model file.
func badModels(t *testing.T, model string) []badInput {
	good, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	head := 8 + int(binary.LittleEndian.Uint64(good))
	eval := "eval m.safetensors digits"
	bare := eval + " --model cifar-net"
	file := func(content []byte) func(*scene) { return named("m.safetensors", content) }
	fileError := func(pattern string) string { return `model file: "m.safetensors": ` + pattern }

	rows := []badInput{
		{id: "K1", what: "missing", args: eval, code: 4, stderr: fileError(`file does not exist; check the name`)},
		{id: "K1", what: "run without a model", given: func(s *scene) { s.write("runs/a/run.json", []byte(`{"status":"running"}`)) },
			args: "eval runs/a digits", code: 4, stderr: `model file: "runs/a/model.safetensors": file does not exist`},
		{id: "K1", what: "folder", given: func(s *scene) { s.folder("m.safetensors/model.safetensors") },
			args: eval, code: 4, stderr: `model file: "m.safetensors/model.safetensors": is a folder`},
		{id: "K1", what: "weights to start from", given: file(good[:5000]), args: "train digits --weights m.safetensors", code: 4,
			stderr: fileError(`is cut: it holds 5000 bytes, its tensors need \d+`)},

		{id: "K2", what: "header of 2^63", given: file(withLength(good, 1<<63)), args: eval, code: 4,
			stderr: fileError(`.*its header would be of 9223372036854775808 bytes, at most 100000000`)},
		{id: "K2", what: "header of 2^64-1", given: file(withLength(good, math.MaxUint64)), args: eval, code: 4,
			stderr: fileError(`.*its header would be of 18446744073709551615 bytes`)},
		{id: "K2", what: "header above 100 MB", given: file(withLength(good, 100_000_001)), args: eval, code: 4,
			stderr: fileError(`.*its header would be of 100000001 bytes`)},
		{id: "K2", what: "header above the file", given: file(withLength(good, uint64(len(good)))), args: eval, code: 4,
			stderr: fileError(fmt.Sprintf(`is cut: it holds %d bytes, of which its header alone takes %d`, len(good), len(good)+8))},

		{id: "K3", what: "not UTF-8", given: file(headed("{\"a\xff\":{}}", 0)), args: eval, code: 4, stderr: fileError(`the header is wrong at byte 11: not UTF-8`)},
		{id: "K3", what: "not JSON", given: file(headed(`{"a":oops}`, 0)), args: eval, code: 4, stderr: fileError(`the header is wrong at byte 13: tensor "a": 'o' in place of`)},
		{id: "K3", what: "key twice", given: file(headed(`{"a":`+f32(1, 0, 4)+`,"a":`+f32(1, 0, 4)+`}`, 4)), args: eval, code: 4,
			stderr: fileError(`the header is wrong at byte \d+: key "a" comes twice`)},
		{id: "K3", what: "key twice in a tensor", given: file(headed(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)), args: eval, code: 4,
			stderr: fileError(`the header is wrong at byte \d+: tensor "a": key "dtype" comes twice`)},
		{id: "K3", what: "a million brackets", given: file(headed(`{"a":`+strings.Repeat("[", 1e6), 0)), args: eval, code: 4,
			stderr: fileError(`the header is wrong at byte 13: `)},
		{id: "K3", what: "a million brackets in a shape", given: file(headed(`{"a":{"dtype":"F32","shape":`+strings.Repeat("[", 1e6), 0)), args: eval, code: 4,
			stderr: fileError(`the header is wrong at byte \d+: tensor "a": '\[' in place of a number`)},

		{id: "K4", what: "overlapping", given: file(headed(`{"a":`+f32(2, 0, 8)+`,"b":`+f32(2, 4, 12)+`}`, 12)), args: eval, code: 4,
			stderr: fileError(`tensors "a" \[0, 8\) and "b" \[4, 12\) overlap`)},
		{id: "K4", what: "reversed", given: file(headed(`{"a":`+f32(2, 8, 0)+`}`, 8)), args: eval, code: 4,
			stderr: fileError(`tensor "a" ends at 0, before its begin at 8`)},
		{id: "K4", what: "negative", given: file(headed(`{"a":`+f32(2, -8, 0)+`}`, 8)), args: eval, code: 4,
			stderr: fileError(`the header is wrong at byte \d+: tensor "a": "-8" is negative`)},
		{id: "K4", what: "three offsets", given: file(headed(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8)), args: eval, code: 4,
			stderr: fileError(`.*tensor "a": a list of more than 2 numbers`)},
		{id: "K4", what: "hole", given: file(headed(`{"a":`+f32(1, 0, 4)+`,"b":`+f32(1, 8, 12)+`}`, 12)), args: eval, code: 4,
			stderr: fileError(`the bytes \[4, 8\) before tensor "b" \[8, 12\) belong to no tensor`)},
		{id: "K4", what: "trailing bytes", given: file(append(slices.Clone(good), "PK\x03\x04"...)), args: eval, code: 4,
			stderr: fileError(`holds 4 bytes after the last tensor "fc\d.\w+" \[\d+, \d+\), which belong to no tensor`)},

		{id: "K5", what: "product of a shape", given: file(headed(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0)), args: eval, code: 4,
			stderr: fileError(`tensor "a", "F32" \[4294967296 4294967296\]: the shape's product overflows`)},
		{id: "K5", what: "shape unlike bytes", given: file(headed(`{"a":`+f32(3, 0, 8)+`}`, 8)), args: eval, code: 4,
			stderr: fileError(`tensor "a", F32 \[3\], takes 12 bytes, but its range \[0, 8\) has 8`)},

		{id: "K6", what: "unknown type", given: file(headed(`{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}`, 8)), args: eval, code: 4,
			stderr: fileError(`tensor "a", "F31" \[2\]: unknown type "F31"`)},
		{id: "K6", what: "half precision", given: file(changed(good, halved)), args: bare, code: 4,
			stderr: fileError(`tensor "conv1.weight" is F16, want F32; use --convert to make it F32`)},
		{id: "K6", what: "half precision, converted", given: file(changed(good, halved)), args: bare + " --convert", code: 0, stdout: `on 355 pictures`},
		{id: "K6", what: "integers", given: file(changed(good, func(f *safetensors.File) { f.Metadata = nil; f.Tensors[0].DType = "I32" })), args: bare + " --convert", code: 4,
			stderr: fileError(`tensor "conv1.bias" is I32: only F16, BF16 and F64 can become F32`)},
	}
	for _, n := range []int{0, 1, 7, 8, 9, 100, head - 1, head, head + 1, len(good) / 2, len(good) - 1} {
		rows = append(rows, badInput{id: "K1", what: fmt.Sprintf("cut at %d", n), given: file(good[:n]), args: eval, code: 4,
			stderr: fileError(`(is cut: it )?holds \d+ bytes, .*\d+; take another copy`)})
	}
	format := bytes.Index(good, []byte(`"format"`))
	for what, at := range map[string]int{
		"first number": head, "middle": (head + len(good)) / 2, "last number": len(good) - 1,
		"key in the header": format + 2, "format itself": format + len(`"format":"`), "sum": bytes.Index(good, []byte(`sha256_header`)) + 20,
		"figure": bytes.Index(good, []byte(`loss`)) + 9,
	} {
		rows = append(rows, badInput{id: "K11", what: "bit of the " + what, given: file(withFlip(good, at)), args: "info m.safetensors", code: 4,
			stderr: fileError(`.*(is damaged: its SHA-256 is [0-9a-f]{64}, the file says|has format|has no SHA-256 of)`)})
	}
	rows = append(rows, badInput{id: "K11", what: "bit of a known tensor", given: file(withFlip(good, len(good)-1)), args: eval, code: 4,
		stderr: fileError(`tensor "fc3.weight" is damaged: its SHA-256 is`)})
	for name, content := range map[string][]byte{
		"m.pt": []byte("PK\x03\x04"), "m.pth": []byte("\x80\x02}q\x00."), "m.bin": []byte("anything"), "m.pkl": []byte("\x80\x04}."),
		"renamed.safetensors": []byte("PK\x03\x04archive/data.pkl"), "pickle.safetensors": []byte("\x80\x02}q\x00."), "m.zip": []byte("PK\x05\x06"),
	} {
		rows = append(rows, badInput{id: "K13", what: name, given: named(name, content), args: "eval " + name + " digits", code: 4,
			stderr: `model file: "` + name + `": .*pickle can run code, not read; convert to safetensors with: python -c "import torch,`})
	}
	return append(rows, badMeaning(good, file, fileError)...)
}

// badMeaning are the rows K7 to K10 and K15: whole files that do not fit.
func badMeaning(good []byte, file func([]byte) func(*scene), fileError func(string) string) []badInput {
	const eval = "eval m.safetensors digits"
	const bare = eval + " --model cifar-net"
	with := func(key, value string) []byte {
		return changed(good, func(f *safetensors.File) { f.Metadata[key] = value })
	}
	escaping := with("model", "\x1b[31m")
	return []badInput{
		{id: "K7", what: "bare without --model", given: file(changed(good, strip)), args: eval, code: 4, stderr: fileError(`.*; name the network with --model`)},
		{id: "K7", what: "missing", given: file(changed(good, func(f *safetensors.File) { f.Tensors = f.Tensors[1:] })), args: eval, code: 4,
			stderr: fileError(`does not fit the network cifar-net: conv1.bias is missing; `)},
		{id: "K7", what: "extra", given: file(changed(good, func(f *safetensors.File) {
			f.Tensors = append(f.Tensors, safetensors.FromFloat32s("fc4.bias", []int{1}, []float32{0}))
		})), args: eval, code: 4, stderr: fileError(`does not fit the network cifar-net: "fc4.bias" is not in the model`)},
		{id: "K7", what: "shape", given: file(changed(good, func(f *safetensors.File) { f.Tensors[1].Shape = []int{6, 3, 25, 1} })), args: eval, code: 4,
			stderr: fileError(`does not fit the network cifar-net: conv1.weight is \[6 3 25 1\], want \[6 3 5 5\]`)},
		{id: "K7", what: "all names", given: file(changed(good, func(f *safetensors.File) {
			strip(f)
			for i := range f.Tensors {
				f.Tensors[i].Name = "module." + f.Tensors[i].Name
			}
		})), args: bare, code: 4, stderr: fileError(`does not fit the network cifar-net: ("module\.\S+" is not in the model; ){5}and 15 more; `)},
		{id: "K7", what: "other names to start from", given: file(headed(`{"a":`+f32(1, 0, 4)+`}`, 4)), args: "train digits --weights m.safetensors --model resnet20", code: 4,
			stderr: fileError(`does not fit the network resnet20: "a" is not in the model; `)},
		{id: "K7", what: "no tensors", given: file(headed("{}", 0)), args: bare, code: 4, stderr: fileError(`does not fit the network cifar-net: conv1.weight is missing`)},
		{id: "K7", what: "no classes", given: file(changed(good, func(f *safetensors.File) {
			strip(f)
			for i, t := range f.Tensors {
				if strings.HasPrefix(t.Name, "fc3") {
					f.Tensors[i].Shape, f.Tensors[i].Data = append([]int{0}, t.Shape[1:]...), nil
				}
			}
		})), args: bare, code: 4, stderr: fileError(``)},

		{id: "K11", what: "half precision to start from, under another head", given: file(changed(good, halved)), args: "train digits --weights m.safetensors --model cifar-net --reset-head", code: 4,
			stderr: fileError(`tensor "conv1.weight" is F16, want F32; use --convert to make it F32\n`)},
		{id: "K8", what: "NaN", given: file(changed(good, poison)), args: eval, code: 4,
			stderr: fileError(`tensor "conv1.bias" holds 2 values that are NaN or infinite`)},
		{id: "K8", what: "NaN to start from", given: file(changed(good, poison)), args: "train digits --weights m.safetensors", code: 4,
			stderr: fileError(`tensor "conv1.bias" holds 2 values`)},
		{id: "K8", what: "info of NaN", given: file(changed(good, poison)), args: "info m.safetensors", code: 0, stdout: `conv1.bias +F32 +\[6\] +2\n`},

		{id: "K8", what: "numbers whose sums overflow", given: file(changed(good, inflate)), args: eval, code: 4, stdout: `^accuracy `,
			stderr: fileError(`the logits of 355 of 355 pictures are not finite; take weights from before the training diverged`)},
		{id: "K8", what: "a picture of such numbers", given: func(s *scene) {
			s.write("m.safetensors", changed(good, inflate))
			s.write("x.png", grayPNG())
		}, args: "predict m.safetensors x.png none.png --format jsonl", code: 4, stdout: `^\{"input":"x.png","error":"its logits are not finite"\}\n\{"input":"none.png","error":"[^"]*"\}\n$`,
			stderr: fileError(`the logits of 1 of 2 pictures are not finite`)},

		{id: "K9", what: "another network", args: "eval $MODEL digits --model resnet20", code: 4,
			stderr: `model file: ".*": is of the network cifar-net, not resnet20; leave out --model\n`},
		{id: "K9", what: "another network to start from", args: "train digits --weights $MODEL --model resnet20", code: 4,
			stderr: `model file: ".*": is of the network cifar-net, not resnet20; leave out --model\n`},
		{id: "K9", what: "count of classes", args: "eval $MODEL shapes", code: 4, stderr: `model file: ".*": has 10 classes, shapes has 3; `},
		{id: "K9", what: "order of classes", given: file(with("classes", `["1","0","2","3","4","5","6","7","8","9"]`)), args: eval, code: 4,
			stderr: fileError(`calls class 0 "1", digits calls it "0"`)},
		{id: "K9", what: "classes of another set", args: "train shapes --weights $MODEL", code: 4, stderr: `model file: ".*": has 10 classes, shapes has 3`},
		{id: "K9", what: "class map of another size", given: func(s *scene) {
			s.write("m.safetensors", changed(good, strip))
			s.write("c.txt", []byte("a\nb\n"))
		}, args: bare + " --class-map c.txt", code: 4, stderr: fileError(`has 10 classes, the class map names 2`)},

		{id: "K10", what: "newer", given: file(with("format", "3")), args: eval, code: 4, stderr: fileError(`has format "3", this reads 1 to 1; take a newer imgcls`)},
		{id: "K10", what: "format 0", given: file(with("format", "0")), args: eval, code: 4, stderr: fileError(`has format "0", this reads 1 to 1`)},
		{id: "K10", what: "network of a newer version", given: file(with("model", "resnet9999")), args: eval, code: 4,
			stderr: fileError(`.*"resnet9999"`)},
		{id: "K10", what: "metadata that are none", given: file(with("preprocess", "{")), args: eval, code: 4, stderr: fileError(`says "\{" under the metadata key preprocess, which imgcls does not write`)},
		{id: "K10", what: "pictures of a huge size", given: file(with("preprocess", `{"height":1000000,"width":1000000,"channels":3,"resize":"squash","mean":[0,0,0],"std":[1,1,1]}`)),
			args: eval, code: 4, stderr: fileError(`wants pictures of 1000000×1000000×3`)},

		{id: "K10", what: "pictures beyond memory", given: file(with("preprocess", `{"height":16384,"width":16384,"channels":3,"resize":"squash","mean":[0,0,0],"std":[1,1,1]}`)),
			args: eval, code: 4, stderr: fileError(`does not fit the network cifar-net: fc1.weight is \[120 400\], want`)},

		{id: "K15", what: "5 MB of metadata", given: file(headed(`{"__metadata__":{"x":"`+strings.Repeat("x", 5<<20)+`"}}`, 0)), args: "info m.safetensors", code: 4,
			stderr: fileError(`the header is wrong at byte \d+: more than 1048576 bytes of metadata`)},
		{id: "K15", what: "escapes in info", given: file(escaping), args: "info m.safetensors", code: 0, stdout: `model +\\x1b\[31m\n`},
		{id: "K15", what: "escapes in info as JSON", given: file(escaping), args: "info m.safetensors --format json", code: 0, stdout: `"model": "\\u001b\[31m"`},
		{id: "K15", what: "escapes in an error", given: file(escaping), args: eval, code: 4, stderr: fileError(`.*"\\x1b\[31m"`)},
		{id: "K15", what: "escapes in classes", given: func(s *scene) {
			s.write("m.safetensors", changed(good, strip))
			s.write("c.txt", []byte("\u009b31m\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"))
			s.write("x.png", grayPNG())
		}, args: "predict m.safetensors x.png --model cifar-net --topk 10 --class-map c.txt", code: 0, stdout: `\\u009b31m`},
		{id: "K15", what: "escapes in run.json", given: func(s *scene) {
			s.write("runs/a/run.json", []byte(`{"status":"\u001b[31m","device":"\u001b[31m"}`))
			s.write("runs/a/model.safetensors", good)
		}, args: "info runs/a", code: 0, stdout: `origin +\\x1b\[31m `},
	}
}

func named(name string, content []byte) func(*scene) {
	return func(s *scene) { s.write(name, content) }
}

// headed returns a file of a header and so many bytes of data.
func headed(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// f32 returns the header's entry of a vector.
func f32(n, begin, end int) string {
	return fmt.Sprintf(`{"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]}`, n, begin, end)
}

// withLength returns the file with another length of its header.
func withLength(file []byte, n uint64) []byte {
	file = slices.Clone(file)
	binary.LittleEndian.PutUint64(file, n)
	return file
}

func withFlip(file []byte, at int) []byte {
	file = slices.Clone(file)
	file[at] ^= 1
	return file
}

// changed returns the file with a change that its sums know of.
func changed(file []byte, change func(*safetensors.File)) []byte {
	f, err := safetensors.Decode("", bytes.NewReader(file), int64(len(file)))
	if err != nil {
		panic(err) // the program wrote it
	}
	change(f)
	if f.Metadata != nil {
		err = f.Seal()
	}
	var b bytes.Buffer
	if err := errors.Join(err, safetensors.Encode(&b, f)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// grayPNG returns a PNG of 8×8 pixels.
func grayPNG() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		panic(err) // to memory it cannot fail
	}
	return b.Bytes()
}

// strip leaves the bare weights.
func strip(f *safetensors.File) { f.Metadata = nil }

// halved makes bare weights of half precision, all of them zero.
func halved(f *safetensors.File) {
	strip(f)
	for i, t := range f.Tensors {
		f.Tensors[i].DType, f.Tensors[i].Data = "F16", make([]byte, len(t.Data)/2)
	}
}

// inflate makes all numbers the largest that there are.
func inflate(f *safetensors.File) {
	for _, t := range f.Tensors {
		for i := 0; i < len(t.Data); i += 4 {
			binary.LittleEndian.PutUint32(t.Data[i:], math.Float32bits(math.MaxFloat32))
		}
	}
}

// poison puts a NaN and an infinity into the first tensor.
func poison(f *safetensors.File) {
	binary.LittleEndian.PutUint32(f.Tensors[0].Data, math.Float32bits(float32(math.NaN())))
	binary.LittleEndian.PutUint32(f.Tensors[0].Data[4:], math.Float32bits(float32(math.Inf(-1))))
}
