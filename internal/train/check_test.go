package train

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/optim"
	"imgcls/internal/plan"
	"imgcls/internal/run"
)

// A failing device flips one bit of a tensor after its n-th training run.
type failing struct {
	device.Device
	cell string
	n    int
}

func (f *failing) Compile(m *plan.Module) (device.Program, error) {
	p, err := f.Device.Compile(m)
	v := slices.IndexFunc(m.Tensors, func(t graph.Tensor) bool { return t.Name == f.cell })
	return &failingProgram{Program: p, device: f, module: m, v: graph.Value(v)}, err
}

type failingProgram struct {
	device.Program
	device *failing
	module *plan.Module
	v      graph.Value
	runs   int
}

func (p *failingProgram) Run(entry, n int) error {
	if err := p.Program.Run(entry, n); err != nil || !strings.HasPrefix(p.module.Entries[entry].Name, "train@") {
		return err
	}
	if p.runs++; p.runs != p.device.n {
		return nil
	}
	data := make([]byte, p.module.Tensors[p.v].Bytes())
	if err := p.Program.Read(p.v, data); err != nil {
		return err
	}
	data[len(data)/2] ^= 1 // the least of some number
	return p.Program.Write(p.v, data)
}

// checked trains ten steps, saving each, and checks every so many of them.
func checked(t *testing.T, dev device.Device, every int) (*run.Folder, error) {
	t.Helper()
	set := few(18)
	tr, err := New(dev, set, Config{
		Network: tutorialNet(len(set.Classes)), Epochs: 2, Batch: 4, Seed: 7, EvalBatch: 16, CheckEvery: every,
		Optimizer: optim.SGD{LR: 0.01, Momentum: 0.9}, SaveEvery: Interval{Steps: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	folder := newFolder(t, set)
	_, err = tr.Into(context.Background(), folder, Saving{Keep: 20}, func(run.Event) error { return nil }, nil)
	return folder, err
}

// G11: a step that is checked is taken twice and gives the bits of one taken once.
// One bit that another device flips, in the first or in the second take, is found at
// that step, and the run ends with the checkpoints from before it.
func TestWrongBitsAreFound(t *testing.T) {
	whole, err := checked(t, cpu.New(1), 0)
	if err != nil {
		t.Fatal(err)
	}
	states := map[int]*checkpoint.State{}
	for step := 1; step <= 10; step++ {
		if states[step], err = checkpoint.ReadState(whole.Checkpoints(1).Path(step)); err != nil {
			t.Fatal(err)
		}
	}
	same := func(folder *run.Folder, step int) {
		t.Helper()
		if state := newestOf(t, folder); state.Step != step || difference(state, states[step]) != "" {
			t.Errorf("the checkpoint is of step %d%s", state.Step, difference(state, states[state.Step]))
		}
	}
	for _, every := range []int{1, 3, 5, 11} {
		folder, err := checked(t, cpu.New(1), every)
		if err != nil {
			t.Fatal(err)
		}
		same(folder, 10)
	}
	for _, cell := range []string{"fc3.bias", "conv1.weight", "momentum.fc1.weight", "losses"} {
		for _, c := range []struct{ every, run, step int }{
			{1, 3, 2}, {1, 4, 2}, // of two takes each
			{3, 3, 3}, {3, 4, 3}, // behind two steps that are taken once
			{5, 5, 5}, // the short one of an epoch
		} {
			folder, err := checked(t, &failing{cpu.New(1), cell, c.run}, c.every)
			want := fmt.Sprintf("step %d, taken twice, gave different bits in 1 of ", c.step)
			if fault.KindOf(err) != fault.Device || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "tensors, "+cell+" first") {
				t.Fatalf("%s, %+v: %v", cell, c, err)
			}
			same(folder, c.step-1)
		}
	}
}
