package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/data"
)

// These tests hold the program to what scripts may rely on: the streams, the
// files and their keys. A key that is new is added here as well.

// The keys of what train writes.
const (
	startKeys  = "event run command version seed device model data epochs steps step"
	stepKeys   = "event epoch step train_loss lr images_per_second"
	epochKeys  = "event epoch step train_loss test_loss test_top1 lr seconds images_per_second data_wait"
	doneKeys   = "event run status exit epochs step test_top1 test_loss seconds model_sha256"
	errorKeys  = "event what path why do exit"
	warnKeys   = "event what path why"
	recordKeys = "status exit command version seed device precision model data epochs step test_top1 test_loss weights model_sha256 seconds started ended"
	dataKeys   = "name path fingerprint train val test"
)

func TestContractOfTrain(t *testing.T) {
	s := newScene(t)
	events := s.mustRun("train", "digits", "--epochs", "2", "--name", "x", "--log-format", "json")
	wantKeys := map[string]string{"start": startKeys, "step": stepKeys, "epoch": epochKeys, "done": doneKeys}
	var kinds []string
	var logged strings.Builder
	for line := range strings.Lines(events) {
		event := object(t, line)
		kind := event["event"].(string)
		wantObject(t, kind, event, wantKeys[kind])
		if kinds = append(kinds, kind); kind == "step" || kind == "epoch" {
			logged.WriteString(line)
		}
	}
	if kinds[0] != "start" || kinds[len(kinds)-1] != "done" || len(slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k != "epoch" })) != 2 ||
		kinds[1] != "step" {
		t.Errorf("events %v", kinds)
	}
	if diff := cmp.Diff(logged.String(), s.read("runs/x/metrics.jsonl")); diff != "" {
		t.Errorf("metrics.jsonl is not the steps and epochs of stdout: %s", diff)
	}

	record := object(t, s.read("runs/x/run.json"))
	wantObject(t, "run.json", record, recordKeys)
	wantObject(t, "data of run.json", record["data"].(map[string]any), dataKeys)
	wantObject(t, "data of start", object(t, events[:strings.Index(events, "\n")])["data"].(map[string]any), dataKeys)
	if at, err := time.Parse(time.RFC3339, record["started"].(string)); err != nil || at.Location() != time.UTC {
		t.Errorf("started %v, %v", record["started"], err)
	}
	last := object(t, events[strings.LastIndex(events[:len(events)-1], "\n")+1:])
	for _, key := range []string{"status", "exit", "epochs", "step", "test_top1", "test_loss", "model_sha256"} {
		if last[key] != record[key] {
			t.Errorf("%s is %v at the end, %v in run.json", key, last[key], record[key])
		}
	}
	want := map[string]any{"status": "done", "exit": 0.0, "seed": 42.0, "model": "cifar-net", "epochs": 2.0, "step": 92.0, "weights": "last"}
	for key, value := range want {
		if record[key] != value {
			t.Errorf("run.json: %s is %v, want %v", key, record[key], value)
		}
	}
	if text := strings.Join(strings.Fields(s.read("runs/x/classes.txt")), " "); text != "0 1 2 3 4 5 6 7 8 9" {
		t.Errorf("classes.txt: %s", text)
	}
	for _, name := range []string{"config.yaml", "results.csv", "train.log", "model.safetensors"} {
		if s.read("runs/x/"+name) == "" {
			t.Errorf("%s is empty", name)
		}
	}

	// eval gives the figures of run.json, to the last digit.
	for _, args := range []string{"eval runs/x", "eval runs/latest digits", "eval runs/x/model.safetensors --batch-size 7", "eval runs/x --device cpu --threads 1"} {
		report := object(t, s.mustRun(append(strings.Fields(args), "--format", "json")...))
		if report["top1"] != record["test_top1"] || report["loss"] != record["test_loss"] {
			t.Errorf("%s: top1 %v, loss %v; run.json has %v, %v", args, report["top1"], report["loss"], record["test_top1"], record["test_loss"])
		}
	}

	if s.read("runs/latest/run.json") != s.read("runs/x/run.json") {
		t.Error("runs/latest is not the newest run")
	}
}

