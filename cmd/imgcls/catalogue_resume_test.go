package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"imgcls/internal/checkpoint"
	"imgcls/internal/fsys"
)

// tiny are the settings of a run of three steps an epoch.
const tiny = "shapes --samples 40 --img-size 16 --batch-size 15"

// ranFor makes the run a of so many steps, with all its checkpoints.
func ranFor(steps string) func(*scene) {
	return func(s *scene) {
		s.mustRun(strings.Fields("train " + tiny + " --epochs 3 --save-every 1it --keep 9 --name a --max-steps " + steps)...)
	}
}

// after makes a scene of several steps.
func after(steps ...func(*scene)) func(*scene) {
	return func(s *scene) {
		for _, step := range steps {
			step(s)
		}
	}
}

// killed makes the run a look as if it had been killed: its status says that it
// goes on.
func killed(s *scene) {
	text := []byte(s.read("runs/a/run.json"))
	text = bytes.Replace(text, []byte(`"status": "done"`), []byte(`"status": "running"`), 1)
	s.write("runs/a/run.json", bytes.Replace(text, []byte(`"exit": 0`), []byte(`"exit": null`), 1))
}

// damages changes the bytes of a run's newest checkpoint, that of step 5.
func damages(how func(content []byte) []byte) func(*scene) {
	return func(s *scene) { s.write(fifth, how([]byte(s.read(fifth)))) }
}

const fifth = "runs/a/checkpoints/step-0000000005.safetensors"

func flipped(content []byte) []byte { return withFlip(content, len(content)-1) }
func half(content []byte) []byte    { return content[:len(content)/2] }

// elsewhere makes the newest checkpoint one of another build.
func elsewhere(s *scene) {
	store := checkpoint.Store{Dir: filepath.Dir(s.path(fifth)), Keep: 9}
	state, err := checkpoint.ReadState(s.path(fifth))
	s.must(err)
	state.Build.Version = "imgcls 0.0.1"
	_, err = store.Save(state, 0)
	s.must(err)
}

// odd makes times of files and of run.json that no clock would give.
func odd(s *scene) {
	steps, err := checkpoint.Store{Dir: filepath.Dir(s.path(fifth))}.Steps()
	s.must(err)
	for _, step := range steps { // the newest is the oldest by its time
		at := time.Now().AddDate(1-step, 0, 0)
		s.must(os.Chtimes(filepath.Join(filepath.Dir(s.path(fifth)), filepath.Base(checkpoint.Store{}.Path(step))), at, at))
	}
	r := s.read("runs/a/run.json")
	at := strings.Index(r, `"started": "`) + len(`"started": "`)
	s.write("runs/a/run.json", []byte(r[:at]+"2036"+r[at+4:]))
}

// locked holds the lock of the run a, as another process would.
func locked(s *scene) {
	lock, err := fsys.TakeLock(s.path("runs/a/run.lock"), func(text string) { s.t.Error(text) })
	s.must(err)
	s.t.Cleanup(func() { lock.Release() })
}

// leftBehind makes the file that stands for a lock where there are none.
func leftBehind(s *scene) { s.write("runs/a/run.lock.held", []byte("4711\n")) }

// goesOn are the files that a resumed run writes.
var goesOn = []string{"runs/a/*"}

func failing(call, with, times string) []string {
	return []string{failCall + "=" + call, failWith + "=" + with, failTimes + "=" + times}
}

