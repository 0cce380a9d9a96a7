package devicetest

import (
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// Allocs checks that steps of the small network, by Feed, Run, Read and Sync,
// allocate nothing on the host.
func Allocs(t *testing.T, dev device.Device) {
	t.Helper()
	n := newNetwork(t, dev, plan.Compile)
	prog := n.load(t, dev)
	start := encode(graph.I64, []float64{0})
	logits := read(t, prog, n.m, n.fed)
	for _, c := range []struct {
		name string
		step func() error
	}{
		{"training", func() error { return first(prog.Write(n.cursor, start), prog.Run(trainEntry, steps), prog.Sync()) }},
		{"evaluation", func() error {
			_, err := prog.Feed(n.pictures)
			return first(err, prog.Run(feedEntry, 1), prog.Read(n.fed, logits))
		}},
	} {
		var failed error
		allocs := testing.AllocsPerRun(20, func() { failed = first(failed, c.step()) })
		if failed != nil || allocs != 0 {
			t.Errorf("%s allocates %v times a step (%v), want none", c.name, allocs, failed)
		}
	}
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