// The same settings give the same bytes, by the command line or by the file that
// a run keeps, whatever the number of threads; --overwrite takes the place of a
// run.
func TestContractOfRepeating(t *testing.T) {
	s := newScene(t)
	s.mustRun(strings.Fields("train shapes --samples 200 --epochs 2 --batch-size 12 --lr 0.02 --name x")...)
	model := s.read("runs/x/model.safetensors")
	for _, row := range []struct {
		args, env string
		same      bool
	}{
		{"train shapes --samples 200 --epochs 2 --batch-size 12 --lr 0.02 --seed 42", "GOMAXPROCS=1", true},
		{"train shapes --samples 200 --epochs 2 --batch-size 12 --lr 0.02", "GOMAXPROCS=8", true},
		{"train --config runs/x/config.yaml", "", true},
		{"train --config runs/x/config.yaml --threads 3", "", true},
		{"train --config runs/x/config.yaml --seed 43", "", false},
	} {
		again := *s
		again.env = append(slices.Clip(s.env), row.env)
		again.mustRun(append(strings.Fields(row.args), "--name", "y", "--overwrite")...)
		if got := s.read("runs/y/model.safetensors"); (got == model) != row.same {
			t.Errorf("%s %s: the same model %v, want %v", row.env, row.args, !row.same, row.same)
		}
	}
	if s.read("runs/x/model.safetensors") != model {
		t.Error("another run changed runs/x")
	}
}

// Errors and warnings are events too, and the error is the last.
func TestContractOfErrors(t *testing.T) {
	s := newScene(t)
	s.env = append(s.env, "IMGCLS_EPOCH=3")
	out := s.run("train", "nowhere\x1b", "--log-format", "json")
	if out.code != 2 {
		t.Errorf("exit code %d, want 2", out.code)
	}
	out = s.run("train", "no where", "--log-format", "json")
	lines := strings.Split(out.stdout, "\n")
	if out.code != 3 || len(lines) != 3 {
		t.Fatalf("exit code %d, stdout %s", out.code, out.stdout)
	}
	wantObject(t, "warning", object(t, lines[0]), warnKeys)
	failure := object(t, lines[1])
	wantObject(t, "error", failure, errorKeys)
	if failure["event"] != "error" || failure["path"] != "no where" || failure["exit"] != 3.0 {
		t.Errorf("error: %v", failure)
	}
}

func TestContractOfEval(t *testing.T) {
	s := newScene(t)
	s.mustRun("train", "digits", "--epochs", "1", "--lr", "1e-6", "--name", "x") // it guesses few classes
	text := s.mustRun("eval", "runs/x", "--format", "json")
	report := object(t, text)
	wantObject(t, "eval", report, "task data split samples skipped loss top1 top5 topk classes confusion per_class macro weighted "+
		"balanced_accuracy log_loss brier ece intervals")
	for _, key := range []string{"macro", "weighted"} {
		wantObject(t, key, report[key].(map[string]any), "precision recall f1")
	}
	wantObject(t, "topk", report["topk"].(map[string]any), "1 5")
	wantObject(t, "intervals", report["intervals"].(map[string]any), "top1")

	var r evaluation
	decodeAll(t, text, &r)
	guessed := make([]int, len(r.Classes))
	total, right, nulls, precision := 0, 0, 0, 0.0
	for i, row := range r.Confusion {
		support := 0
		for j, n := range row {
			support += n
			guessed[j] += n
		}
		total, right = total+support, right+row[i]
		if p := r.PerClass[i]; p.Class != r.Classes[i] || p.Support != support {
			t.Errorf("class %d: %+v, support %d in the confusion", i, p, support)
		}
	}
	for i, p := range report["per_class"].([]any) {
		row := p.(map[string]any)
		wantObject(t, "per_class", row, "class precision recall f1 support")
		if (row["precision"] == nil) != (guessed[i] == 0) {
			t.Errorf("class %d: precision %v, guessed %d times", i, row["precision"], guessed[i])
		}
		if value, ok := row["precision"].(float64); ok {
			precision += value / float64(len(r.Classes))
		} else {
			nulls++
		}
	}
	if nulls == 0 {
		t.Error("no class is without a guess: the test says nothing of null")
	}
	if math.Abs(float64(r.Macro.Precision)-precision) > 1e-12 {
		t.Errorf("macro precision %v, want %v", r.Macro.Precision, precision)
	}
	if r.Samples != 355 || total != 355 || float64(r.Top1) != float64(right)/355 || r.Task != "classify" || r.Data != "digits" || r.Split != "test" {
		t.Errorf("%d samples, %d in the confusion, %d right, top1 %v, %s %s %s", r.Samples, total, right, r.Top1, r.Task, r.Data, r.Split)
	}
	if got := object(t, s.mustRun("eval", "runs/x", "--split", "train", "--format", "json"))["samples"]; got != 1442.0 {
		t.Errorf("%v samples to train on", got)
	}
}

