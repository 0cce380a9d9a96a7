// Package run keeps the folder of one training run: what was asked for, what
// happened, and the model that came of it.
//
//	runs/2026-11-23_1702_cifar10_cifar-net/
//	  run.json           status, command line, seed, figures: a Record
//	  config.yaml        the settings; `imgcls train --config` with it repeats the run
//	  classes.txt        one class a line, in the order of the network's outputs
//	  metrics.jsonl      one event a line, of each step reported and each epoch
//	  results.csv        one row an epoch
//	  train.log          what the user was told, in plain lines
//	  model.safetensors  the model, written by package checkpoint
//	  checkpoints/       all that the run needs to go on, by step: a checkpoint.Store
//	  data.index         by which later changes of the data are counted
//	  run.lock           held by the one process that writes here
//	runs/latest          a link to the newest run
//
// A run that ended in any way can be taken up again: Take locks its folder, and
// Reopen goes on with it.
//
// A folder belongs to one run: its name is taken by making the folder, which
// only one process can do, and a folder that exists is never written into unless
// it is a run and the user asked to overwrite it. run.json is there from the
// first second and is always whole; the logs only grow, by whole lines.
//
// Logs are worth less than the training they describe. When one cannot be
// written, the user is told once and training goes on. A folder that somebody
// deletes in mid-run is made again once.
package run
