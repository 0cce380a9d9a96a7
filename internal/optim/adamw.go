package optim

import (
	"fmt"
	"math"

	"imgcls/internal/graph"
)

// AdamW is Adam with decoupled weight decay, by PyTorch's formula and with its usual
// constants. The moments live in the states "exp_avg.<parameter>" and
// "exp_avg_sq.<parameter>", which are PyTorch's names.
type AdamW struct {
	LR          float64 `json:"lr"`
	WeightDecay float64 `json:"weight_decay"`
}

const (
	beta1   = 0.9
	beta2   = 0.999
	adamEps = 1e-8
)

// The columns of AdamW's schedule table.
const (
	adamKeep = iota
	adamRate
	adamRoot
	adamColumns
)

// Name returns adamw.
func (AdamW) Name() string { return "adamw" }

func (o AdamW) String() string {
	return fmt.Sprintf("adamw lr %g weight decay %g", o.LR, o.WeightDecay)
}

// Rate returns the learning rate.
func (o AdamW) Rate() float64 { return o.LR }

// At returns o with another learning rate.
func (o AdamW) At(lr float64) Optimizer {
	o.LR = lr
	return o
}

func (o AdamW) of(graph.Tensor) Optimizer { return o }
func (o AdamW) decay() float64            { return o.WeightDecay }
func (AdamW) columns() int                { return adamColumns }

// settled returns the step from which both corrections round to 1 in single
// precision.
func (AdamW) settled() int { return int(math.Ceil(math.Log(0x1p-26)/math.Log(beta2))) + 1 }

func (AdamW) fill(row []float64, step int, lr, decay float64) {
	t := float64(step + 1)
	row[adamKeep] = 1 - lr*decay
	row[adamRate] = lr / (1 - math.Pow(beta1, t))
	row[adamRoot] = 1 / math.Sqrt(1-math.Pow(beta2, t))
}

func (AdamW) add(g *graph.Graph, step Step, params []graph.Value, grads map[graph.Value]graph.Value, offset []int) graph.Value {
	in := step.inputs()
	var set []graph.Value
	for _, p := range params {
		t := g.Tensor(p)
		m := g.State("exp_avg."+t.Name, t.Type, t.Shape...)
		v := g.State("exp_avg_sq."+t.Name, t.Type, t.Shape...)
		in = append(in, p, grads[p], m, v)
		set = append(set, p, m, v)
	}
	op := graph.AdamW{
		Beta1: beta1, Beta2: beta2, Eps: adamEps, Keep: adamKeep, Rate: adamRate, Root: adamRoot, Offset: offset,
		Scaled: step.Scale != 0,
	}
	return g.AddSet("adamw", op, set, in...)[0]
}