// predict on the pictures of the test split says what eval says.
func TestContractOfPredict(t *testing.T) {
	s := newScene(t)
	s.mustRun("train", "digits", "--epochs", "2", "--name", "x")
	digits := data.Digits()
	s.folder("pictures/sub")
	for i := range digits.Test.Len() {
		s.write(fmt.Sprintf("pictures/%03d.png", i), rgbPNG(digits.Test.Images[i*3072:][:3072]))
	}
	right, loss := 0, 0.0
	lines := slices.Collect(strings.Lines(s.mustRun("predict", "runs/x", "pictures", "--topk", "10", "--format", "jsonl")))
	for i, line := range lines {
		var p prediction
		decodeAll(t, line, &p)
		label := digits.Classes[digits.Test.Labels[i]]
		if want := filepath.Join("pictures", fmt.Sprintf("%03d.png", i)); p.Input != want || len(p.TopK) != 10 || p.TopK[0] != (scored{p.Label, p.Score}) {
			t.Fatalf("line %d: %s", i, line)
		}
		if p.Label == label {
			right++
		}
		for _, k := range p.TopK {
			if k.Label == label {
				loss -= math.Log(float64(k.Score)) / float64(len(lines))
			}
		}
	}
	record := object(t, s.read("runs/x/run.json"))
	if got := float64(right) / 355; len(lines) != 355 || got != record["test_top1"] || math.Abs(loss-record["test_loss"].(float64)) > 1e-9 {
		t.Errorf("%d pictures: top1 %v, loss %v; eval has %v, %v", len(lines), got, loss, record["test_top1"], record["test_loss"])
	}

	// The order is that of the command line and in a folder that of the bytes;
	// what cannot be read is a line like the others.
	for _, name := range []string{"f/b.png", "f/B.png", "f/a/z.PNG", "f/a.png", "f/é.png"} {
		s.write(name, grayPNG())
	}
	s.write("f/note.txt", nil)
	s.write("bad.png", []byte("<html>"))
	s.write("a b.png", grayPNG())
	out := s.run("predict", "runs/x", "a b.png", "bad.png", "f", "missing.png", "--logits", "--format", "jsonl")
	if out.code != 3 || !strings.Contains(out.stderr, "\nimgcls: predict: 2 of 8 inputs could not be read; ") {
		t.Errorf("exit code %d, stderr %s", out.code, out.stderr)
	}
	inputs := []string{"a b.png", "bad.png", "f/B.png", "f/a.png", "f/a/z.PNG", "f/b.png", "f/é.png", "missing.png"}
	lines = slices.Collect(strings.Lines(out.stdout))
	for i, line := range lines {
		answer := object(t, line)
		if got := filepath.ToSlash(answer["input"].(string)); len(lines) != len(inputs) || got != inputs[i] {
			t.Fatalf("line %d is of %s:\n%s", i, got, out.stdout)
		}
		if inputs[i] == "bad.png" || inputs[i] == "missing.png" {
			wantObject(t, inputs[i], answer, "input error")
			continue
		}
		wantObject(t, inputs[i], answer, "input label score topk logits")
		topk := answer["topk"].([]any)
		wantObject(t, "topk", topk[0].(map[string]any), "label score")
		if logits := answer["logits"].([]any); len(topk) != 5 || len(logits) != 10 {
			t.Errorf("%d in topk, %d logits", len(topk), len(logits))
		}
	}
	wantObject(t, "without --logits", object(t, s.mustRun("predict", "runs/x", "a b.png", "--format", "jsonl")), "input label score topk")
	var list []any
	decodeAll(t, s.run("predict", "runs/x", "a b.png", "bad.png", "--format", "json").stdout, &list)
	if len(list) != 2 {
		t.Errorf("a list of %d", len(list))
	}
}

