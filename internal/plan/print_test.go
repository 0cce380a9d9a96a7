package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestPrint compares the printed plans of a small network with the golden ones: a
// difference shows what a change makes of order, places and costs.
func TestPrint(t *testing.T) {
	for name, precision := range map[string]graph.DType{"small.txt": graph.F32, "small.bf16.txt": graph.BF16} {
		m, err := plan.CompileIn(precision, small(), everything)
		if err != nil {
			t.Fatal(err)
		}
		simulate(t, m)
		var got strings.Builder
		if err := m.Print(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s: the plan differs (-want +got); if it should, run go test -update:\n%s", name, diff)
		}
	}
}

// small returns the graph of a small network's training and evaluation.
func small() *graph.Graph {
	g := graph.New()
	param := func(name string, shape ...int) graph.Value {
		return g.Lasting(graph.Tensor{Name: name, Shape: shape, Role: graph.Param})
	}
	forward := func(pictures graph.Value) graph.Value {
		x := g.Add("normalize", graph.Normalize{Mean: []float64{0.5}, Std: []float64{0.5}}, pictures)[0]
		x = g.Add("conv1", graph.Conv{Stride: 1}, x, param("conv1.weight", 6, 3, 3, 1), param("conv1.bias", 6))[0]
		x = g.Add("relu1", graph.Act{}, x)[0]
		x = g.Add("pool1", graph.MaxPool{Kernel: 2, Stride: 2}, x)[0]
		x = g.Add("flatten", graph.Reshape{Shape: []int{4, 54}}, x)[0]
		return g.Add("fc1", graph.MatMul{TransB: true}, x, param("fc1.weight", 10, 54), param("fc1.bias", 10))[0]
	}
	g.Begin("train@4")
	order, data, labels := g.Input("order", graph.I32, 8), g.Input("data", graph.U8, 100, 8, 8, 1), g.Input("labels", graph.I32, 100)
	step, cursor, scalars := g.State("step", graph.I64, 1), g.State("cursor", graph.I64, 1), g.State("scalars", graph.F32, 3)
	losses, table := g.State("losses", graph.F32, 64), g.Input("table", graph.F32, 2, 3)
	batch := g.Add("gather", graph.Gather{Batch: 4}, order, cursor, data, labels)
	logits := forward(batch[0])
	loss := g.Add("loss", graph.SoftmaxXent{}, logits, batch[1])
	grads := g.Backward([]graph.Value{logits}, loss[1:])
	finite, sgd, set := []graph.Value{loss[0]}, []graph.Value{0, scalars}, []graph.Value{}
	for _, p := range g.Params() {
		v := g.State("momentum."+g.Tensor(p).Name, graph.F32, g.Tensor(p).Shape...)
		finite = append(finite, grads[p])
		sgd = append(sgd, p, grads[p], v)
		set = append(set, p, v)
	}
	sgd[0] = g.Add("gate", graph.Gate{}, finite...)[0]
	applied := g.AddSet("sgd", graph.SGD{Momentum: 1, Decay: 2}, set, sgd...)[0]
	g.AddSet("record", graph.Record{}, []graph.Value{losses}, applied, step, loss[0], losses)
	g.AddSet("tick", graph.Tick{Batch: 4}, []graph.Value{step, cursor, scalars}, applied, step, cursor, scalars, table)
	g.Begin("eval@4")
	g.Return(forward(g.Lasting(graph.Tensor{Name: "pictures", Type: graph.U8, Shape: []int{4, 8, 8, 1}, Role: graph.Input, Slots: 2})))
	return g
}
