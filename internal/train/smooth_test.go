package train

import (
	"context"
	"math"
	"testing"

	"imgcls/internal/device/cpu"
	"imgcls/internal/metrics"
	"imgcls/internal/optim"
)

// Config.Smooth is in the loss that is trained and not in that of an evaluation.
func TestSmooth(t *testing.T) {
	set := few(40)
	set.Test = set.Train
	for _, smooth := range []float64{0, 0.1, 0.8} {
		n := tutorialNet(len(set.Classes))
		n.Classes = set.Classes
		tr, err := New(cpu.New(1), set, Config{
			Network: n, Epochs: 1, Batch: 9, Seed: 7, EvalBatch: 16, Optimizer: optim.SGD{LR: 1e-30}, Smooth: smooth,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		logits, err := tr.eval.Forward(context.Background(), set.Train.Images, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, plain := 0.0, 0.0
		for i, class := range set.Train.Labels {
			p, c := make([]float64, len(set.Classes)), len(set.Classes)
			metrics.Softmax(p, logits[i*c:(i+1)*c])
			for j := range p {
				q := smooth / float64(c)
				if j == int(class) {
					q += 1 - smooth
					plain -= math.Log(p[j])
				}
				want -= q * math.Log(p[j])
			}
		}
		want, plain = want/40, plain/40
		err = tr.Run(context.Background(), Hooks{Epoch: func(e Epoch) error {
			if math.Abs(e.TrainLoss-want) > 1e-6 || math.Abs(float64(e.Test.Loss)-plain) > 1e-6 {
				t.Errorf("smoothed by %g: trained loss %v, want %v; evaluated %v, want %v", smooth, e.TrainLoss, want, e.Test.Loss, plain)
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
