package optim

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// A Schedule varies the learning rate by step, all of it by PyTorch's formulas. The
// zero Schedule keeps it constant.
type Schedule struct {
	Kind     string  // one of Schedules; "" is constant
	Warmup   float64 // epochs in which the rate rises from nearly 0
	Size     int     // step: epochs from one cut to the next
	Gamma    float64 // step, plateau: the factor of each cut
	Patience int     // plateau: epochs that may pass without a better loss
	Min      float64 // cosine, linear: the rate at the end; plateau: the least
}

// Schedules lists the kinds:
//
//	constant  after the warm-up always the same
//	step      multiplied with Gamma every Size epochs (StepLR)
//	cosine    half a cosine down to Min at the end of the run (CosineAnnealingLR)
//	linear    a straight line down to Min there (LinearLR)
//	onecycle  up from 1/25 by half a cosine, and down to 1/250000 of the rate by
//	          another (OneCycleLR); it rises for Warmup epochs or, where that is 0,
//	          for 0.3 of the run
//	plateau   multiplied with Gamma, down to Min, when the loss on the validation split
//	          has not got better for more than Patience epochs (ReduceLROnPlateau)
var Schedules = []string{"constant", "step", "cosine", "linear", "onecycle", "plateau"}

// Name returns the kind, one of Schedules.
func (s Schedule) Name() string { return cmp.Or(s.Kind, Schedules[0]) }

// String says all of it, for people; nothing where the rate is the same all the time.
func (s Schedule) String() string {
	var text string
	switch s.Name() {
	case "step":
		text = fmt.Sprintf("times %g every %d epochs", s.Gamma, s.Size)
	case "plateau":
		text = fmt.Sprintf("times %g after %d epochs without a better loss", s.Gamma, s.Patience+1)
		if s.Min > 0 {
			text += fmt.Sprintf(" down to %g", s.Min)
		}
	case "cosine", "linear":
		text = s.Kind
		if s.Min > 0 {
			text += fmt.Sprintf(" to %g", s.Min)
		}
	case "onecycle":
		text = s.Kind
	}
	if s.Warmup > 0 {
		text = strings.TrimSpace(text + fmt.Sprintf(" warm-up %g epochs", s.Warmup))
	}
	return text
}

// ByStep reports whether the rate varies beyond the warm-up, until the run ends.
func (s Schedule) ByStep() bool { return s.Kind != "" && s.Kind != "constant" && s.Kind != "plateau" }

// cut returns the rate lr after so many cuts of a plateau.
func (s Schedule) cut(lr float64, cuts int) float64 {
	if cuts == 0 {
		return lr
	}
	return max(s.Min, lr*math.Pow(s.Gamma, float64(cuts)))
}

// rise is the number of steps of the warm-up.
func (s Schedule) rise(perEpoch int) int { return int(math.Round(s.Warmup * float64(perEpoch))) }

// rate returns the learning rate of a step, counted from 0, of a run of total steps
// whose greatest rate is lr. In the warm-up it is (step+1)/(rise+1) of what comes
// after (LinearLR), so that no step is of rate 0.
func (s Schedule) rate(lr float64, step, perEpoch, total int) float64 {
	rise := s.rise(perEpoch)
	if s.Kind == "onecycle" {
		return oneCycle(lr, step, rise, total)
	}
	if step < rise {
		lr *= float64(step+1) / float64(rise+1)
	}
	done := 0.0
	if step > rise {
		done = min(1, float64(step-rise)/float64(total-rise))
	}
	switch s.Kind {
	case "step":
		return lr * math.Pow(s.Gamma, float64(step/perEpoch/s.Size))
	case "cosine":
		return s.Min + (lr-s.Min)*(1+math.Cos(math.Pi*done))/2
	case "linear":
		return lr + (s.Min-lr)*done
	}
	return lr
}

// oneCycle is PyTorch's OneCycleLR with its usual constants.
func oneCycle(lr float64, step, rise, total int) float64 {
	const share, div, finalDiv = 0.3, 25, 1e4
	between := func(from, to, at float64) float64 { return to + (from-to)/2*(1+math.Cos(math.Pi*min(1, at))) }
	end := share*float64(total) - 1
	if rise > 0 {
		end = float64(rise - 1)
	}
	if t := float64(step); t > end {
		return between(lr, lr/div/finalDiv, (t-end)/(float64(total-1)-end))
	} else if end > 0 {
		return between(lr/div, lr, t/end)
	}
	return lr
}
