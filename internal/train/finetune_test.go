package train

import (
	"cmp"
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/device/cpu"
	"imgcls/internal/models"
	"imgcls/internal/optim"
	"imgcls/internal/rng"
)

// part returns the pictures of the classes from lo up to hi alone, at most n of each,
// drawn by the seed.
func part(from data.Split, set *data.Set, lo, hi int32, n int, seed uint64) data.Split {
	pixels := set.Height * set.Width * set.Channels
	order := make([]int32, from.Len())
	rng.Permute(order, seed, rng.Stream("finetune"))
	taken := map[int32]int{}
	var to data.Split
	for _, i := range order {
		if l := from.Labels[i]; lo <= l && l < hi && taken[l] < n {
			taken[l]++
			to.Labels = append(to.Labels, l-lo)
			to.Images = append(to.Images, from.Images[int(i)*pixels:][:pixels]...)
		}
	}
	return to
}

// half is the set of the classes from lo up to hi, with at most n training pictures each.
func half(set *data.Set, lo, hi int32, n int, seed uint64) *data.Set {
	to := *set
	to.Classes = set.Classes[lo:hi]
	to.Train, to.Test = part(set.Train, set, lo, hi, n, seed), part(set.Test, set, lo, hi, math.MaxInt, seed)
	return &to
}

// learn trains the model of that name on set, from the body of a model file if there
// is one, and returns the trainer and the accuracy on the test set.
func learn(t *testing.T, name string, set *data.Set, epochs, batch int, lr float64, seed uint64, from string, freeze int) (*Trainer, float64) {
	t.Helper()
	model, err := models.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	n := model.Plain(len(set.Classes))
	n.Classes = set.Classes
	untested := *set // no evaluation but the last
	untested.Test = data.Split{}
	tr, err := New(cpu.New(0), &untested, Config{
		Network: n, Epochs: epochs, Batch: batch, Optimizer: optim.SGD{LR: lr, Momentum: 0.9, WeightDecay: 5e-4}, Schedule: optim.Schedule{Kind: "cosine"},
		Seed: seed, EvalBatch: 250, Frozen: n.Layers()[:freeze],
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	if from != "" {
		file, err := checkpoint.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.LoadBody(tr.Graph(), n.Head(), false, tr.Program().Write); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Run(context.Background(), Hooks{}); err != nil {
		t.Fatal(err)
	}
	report, err := tr.Evaluate(context.Background(), set.Test)
	if err != nil {
		t.Fatal(err)
	}
	return tr, float64(report.Top1)
}

// What weights of other classes are worth: a model is trained on five classes of
// CIFAR-10, and then on 50 pictures of each of the other five, from its own weights and
// from none, on five draws of pictures each. Both ways may choose among the same rates
// and lengths. The folder of CIFAR-10 is in IMGCLS_FINETUNE; make finetune sets it.
func TestFineTuning(t *testing.T) {
	path := os.Getenv("IMGCLS_FINETUNE")
	if path == "" {
		t.Skip("IMGCLS_FINETUNE names no folder of CIFAR-10")
	}
	set, err := data.Open(context.Background(), path, data.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	name := cmp.Or(os.Getenv("IMGCLS_FINETUNE_MODEL"), models.All[0].Name)
	epochs, err := strconv.Atoi(cmp.Or(os.Getenv("IMGCLS_FINETUNE_EPOCHS"), "20"))
	if err != nil {
		t.Fatal(err)
	}
	first := half(set, 0, 5, math.MaxInt, 0)
	tr, top1 := learn(t, name, first, epochs, 32, 0.01, 1, "", 0)
	weights := filepath.Join(t.TempDir(), "first.safetensors")
	if _, err := checkpoint.Save(weights, checkpoint.Info{Model: name, Classes: first.Classes, Preprocess: tr.cfg.Network.Preprocess}, tr.Graph(), tr.Program().Read); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s on %v: %.2f %% of their test pictures", name, first.Classes, 100*top1)

	best := map[string]float64{}
	for _, way := range []struct {
		name, from string
		freeze     int
	}{{"from scratch", "", 0}, {"fine-tuned", weights, 0}, {"fine-tuned, 2 frozen", weights, 2}} {
		for _, length := range []int{15, 60} {
			for _, lr := range []float64{0.003, 0.01, 0.03} {
				mean, deviation := fiveDraws(t, func(seed uint64) float64 {
					_, top1 := learn(t, name, half(set, 5, 10, 50, seed), length, 10, lr, seed, way.from, way.freeze)
					return top1
				})
				best[way.name] = max(best[way.name], mean)
				t.Logf("%-22s %2d epochs  lr %-5g  %.2f %% ± %.2f", way.name, length, lr, 100*mean, 100*deviation)
			}
		}
	}
	if gain := best["fine-tuned"] - best["from scratch"]; gain < 0.02 {
		t.Errorf("the other classes' weights gain %.2f points over none", 100*gain)
	}
}

// fiveDraws returns the mean and the standard deviation of a figure over five seeds.
func fiveDraws(t *testing.T, figure func(seed uint64) float64) (mean, deviation float64) {
	t.Helper()
	const n = 5
	var sum, squares float64
	for seed := range uint64(n) {
		x := figure(seed + 1)
		sum, squares = sum+x, squares+x*x
	}
	mean = sum / n
	return mean, math.Sqrt(max(0, squares/n-mean*mean) * n / (n - 1))
}