func TestContractOfTheRest(t *testing.T) {
	s := newScene(t)
	s.mustRun("train", "digits", "--epochs", "1", "--name", "x")

	content := s.read("runs/x/model.safetensors")
	file, err := safetensors.Decode("", strings.NewReader(content), int64(len(content)))
	s.must(err)
	keys := slices.Sorted(maps.Keys(file.Metadata))
	if diff := cmp.Diff(strings.Fields("classes data figures format model preprocess sha256 sha256_header"), keys); diff != "" {
		t.Errorf("metadata of the model: %s", diff)
	}
	wantObject(t, "data of the model", object(t, file.Metadata["data"]), "name fingerprint")
	wantObject(t, "figures of the model", object(t, file.Metadata["figures"]), "loss top1")
	wantObject(t, "preprocess of the model", object(t, file.Metadata["preprocess"]), "height width channels resize mean std")
	record := object(t, s.read("runs/x/run.json"))
	if figures := object(t, file.Metadata["figures"]); figures["top1"] != record["test_top1"] || figures["loss"] != record["test_loss"] || record["model_sha256"] != file.SHA256 {
		t.Errorf("model: %v, sum %s; run.json: %v", figures, file.SHA256, record)
	}

	const inFile = "path sha256 parameters format model classes preprocess data figures tensors"
	info := object(t, s.mustRun("info", "runs/x", "--format", "json"))
	wantObject(t, "info of a run", info, inFile+" origin")
	wantObject(t, "origin", info["origin"].(map[string]any), recordKeys)
	info = object(t, s.mustRun("info", "runs/x/model.safetensors", "--format", "json"))
	wantObject(t, "info of a file", info, inFile)
	tensors := info["tensors"].([]any)
	wantObject(t, "tensor", tensors[0].(map[string]any), "name type shape sha256 non_finite")
	if len(tensors) != 10 || info["parameters"] != 62006.0 || info["sha256"] != file.SHA256 {
		t.Errorf("%d tensors, %v parameters, sum %v", len(tensors), info["parameters"], info["sha256"])
	}

	entries := s.list("plan", "--format", "json")
	wantObject(t, "plan", entries[0], "name arena_bytes flops nodes")
	wantObject(t, "node", entries[0]["nodes"].([]any)[0].(map[string]any), "op name shape type bytes flops offset kernel")
	devices := s.list("devices", "--format", "json")
	wantObject(t, "device", devices[0], "id name memory_bytes capability usable reason")
	if devices[0]["id"] != "cpu" || devices[0]["usable"] != true || devices[0]["memory_bytes"] != nil {
		t.Errorf("devices: %v", devices)
	}
	networks := s.list("models", "--format", "json")
	wantObject(t, "model", networks[0], "name about parameters macs size epochs batch_size recipe command measured")
	wantObject(t, "measurement", networks[0]["measured"].([]any)[0].(map[string]any), "data epochs top1 seeds seconds on command date")
	if networks[0]["name"] != "cifar-net" || networks[0]["parameters"] != 62006.0 {
		t.Errorf("models: %v", networks)
	}
	if lines := strings.Count(s.mustRun("devices", "--format", "jsonl"), "\n"); lines != len(devices) {
		t.Errorf("%d lines for %d devices", lines, len(devices))
	}
}

