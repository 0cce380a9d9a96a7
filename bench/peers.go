package main

import (
	"context"
	"fmt"
	"os"
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

// command returns the command line of a contender.
func (o options) command(peer string, threads int) []string {
	n := strconv.Itoa(threads)
	switch peer {
	case imgcls:
		return []string{o.imgcls, "bench", "--serve", "--device", "cpu", "--threads", n}
	case pytorch:
		return []string{o.python, "bench/peers/pytorch.py", "--threads", n}
	case onnxRuntime:
		return []string{o.python, "bench/peers/onnx_runtime.py", "--threads", n}
	}
	return []string{"build/gomlx-peer", "-threads", n}
}

// start starts a contender.
func (o options) start(ctx context.Context, peer string, threads int) (*bench.Contender, error) {
	return bench.Start(ctx, os.Environ(), o.command(peer, threads)...)
}

// meet asks each contender for its version. One that does not start is named
// and left out; without imgcls there is nothing to measure.
func (b *bencher) meet(ctx context.Context) error {
	for _, peer := range allPeers {
		c, err := b.start(ctx, peer, 1)
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
	return nil
}
