package main

import (
	"bytes"
	"strings"
)

// anotherRun makes a run folder of another time.
func anotherRun(s *scene) {
	s.write("runs/a/run.json", []byte(`{"status":"done","exit":0}`))
	s.write("runs/a/model.safetensors", []byte("somebody's work"))
}

// badUsage are the rows C1 to C6 of the catalogue.
var badUsage = []badInput{
	{id: "C1", what: "unknown flag", args: "train digits --epoch 3", code: 2, stderr: `unknown flag: "--epoch"; did you mean --epochs\?`},
	{id: "C1", what: "flag of other programs", args: "train digits --optimizer adamw", code: 2, stderr: `unknown flag: "--optimizer"; did you mean --opt\?`},
	{id: "C1", what: "flag of other programs, misspelt", args: "train digits --schedular cosine", code: 2, stderr: `unknown flag: "--schedular"; did you mean --sched\?`},
	{id: "C1", what: "unknown short flag", args: "train digits -z", code: 2, stderr: `unknown flag: "-z"`},
	{id: "C1", what: "unknown command", args: "trian digits", code: 2, stderr: `unknown command: "trian"; did you mean train\?`},
	{id: "C1", what: "flag of another command", args: "train digits --topk 3", code: 2, stderr: `--topk: .*; it belongs to predict`},

	{id: "C2", what: "no epochs", args: "train digits --epochs 0", code: 2, stderr: `--epochs: "0" is not a whole number from 1 to 100000`},
	{id: "C2", what: "negative epochs", args: "train digits --epochs -1", code: 2, stderr: `--epochs: "-1" is not a whole number from 1`},
	{id: "C2", what: "epochs as 1e9", args: "train digits --epochs 1e9", code: 2, stderr: `--epochs: "1e9" is not a whole number from 1`},
	{id: "C2", what: "too many epochs", args: "train digits --epochs 1000000000", code: 2, stderr: `--epochs: "1000000000" is not .* to 100000`},
	{id: "C2", what: "rate NaN", args: "train digits --lr NaN", code: 2, stderr: `--lr: "NaN" is not a number greater than 0 and at most`},
	{id: "C2", what: "rate infinite", args: "train digits --lr Inf", code: 2, stderr: `--lr: "Inf" is not a number greater than 0`},
	{id: "C2", what: "rate negative", args: "train digits --lr -1", code: 2, stderr: `--lr: "-1" is not a number greater than 0`},
	{id: "C2", what: "rate no number", args: "train digits --lr abc", code: 2, stderr: `--lr: "abc" is not a number greater than 0`},
	{id: "C2", what: "empty batch", args: "train digits --batch-size 0", code: 2, stderr: `--batch-size: "0" is not a whole number from 1 to \d+`},
	{id: "C2", what: "workers", args: "train digits --workers 100000", code: 2, stderr: `unknown flag: "--workers"`},
	{id: "C2", what: "threads", args: "train digits --threads 100000", code: 2, stderr: `--threads: "100000" is not a whole number from 0 to 4096`},
	{id: "C2", what: "list of threads to train", args: "train digits --threads 1,2", code: 2, stderr: `--threads: "1,2" is a list, which only bench takes`},
	{id: "C2", what: "list of batches to train", env: []string{"IMGCLS_BATCH_SIZE=4,8"}, args: "train digits", code: 2, stderr: `--batch-size: "4,8" is a list`},
	{id: "C2", what: "list with a hole", args: "bench --batch-size 4,,8", code: 2, stderr: `--batch-size: "4,,8" is not a whole number from 1`},
	{id: "C2", what: "mode", args: "bench --mode train,sleep", code: 2, stderr: `--mode: "train,sleep" is not one of train, infer, or a list`},
	{id: "C2", what: "precision", args: "bench --precision fp8", code: 2, stderr: `--precision: "fp8" is not one of auto, fp32, bf16, fp16`},
	{id: "C2", what: "precision that the CPU has not", args: "train digits --device cpu --precision bf16", code: 2,
		stderr: `--precision bf16: the device cpu computes in fp32; use --precision fp32, or another --device`},
	{id: "C2", what: "one to measure", args: "bench --device cpu --precision fp32,fp16", code: 2, stderr: `--precision fp16: the device cpu computes in fp32`},
	{id: "C2", what: "in the environment", env: []string{"IMGCLS_LR=NaN"}, args: "train digits", code: 2, stderr: `IMGCLS_LR: "NaN" is not a number`},

	{id: "C3", what: "batch above the set", args: "train digits --batch-size 1443", code: 3,
		stderr: `--batch-size: a batch of 1443 does not fit the 1442 training pictures; `},

	{id: "C4", what: "name taken", given: anotherRun, args: "train digits --name a", code: 2,
		stderr: `--name: "runs/a": holds another run; add --resume to go on with it, --overwrite to replace it, or`},
	{id: "C4", what: "name of no run", given: func(s *scene) { s.write("runs/a/thesis.txt", []byte("x")) },
		args: "train digits --name a --overwrite", code: 2, stderr: `--name: "runs/a": exists and is not a run of imgcls; choose another`},
	{id: "C4", what: "name of a file", given: func(s *scene) { s.write("runs/a", []byte("x")) },
		args: "train digits --name a --overwrite", code: 2, stderr: `--name: "runs/a": exists and is not a folder; choose another`},
	{id: "C4", what: "name with a path", args: "train digits --name ../a", code: 2, stderr: `--name: "../a" is not a plain name`},

	{id: "C5", what: "empty", args: "train --data", argv: []string{""}, code: 2, stderr: `--data: "" is not a text`},
	{id: "C5", what: "newline", args: "train --data", argv: []string{"a\nb"}, code: 2, stderr: `--data: "a\\nb" is not`},
	{id: "C5", what: "escape", args: "train --data", argv: []string{"a\x1b[31mb"}, code: 2, stderr: `--data: "a\\x1b\[31mb" is not`},
	{id: "C5", what: "escape in an unknown command", argv: []string{"\x1b[31m\n"}, code: 2, stderr: `unknown command: "\\x1b\[31m\\n"`},
	{id: "C5", what: "escape in an unknown flag", argv: []string{"train", "--\x1b[31m\n"}, code: 2, stderr: `unknown flag: "--\\x1b\[31m\\n"`},
	{id: "C5", what: "escape in a path", argv: []string{"info", "\x1b[31m\n"}, code: 4, stderr: `model file: "\\x1b\[31m\\n": file does not exist`},
	{id: "C5", what: "100 kB", args: "train --data", argv: []string{strings.Repeat("x", 100_000)}, code: 2, stderr: `--data: "x{200}"… is not`},
	{id: "C5", what: "100 kB as a number", args: "train --epochs", argv: []string{strings.Repeat("9", 100_000)}, code: 2, stderr: `--epochs: "9{200}"… is not`},
	// A single argument of 1 MB is more than Linux passes on; a file can hold it.
	{id: "C5", what: "1 MB", given: func(s *scene) { s.write("c.yaml", append([]byte("data: "), bytes.Repeat([]byte("x"), 1_000_000)...)) },
		args: "train --config c.yaml", code: 2, stderr: `config file: "c.yaml": line 1: data: "x{200}"… is not`},
	{id: "C5", what: "more than 1 MB", given: func(s *scene) { s.write("c.yaml", append([]byte("data: "), bytes.Repeat([]byte("x"), 2_000_000)...)) },
		args: "train --config c.yaml", code: 2, stderr: `config file: "c.yaml": is larger than 1048576 bytes`},

	{id: "C6", what: "model", args: "train digits --model resnet9999", code: 2, stderr: `--model: there is no model "resnet9999"; the models are: .*cifar-net`},
	{id: "C6", what: "model of a plan", args: "plan --model resnet9999", code: 2, stderr: `--model: there is no model "resnet9999"; the models are: .*cifar-net`},
	{id: "C6", what: "model to measure", args: "bench --model cifar-net,resnet9999", code: 2, stderr: `--model: there is no model "resnet9999"; the models are: .*cifar-net`},
	{id: "C6", what: "device to measure", args: "bench --device cpu,gpu:x", code: 2, stderr: `--device: "gpu:x" is not a device`},
	{id: "C6", what: "device", args: "train digits --device gpu:x", code: 2, stderr: `--device: "gpu:x" is not a device; use one of auto, cpu, ref, cuda, cuda:N`},
	{id: "C6", what: "number of a device", args: "train digits --device cuda:-1", code: 2, stderr: `--device: "cuda:-1" is not a device`},
	{id: "C6", what: "size", args: "train digits --img-size 8", code: 2, stderr: `cifar-net: .*; the least size is \d+×\d+: use --img-size`},
	{id: "C2", what: "pictures beyond memory", args: "train digits --img-size 4096", code: 2,
		stderr: `--img-size: 1797 pictures of 4096×4096×3 take 90445971456 bytes; at most 4294967296 are held; use a smaller size`},
}

// badOutputs are the rows of E1 that every system can have.
var badOutputs = []badInput{
	{id: "E1", what: "output below a file", given: func(s *scene) { s.write("file", nil) },
		args: "train digits --output file/runs", code: 6, stderr: `[^:]+: "file/runs": a part of the path is a file, not a folder; choose another folder: --output FOLDER`},
	{id: "E1", what: "output is a file", given: func(s *scene) { s.write("runs", nil) },
		args: "train digits", code: 6, stderr: `[^:]+: "runs": a part of the path is a file, not a folder; choose another folder`},
	{id: "E1", what: "data folder below a file", given: func(s *scene) { s.write("file", nil) },
		args: "data get --data-dir file/data", code: 6, stderr: `[^:]+: "file/data": a part of the path is a file, not a folder; choose another folder: --data-dir FOLDER`},
}