// bench measures each combination of its lists, in their order.
func TestContractOfBench(t *testing.T) {
	s := newScene(t)
	rows := s.list(strings.Fields("bench --mode infer,train --batch-size 2,4 --threads 1 --device cpu --format json --quiet")...)
	var got []string
	for _, row := range rows {
		wantObject(t, "bench", row, "model device hardware precision mode batch threads samples images_per_second spread "+
			"ms_per_step latency_ms peak_bytes commit")
		got = append(got, fmt.Sprintln(row["model"], row["device"], row["precision"], row["mode"], row["batch"], row["threads"], row["samples"]))
		rate, spread := row["images_per_second"].(float64), row["spread"].([]any)
		if !(0 < spread[0].(float64) && spread[0].(float64) <= rate && rate <= spread[1].(float64)) {
			t.Errorf("%v images a second, spread %v", rate, spread)
		}
		if step := 1e3 * row["batch"].(float64) / rate; math.Abs(step/row["ms_per_step"].(float64)-1) > 1e-9 {
			t.Errorf("%v ms a step, %v images a second", row["ms_per_step"], rate)
		}
		if (row["latency_ms"] != nil) != (row["mode"] == "infer") {
			t.Errorf("%s: latency %v", row["mode"], row["latency_ms"])
		}
		if peak, known := row["peak_bytes"].(float64); runtime.GOOS == "linux" && !(known && peak > 1<<20) {
			t.Errorf("peak %v", row["peak_bytes"])
		}
	}
	want := []string{
		"cifar-net cpu fp32 infer 2 1 5", "cifar-net cpu fp32 infer 4 1 5",
		"cifar-net cpu fp32 train 2 1 5", "cifar-net cpu fp32 train 4 1 5",
	}
	for i := range got {
		got[i] = strings.Join(strings.Fields(got[i]), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("combinations: %s", diff)
	}
}

// A file of PyTorch's own is used with --model, and gives PyTorch's logits.
func TestContractOfPyTorch(t *testing.T) {
	const folder = "../../internal/train/testdata/"
	weights, err := filepath.Abs(folder + "cifar-net-trained.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := safetensors.Read(folder + "cifar-net-logits.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string][]byte{}
	for _, tensor := range golden.Tensors {
		tensors[tensor.Name] = tensor.Data
	}
	s := newScene(t)
	s.write("c.txt", []byte("plane\ncar\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n"))
	for i := range 16 {
		s.write(fmt.Sprintf("p/%02d.png", i), rgbPNG(tensors["images"][i*3072:][:3072]))
	}
	for _, row := range []struct {
		args  string
		label string
	}{
		{"--model cifar-net", `^[0-9]$`},
		{"--model cifar-net --class-map c.txt", `^(plane|car|bird|cat|deer|dog|frog|horse|ship|truck)$`},
	} {
		out := s.mustRun(append(strings.Fields("predict "+weights+" p --logits --format jsonl"), strings.Fields(row.args)...)...)
		i := 0
		for line := range strings.Lines(out) {
			var p prediction
			decodeAll(t, line, &p)
			if !regexp.MustCompile(row.label).MatchString(p.Label) {
				t.Errorf("label %s", p.Label)
			}
			for class, got := range p.Logits {
				want := float64(math.Float32frombits(binary.LittleEndian.Uint32(tensors["logits"][4*(10*i+class):])))
				if math.Abs(float64(got)-want) > 1e-4 {
					t.Errorf("picture %d, class %d: %v, PyTorch %v", i, class, got, want)
				}
			}
			i++
		}
		if i != 16 {
			t.Errorf("%d lines", i)
		}
	}
	info := object(t, s.mustRun("info", weights, "--format", "json"))
	wantObject(t, "info of bare weights", info, "path sha256 parameters tensors")
	s.mustRun("train", "shapes", "--samples", "40", "--epochs", "1", "--weights", s.bareShapes(), "--name", "x")
}

// bareShapes returns the weights of a run on shapes as PyTorch would save them.
func (s *scene) bareShapes() string {
	s.t.Helper()
	s.mustRun("train", "shapes", "--samples", "40", "--epochs", "1", "--name", "first")
	s.write("bare.safetensors", changed([]byte(s.read("runs/first/model.safetensors")), strip))
	return "bare.safetensors"
}

// read returns the content of a file.
func (s *scene) read(name string) string {
	s.t.Helper()
	content, err := os.ReadFile(s.path(name))
	s.must(err)
	return string(content)
}

// list runs imgcls, whose stdout is a list of objects.
func (s *scene) list(args ...string) []map[string]any {
	s.t.Helper()
	var list []map[string]any
	decodeAll(s.t, s.mustRun(args...), &list)
	return list
}

// object reads a text that is one JSON object.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	decodeAll(t, text, &o)
	return o
}

// decodeAll reads a text that is one JSON value and nothing else.
func decodeAll(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, cut(text))
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one value: %s", cut(text))
	}
}

// wantObject wants exactly these keys.
func wantObject(t *testing.T, what string, o map[string]any, keys string) {
	t.Helper()
	want := strings.Fields(keys)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(o))); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// rgbPNG returns a PNG of 32×32 pixels of three bytes.
func rgbPNG(pixels []byte) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	for i := range 32 * 32 {
		m.SetNRGBA(i%32, i/32, color.NRGBA{pixels[3*i], pixels[3*i+1], pixels[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // to memory it cannot fail
	}
	return b.Bytes()
}
