package infer

import (
	"context"
	"fmt"
	"testing"

	"imgcls/internal/device/cpu"
	"imgcls/internal/graph"
	"imgcls/internal/models"
	"imgcls/internal/plan"
)

// BenchmarkForward classifies batches that lie in the host's memory.
func BenchmarkForward(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, batch := range []int{1, 128} {
			b.Run(fmt.Sprintf("threads=%d/batch=%d", threads, batch), func(b *testing.B) {
				dev := cpu.New(threads)
				defer dev.Close()
				g, net := graph.New(), models.CifarNet.Plain(10)
				entry := Add(g, net, batch)
				m, err := plan.Compile(g, dev.Supports)
				if err != nil {
					b.Fatal(err)
				}
				prog, err := dev.Compile(m)
				if err != nil {
					b.Fatal(err)
				}
				defer prog.Close()
				run, pictures := entry.Bind(prog, m), make([]byte, batch*net.Preprocess.Pixels())
				b.ReportAllocs()
				for b.Loop() {
					if _, err := run.Forward(context.Background(), pictures, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}
