// Package bench measures how fast a device works, and lets several programs be
// measured in turns.
//
// A contender is a process that holds one Work ready and repeats it for as long
// as it is asked to. It speaks a line at a time, a request on its standard input
// and an answer in JSON on its standard output:
//
//	                                 {"name":"imgcls","version":"…","device":"cpu","threads":2}
//	open {"model":"cifar-net",…}     {"ready":true,"parameters":62006,"macs":651720}
//	run 0.5                          {"steps":812,"seconds":0.5003,"images":3248}
//	dump FILE                        {"outputs":[{"type":"f32","shape":[4,28,28,6]},…]}
//
// The answer to open tells what a network costs (Work.Cost), so that two programs can be
// seen to have the same one. Dump is for single operations: it runs once, on inputs that a
// formula gives (draw.go), and writes what comes out, one tensor after another, so that
// two programs can be compared.
//
// A second open takes the place of the first. A work that fails is answered with
// {"error":"…","exit":2}, and the process goes on; it ends with its input.
// `imgcls bench` holds every combination of its flags in such a process of its
// own, whose peak of memory is then that of the work; bench/ at the root lets
// imgcls and other libraries take turns.
//
//	work.go       what is asked for
//	model.go      training and inference of a network
//	op.go         one operation alone
//	ops.go        the operations
//	draw.go       their inputs, by a formula
//	serve.go      the contender's side of the talk
//	contender.go  the other side: processes, their memory, their time
//	sample.go     samples and their figures
package bench