// badResumes are the rows R1 to R5, K10 to K12, C4 and C7, and those of E that a
// run folder can have.
var badResumes = []badInput{
	{id: "R1", what: "rate", given: ranFor("5"), args: "train --resume=runs/a --lr 0.5", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--resume: "runs/a": settings have changed: lr 0.01 → 0.5; leave them out, or add --override lr\n`},
	{id: "R1", what: "batch and seed", given: ranFor("5"), args: "train " + tiny + " --name a --resume --batch-size 7 --seed 1", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--resume: "runs/a": settings have changed: seed 42 → 1; batch-size 15 → 7; leave them out, or start a new run\n`},
	{id: "R1", what: "in the environment", given: ranFor("5"), env: []string{"IMGCLS_MOMENTUM=0.5"}, args: "train --resume=runs/a", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--resume: "runs/a": settings have changed: momentum 0.9 → 0.5; `},
	{id: "R1", what: "size of the data", given: after(ranFor("5"), killed), args: "train shapes --samples 44 --resume", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--resume: "runs/a": settings have changed: samples 40 → 44; `},
	{id: "R1", what: "validation", given: ranFor("5"), args: "train --resume=runs/a --val-split 0.2", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--resume: "runs/a": settings have changed: val-split 0 → 0.2; `},
	{id: "R1", what: "patience without validation", given: ranFor("5"), args: "train --resume=runs/a --patience 2 --max-steps 0", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--patience: chooses by a validation split, and --val-split is 0; `},
	{id: "R1", what: "other data", given: ranFor("5"), args: "train digits --resume=runs/a --max-steps 0", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--samples: "digits" is not drawn|--resume: "runs/a": settings have changed: data shapes → digits`},
	{id: "R1", what: "overridden", given: ranFor("5"), args: "train --resume=runs/a --lr 0.5 --override lr --max-steps 0", leaves: goesOn,
		stderr: `override lr  0.01 → 0.5\n(.*\n)*resume  "runs/a" at epoch 2, step 2 of 3 `, stdout: `^accuracy `},
	{id: "R1", what: "override of what cannot be", given: ranFor("5"), args: "train --resume=runs/a --batch-size 7 --override batch-size", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--override: a run cannot go on with another batch-size; start a new run; --weights runs/a`},
	{id: "R1", what: "override of no setting", given: ranFor("5"), args: "train --resume=runs/a --override learning-rate", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--override: "learning-rate" cannot be overridden, or need not be; use some of mean, std, grad-accum, lr, `},
	{id: "R1", what: "override of nothing", args: "train digits --override lr", code: 2, stderr: `--override: only a resumed run has settings to override; add --resume`},

	{id: "R2", what: "label changed", given: after(smallSet(func(map[string][]byte) {}), func(s *scene) {
		s.mustRun("train", "set", "--name", "a", "--epochs", "1")
		content := []byte(s.read("set/data_batch_2.bin"))
		content[0] = (content[0] + 1) % 10
		s.write("set/data_batch_2.bin", content)
	}), args: "train --resume=runs/a --epochs 2", code: 3, leaves: []string{"runs/a/run.lock"},
		stderr: `data: "[^"]+/set": has changed since the run began: pictures: 0 added, 0 removed, 1 changed; restore it`},
	{id: "R2", what: "pictures removed", given: after(smallSet(func(map[string][]byte) {}), func(s *scene) {
		s.mustRun("train", "set", "--name", "a", "--epochs", "1")
		content := s.read("set/data_batch_2.bin")
		s.write("set/data_batch_2.bin", []byte(content[3073:]))
	}), args: "train --resume=runs/a --epochs 2", code: 3, leaves: []string{"runs/a/run.lock"},
		stderr: `data: "[^"]+/set": has changed since the run began: pictures: 0 added, 1 removed, 0 changed; restore it`},

	{id: "R3", what: "other device", given: ranFor("5"), args: "train --resume=runs/a --device ref --max-steps 6", leaves: goesOn,
		stderr: `warning: bits may differ from here on [^\n]*: device cpu: threads, \w+ → `, stdout: `^accuracy `},
	{id: "R3", what: "other version", given: after(ranFor("5"), elsewhere), args: "train --resume=runs/a --max-steps 0", leaves: goesOn,
		stderr: `warning: bits may differ from here on [^\n]*: version imgcls 0.0.1 → imgcls `, stdout: `^accuracy `},
	{id: "R4", what: "other number of threads", given: ranFor("5"), env: []string{"GOMAXPROCS=1"}, args: "train --resume=runs/a --threads 3 --max-steps 0", leaves: goesOn,
		stderr: `memory [^\n]*\nresume  "runs/a" at epoch 2, step 2 of 3  step-0000000005.safetensors\n`, stdout: `^accuracy `},

	{id: "R5", what: "complete", given: ranFor("0"), args: "train --resume=runs/a", leaves: []string{"runs/a/run.lock"},
		stderr: `^resume  "runs/a" is complete at epoch 3 \(all 3 epochs\); raise --epochs to extend it: imgcls train --resume=runs/a --epochs N\n$`},
	{id: "R5", what: "complete by its steps, through latest", given: ranFor("5"), args: "train --resume=runs/latest", leaves: []string{"runs/a/run.lock"},
		stderr: `^resume  "runs/a" is complete at epoch 2 \(--max-steps 5\); raise --max-steps to extend it: `},
	{id: "R5", what: "extended", given: ranFor("0"), args: "train --name a --resume --epochs 4 --keep 100", leaves: goesOn,
		stderr: `resume  "runs/a" at epoch 4, step 0 of 3 [^$]*epoch   4/4 `, stdout: `^accuracy `},
	{id: "R5", what: "none is unfinished", given: ranFor("5"), args: "train " + tiny + " --epochs 1 --resume", leaves: []string{"runs/latest", "runs/*_shapes_cifar-net"},
		stderr: `^resume  no unfinished run of shapes with cifar-net in "runs": a new one begins\n`, stdout: `^accuracy `},
	{id: "R5", what: "unfinished is one of other data", given: after(ranFor("5"), killed), args: "train digits --epochs 1 --resume", leaves: []string{"runs/latest", "runs/*_digits_cifar-net"},
		stderr: `a new one begins; unfinished is "runs/a", of shapes\n`, stdout: `^accuracy `},
	{id: "R5", what: "unfinished", given: after(ranFor("5"), killed), args: "train shapes --resume --max-steps 0", leaves: goesOn,
		stderr: `resume  "runs/a" at epoch 2, step 2 of 3 `, stdout: `^accuracy `},
	{id: "R5", what: "no run at all", args: "train --resume=runs/b", code: 4, stderr: `run: "runs/b/run.json": no such file; name a run folder`},
	{id: "R5", what: "with a space", given: ranFor("5"), args: "train --resume runs/a", code: 2, stderr: `DATA: "runs/a": is a run, not a data set; write --resume=runs/a`},
	{id: "R5", what: "no checkpoint yet", given: after(ranFor("5"), killed, func(s *scene) { s.must(os.RemoveAll(s.path("runs/a/checkpoints"))) }),
		args: "train --resume=runs/a --max-steps 0", leaves: goesOn, stderr: `resume  "runs/a" from its beginning: it has no checkpoint yet\n`, stdout: `^accuracy `},

	{id: "R5", what: "fewer epochs than reached", given: ranFor("9"), args: "train --resume=runs/a --max-steps 0 --epochs 2", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--epochs: "runs/a": 2 is less than the 3 that the run has reached; give 3 or more, or leave it out\n`},
	{id: "R5", what: "fewer epochs than reached, in mid-epoch", given: ranFor("5"), args: "train --resume=runs/a --max-steps 0 --epochs 1", code: 2, leaves: []string{"runs/a/run.lock"},
		stderr: `--epochs: "runs/a": 1 is less than the 2 that the run has reached; `},
	{id: "R5", what: "neither settings nor checkpoint", given: after(ranFor("5"), killed, removed("checkpoints", "config.yaml")),
		args: "train --resume=runs/a --max-steps 0", code: 4, leaves: []string{"runs/a/run.lock"},
		stderr: `run: "runs/a/config.yaml": no such file, and without a checkpoint the settings of the run are not known; restore it, or start the run anew `},
	{id: "R5", what: "neither settings nor checkpoint, by name", given: after(ranFor("5"), killed, removed("checkpoints", "config.yaml")),
		args: "train --resume --name a --max-steps 0", code: 4, leaves: []string{"runs/a/run.lock"}, stderr: `run: "runs/a/config.yaml": no such file, `},
	{id: "R5", what: "killed before config.yaml", given: after(ranFor("5"), killed, removed("checkpoints", "config.yaml", "classes.txt")),
		args: "train --resume --name a --samples 40 --batch-size 5 --img-size 16 --epochs 1 --max-steps 0", leaves: goesOn,
		stderr: `^device [^\n]*\ndata +shapes (.*\n)*resume  "runs/a" from its beginning: it has no checkpoint yet\n`, stdout: `^accuracy `},

	{id: "K11", what: "one bit of a checkpoint", given: after(ranFor("5"), damages(flipped)), args: "train --resume=runs/a --max-steps 0", leaves: goesOn,
		stderr: `warning: checkpoint: "[^"]*step-0000000005.safetensors": tensor "[^"]+" is damaged: its SHA-256 is [^\n]*; the checkpoint before it is used\n(.*\n)*resume  "runs/a" at epoch 2, step 1 of 3 `, stdout: `^accuracy `},
	{id: "K12", what: "half a checkpoint", given: after(ranFor("5"), damages(half)), args: "train --resume=runs/a --max-steps 0", leaves: goesOn,
		stderr: `warning: checkpoint: "[^"]*step-0000000005.safetensors": is cut: it holds \d+ bytes, its tensors need \d+; the checkpoint before it is used\n`, stdout: `^accuracy `},
	{id: "K12", what: "no whole checkpoint", given: after(ranFor("1"), func(s *scene) { s.write("runs/a/checkpoints/step-0000000001.safetensors", nil) }),
		args: "train --resume=runs/a --max-steps 0", code: 4, leaves: []string{"runs/a/run.lock"},
		stderr: `checkpoints: "runs/a/checkpoints": none of the 1 is whole; start the run anew under another --name`},
	{id: "K12", what: "a checkpoint as a model", given: ranFor("5"), args: "eval " + fifth, code: 4,
		stderr: `model file: "[^"]+": is a checkpoint, from which only training goes on; name the model.safetensors of its run`},

	{id: "C4", what: "resume and overwrite", given: ranFor("5"), args: "train digits --name a --resume --overwrite", code: 2,
		stderr: `--resume and --overwrite: cannot both go on with a run and replace it; give one of them`},
	{id: "C4", what: "two runs named", given: ranFor("5"), args: "train digits --name b --resume=runs/a", code: 2, stderr: `--resume and --name: name a run each; give one of them`},
	{id: "C4", what: "a run to begin", args: "train " + tiny + " --epochs 1 --name a --resume", leaves: []string{"runs/a", "runs/latest"},
		stderr: `^resume  there is no run "runs/a": a new one begins\n`, stdout: `^accuracy `},
	{id: "C4", what: "overwrite takes the checkpoints", given: ranFor("5"), args: "train digits --epochs 1 --name a --overwrite", leaves: goesOn, stderr: `epoch `,
		stdout: `^accuracy `, gone: []string{
			"runs/a/checkpoints/step-0000000001.safetensors", "runs/a/checkpoints/step-0000000002.safetensors",
			"runs/a/checkpoints/step-0000000003.safetensors", "runs/a/checkpoints/step-0000000004.safetensors", fifth}},

	{id: "C7", what: "resumed twice", given: after(ranFor("5"), locked), args: "train --resume=runs/a --max-steps 0", code: 6,
		stderr: `lock: "runs/a/run.lock": locked by pid \d+; wait until it ends\n`},
	{id: "C7", what: "replaced while it runs", given: after(ranFor("5"), locked), args: "train digits --name a --overwrite", code: 6,
		stderr: `lock: "runs/a/run.lock": locked by pid \d+; wait until it ends\n`},

	{id: "row 13", what: "diverged", args: "train " + tiny + " --epochs 50 --lr 1e6 --name a", code: 7, leaves: []string{"runs/a", "runs/latest"},
		stderr: `training: the [^:;]+ is not finite at step \d+ \(learning rate 1e\+06\); lower --lr\n`},
	{id: "row 13", what: "diverged, and gone on with", given: func(s *scene) {
		s.run(strings.Fields("train " + tiny + " --epochs 50 --lr 1e6 --name a")...)
	}, args: "train --resume=runs/a", code: 7, leaves: goesOn, stderr: `training: the [^:;]+ is not finite at step \d+ \(learning rate 1e\+06\); lower --lr\n`},
	{id: "row 13", what: "diverged after a checkpoint that was lost already", given: func(s *scene) {
		s.run(strings.Fields("train " + tiny + " --epochs 50 --lr 1e4 --save-every 1it --keep 9 --name a")...)
	}, args: "train --resume=runs/a --override lr --lr 0.001", code: 7, leaves: goesOn,
		stderr: `training: the [^:;]+ is not finite at step \d+ \(learning rate 0.001\); lower --lr\n`},
	{id: "row 13", what: "not finite at the end", args: "train " + tiny + " --epochs 50 --lr 1e4 --max-steps 2 --name a", code: 7, leaves: []string{"runs/a", "runs/latest"},
		stderr: `training: the logits of \d+ of 10 test pictures are not finite after it \(learning rate 10000\); lower --lr\n`},
	{id: "row 13", what: "diverged, and passed over", given: func(s *scene) {
		s.run(strings.Fields("train " + tiny + " --epochs 50 --lr 1e6 --name a")...)
	}, args: "train " + tiny + " --epochs 1 --resume", leaves: []string{"runs"}, stdout: `^accuracy `,
		stderr: `^resume  "runs/a" diverged and is passed over; imgcls train --resume=runs/a --override lr --lr RATE goes on with it\n` +
			`resume  no unfinished run of shapes with cifar-net in "runs": a new one begins\n`},
	{id: "row 13", what: "diverged, and another rate", given: func(s *scene) {
		s.run(strings.Fields("train " + tiny + " --epochs 2 --lr 1e6 --name a")...)
	}, args: "train shapes --resume --override lr --lr 0.001", leaves: goesOn, stdout: `^accuracy `,
		stderr: `^override lr  1e\+06 → 0.001\n(.*\n)*resume  "runs/a" from its beginning: it has no checkpoint yet\n`},

	{id: "E2", what: "disk full at one save", env: failing(`^write .*step-0000000003`, "ENOSPC", "1"), args: "train " + tiny + " --epochs 3 --name a", leaves: []string{"runs/a", "runs/latest"},
		stderr: `warning: writing file: "runs/a/checkpoints/step-0000000003.safetensors": no space left on the disk \(a checkpoint takes [\d,]+ bytes\); [^\n]*; the run goes on and is saved again when the next save is due\n(.*\n)*imgcls: warning: saving the checkpoint works again\n`,
		stdout: `^accuracy `},
	{id: "E2", what: "quota at every save", given: ranFor("5"), env: failing(`^write .*step-`, "EDQUOT", "0"), args: "train --resume=runs/a --max-steps 0", code: 6, leaves: goesOn,
		stderr: `writing file: "runs/a/checkpoints/step-0000000009.safetensors": disk quota exceeded \(a checkpoint takes `},
	{id: "E2", what: "disk full for the model", given: ranFor("5"), env: failing(`^write .*model.safetensors`, "ENOSPC", "0"), args: "train --resume=runs/a --max-steps 0", code: 6, leaves: goesOn,
		stderr: `writing file: "runs/a/model.safetensors": no space left on the disk; `},
	{id: "E3", what: "EIO from fsync", env: failing(`^sync .*step-0000000003`, "EIO", "1"), args: "train " + tiny + " --epochs 1 --name a", leaves: []string{"runs/a", "runs/latest"},
		stderr: `^device [^\n]*\ndata [^\n]*\nmemory [^\n]*\nmodel [^\n]*\nplan [^\n]*\nout [^\n]*\nepoch [^\n]*\nsaved `, stdout: `^accuracy `},
	{id: "E4", what: "disk of the logs full", env: failing(`^write .*(jsonl|csv|log)$`, "ENOSPC", "0"), args: "train " + tiny + " --epochs 2 --name a",
		code: 6, leaves: []string{"runs"}, stderr: `writing log: "runs/a/results.csv": no space left on the disk; `},
	{id: "E4", what: "disk of the logs full later", env: failing(`^write .*(jsonl|log)$`, "ENOSPC", "0"), args: "train " + tiny + " --epochs 2 --name a",
		leaves: []string{"runs/a", "runs/latest"}, stderr: `warning: writing log: "runs/a/[^"]+": no space left on the disk; [^\n]*; the run goes on, its logs have gaps\n`, stdout: `^accuracy `},
	{id: "E6", what: "times of files and of run.json", given: after(ranFor("5"), odd, killed), args: "train shapes --resume --max-steps 0", leaves: goesOn,
		stderr: `resume  "runs/a" at epoch 2, step 2 of 3  step-0000000005.safetensors\n`, stdout: `^accuracy `},
	{id: "E9", what: "left by a run that was killed", given: after(ranFor("5"), killed, func(s *scene) { s.write("runs/a/checkpoints/.step-0000000006.safetensors.1-1.tmp", nil) }),
		args: "train shapes --resume --max-steps 0", leaves: goesOn, stderr: `resume `, stdout: `^accuracy `, gone: []string{"runs/a/checkpoints/.step-0000000006.safetensors.1-1.tmp"}},
	{id: "E9", what: "killed before run.json", given: func(s *scene) { s.write("runs/a/run.lock", nil); s.write("runs/a/.run.json.1-1.tmp", nil) },
		args: "train " + tiny + " --epochs 1 --name a --resume", leaves: []string{"runs/a/*", "runs/latest"}, gone: []string{"runs/a/.run.json.1-1.tmp"},
		stderr: `^resume  there is no run "runs/a": a new one begins\n`, stdout: `^accuracy `},
	{id: "E15", what: "no locks", given: ranFor("5"), env: failing(`^lock `, "ENOLCK", "0"), args: "train --resume=runs/a --max-steps 0", leaves: goesOn,
		stderr: `warning: "runs/a/run.lock": the file system has no locks \(no locks available\); "runs/a/run.lock.held" stands for one: after a kill remove it\n`, stdout: `^accuracy `},
	{id: "E15", what: "no locks, and locked", given: after(ranFor("5"), leftBehind), env: failing(`^lock `, "ENOLCK", "0"), args: "train --resume=runs/a --max-steps 0", code: 6,
		stderr: `lock: "runs/a/run.lock.held": locked by pid 4711; if that process is gone, remove this file\n`},
}

// removed takes files and folders from the run a.
func removed(names ...string) func(*scene) {
	return func(s *scene) {
		for _, name := range names {
			s.must(os.RemoveAll(s.path("runs/a/" + name)))
		}
	}
}
