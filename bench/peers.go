package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"imgcls/internal/bench"
)

// The contenders.
const (
	imgcls      = "imgcls"
	pytorch     = "PyTorch"
	onnxRuntime = "ONNX Runtime"
	gomlx       = "GoMLX"
)

var allPeers = []string{imgcls, pytorch, onnxRuntime, gomlx}

// command returns the command line of a contender. GoMLX with the compiler's
// experimental SIMD is another build.
func (o options) command(w way) []string {
	n, device := strconv.Itoa(w.Threads), cmp.Or(w.Device, "cpu")
	switch {
	case w.Peer == imgcls:
		return []string{o.imgcls, "bench", "--serve", "--device", device, "--threads", n}
	case w.Peer == pytorch:
		return []string{o.python, "bench/peers/pytorch.py", "--device", device, "--threads", n}
	case w.Peer == onnxRuntime:
		return []string{o.python, "bench/peers/onnx_runtime.py", "--threads", n}
	case slices.Contains(w.Settings, "simd"):
		return []string{"build/gomlx-peer-simd", "-threads", n}
	}
	return []string{"build/gomlx-peer", "-threads", n}
}

// start starts a contender.
func (o options) start(ctx context.Context, w way) (*bench.Contender, error) {
	return bench.Start(ctx, os.Environ(), o.command(w)...)
}

// meet asks each contender for its version. One that does not start is named
// and left out; without imgcls there is nothing to measure.
func (b *bencher) meet(ctx context.Context) error {
	for _, peer := range allPeers {
		c, err := b.start(ctx, way{Peer: peer, Threads: 1})
		if err != nil && peer == imgcls {
			return fmt.Errorf("%w; run make build", err)
		}
		if err != nil {
			b.report.Absent[peer] = err.Error()
			fmt.Fprintf(os.Stderr, "%s is left out: %v; run make peers\n", peer, err)
			continue
		}
		b.report.Versions[peer] = c.Version
		c.Close()
	}
	if slices.Contains(b.groups, gpuGroup) {
		b.meetOnGPU(ctx)
	}
	return nil
}

// meetOnGPU looks who has a GPU to work on.
func (b *bencher) meetOnGPU(ctx context.Context) {
	for _, peer := range []string{imgcls, pytorch} {
		w := way{Peer: peer, Threads: 1, Device: cuda}
		c, err := b.start(ctx, w)
		if err != nil {
			b.report.Absent[w.who()] = err.Error()
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", w.who(), err)
			continue
		}
		c.Close()
	}
}

// who names a contender: a peer, and its device where that is not the CPU.
func (w way) who() string {
	if w.Device == "" {
		return w.Peer
	}
	return w.Peer + " on " + w.Device
}
