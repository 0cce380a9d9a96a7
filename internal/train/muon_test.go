package train

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/device/ref"
	"imgcls/internal/fault"
	"imgcls/internal/optim"
)

// muonLosses are PyTorch's, by testdata/muon.py.
var muonLosses = []float64{
	2.3179287828724275,
	2.3135334828591727,
	2.2462555605342214,
	2.333786782376904,
	2.2309163770069715,
	2.23894980752075,
	2.27146945053996,
	2.1622811661602075,
	2.204678754077441,
	2.1840771772632896,
	2.172198674710984,
	2.2178636914372287,
	2.217885674735015,
	2.02614262288369,
	2.01534441612139,
	2.120449235213335,
	2.072539914005453,
	1.9861802236937274,
	1.7923963021945117,
	2.1522709853999116,
}

// muonSteps takes as many steps with Muon's settings in testdata/muon.py.
func muonSteps(t *testing.T, dev device.Device) (*Trainer, []float32) {
	t.Helper()
	g := readGolden(t, "cifar-net-steps.safetensors")
	set := &data.Set{
		Classes: make([]string, 10), Height: 32, Width: 32, Channels: 3,
		Train: data.Split{Images: g["images"].Data, Labels: view[int32](g, "labels")},
	}
	trainer, err := New(dev, set, Config{
		Network: tutorialNet(10), Epochs: 1, Batch: 4, EvalBatch: 4, Optimizer: optim.Muon{
			LR: 0.02, Momentum: 0.6, Rest: optim.SGD{LR: 0.001, Momentum: 0.85, WeightDecay: 5e-4, Nesterov: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := checkpoint.Model{Path: "golden", Tensors: g.under("init.")}
	if err := first.Load(trainer.Graph(), false, trainer.Program().Write); err != nil {
		t.Fatal(err)
	}
	if err := trainer.begin(view[int32](g, "order"), 0); err != nil {
		t.Fatal(err)
	}
	losses, err := trainer.steps(trainer.full, len(muonLosses))
	if err != nil {
		t.Fatal(err)
	}
	return trainer, losses
}

// In float64 the losses are PyTorch's to 1e-9, and in float32 to 1e-4 at first.
func TestMuon(t *testing.T) {
	trainer, _ := muonSteps(t, ref.New())
	defer trainer.Close()
	exact := trainer.Program().(*ref.Program).Float64(trainer.cells.losses)
	dev := cpu.New(2)
	defer dev.Close()
	second, rounded := muonSteps(t, dev)
	defer second.Close()
	for i, want := range muonLosses {
		if apart := math.Abs(exact[i]-want) / want; !(apart <= 1e-9) {
			t.Errorf("in float64 the loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, exact[i], want, apart)
		}
	}
	compareMuon(t, rounded)
}

// compareMuon holds the losses in float32 to PyTorch's.
func compareMuon(t *testing.T, losses []float32) {
	for i, want := range muonLosses {
		allowed := 1e-4
		if i >= 5 {
			allowed = 1e-2
		}
		if apart := math.Abs(float64(losses[i])-want) / want; !(apart <= allowed) {
			t.Errorf("in float32 the loss of step %d is %v, PyTorch's %v: %.1e apart", i+1, losses[i], want, apart)
		}
	}
}

// Filters of length 0 have no direction: the step sets nothing at all, neither what
// follows SGD nor a momentum, and the error says which parameter it was.
func TestMuonSetsAllOrNothing(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	trainer, _ := muonSteps(t, dev)
	defer trainer.Close()
	g, prog := trainer.Graph(), trainer.Program()
	filters := g.Named("conv2.weight")
	if err := prog.Write(filters, make([]byte, g.Tensor(filters).Bytes())); err != nil {
		t.Fatal(err)
	}
	cells := func() (all []byte) {
		for _, v := range g.Cells() {
			b := make([]byte, g.Tensor(v).Bytes())
			if err := prog.Read(v, b); err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return all
	}
	before := cells()
	_, err := trainer.steps(trainer.full, 3)
	if fault.KindOf(err) != fault.Diverged || !strings.Contains(err.Error(), "the update of conv2.weight is not finite at step 21") {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(cells(), before) {
		t.Error("the step set something")
	}
}
