package main

import (
	"fmt"
	"strconv"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/models"
	"imgcls/internal/optim"
)

// settleOptimizer returns the recipe's optimizer, or the one of --opt, with what the
// user gave in its place.
func (s *settings) settleOptimizer(o optim.Optimizer) optim.Optimizer {
	if name := s.opt.settle(o.Name()); name != o.Name() {
		o = optim.Default(name)
	}
	switch o := o.(type) {
	case optim.SGD:
		o.LR, o.Momentum = s.lr.settle(o.LR), s.momentum.settle(o.Momentum)
		o.WeightDecay, o.Nesterov = s.weightDecay.settle(o.WeightDecay), s.nesterov.settle(o.Nesterov)
		return o
	case optim.Muon:
		o = o.At(s.lr.settle(o.LR)).(optim.Muon)
		o.Momentum, o.Rest.WeightDecay = s.momentum.settle(o.Momentum), s.weightDecay.settle(o.Rest.WeightDecay)
		return o
	case optim.AdamW:
		o.LR, o.WeightDecay = s.lr.settle(o.LR), s.weightDecay.settle(o.WeightDecay)
		return o
	}
	return o
}

// longestRise is the share of a run that a recipe's warm-up takes at most.
const longestRise = 0.3

// settleSchedule returns the recipe's schedule, or the one of --sched, with what the
// user gave in its place.
func (s *settings) settleSchedule(r optim.Schedule, epochs int) optim.Schedule {
	if kind := s.sched.settle(r.Name()); kind != r.Name() {
		r = optim.Schedule{Kind: kind, Warmup: r.Warmup}
	}
	r.Warmup = s.warmup.settle(min(r.Warmup, longestRise*float64(epochs)))
	switch r.Kind {
	case "cosine", "linear":
		r.Min = s.lrMin.settle(r.Min)
	case "plateau":
		if r.Gamma == 0 {
			r.Gamma, r.Patience = 0.1, 10
		}
		r.Gamma, r.Patience, r.Min = s.lrGamma.settle(r.Gamma), s.lrPatience.settle(r.Patience), s.lrMin.settle(r.Min)
	case "step":
		if r.Size == 0 {
			r.Size, r.Gamma = max(1, epochs/3), 0.1
		}
		r.Size, r.Gamma = s.lrStep.settle(r.Size), s.lrGamma.settle(r.Gamma)
	}
	return r
}

// checkRates refuses settings that the recipe as it is settled has no use for.
func (s *settings) checkRates(r models.Recipe) error {
	refuse := func(flag, do, why string, args ...any) error {
		return fault.New(fault.Usage, flag, "", do, why, args...)
	}
	schedule := r.Schedule.Name()
	name := r.Optimizer.Name()
	sgd, adam := name == "sgd", name == "adamw"
	for _, unused := range []struct {
		flag   string
		given  bool
		by, is string // the flag that decides, and its value
		wants  string // in its place
	}{
		{"--momentum", s.momentum.known && adam, "--opt", name, "sgd or muon"},
		{"--nesterov", s.nesterov.known && !sgd, "--opt", name, "sgd"},
		{"--lr-min", s.lrMin.known && schedule != "cosine" && schedule != "linear" && schedule != "plateau", "--sched", schedule, "cosine, linear or plateau"},
		{"--lr-step-size", s.lrStep.known && schedule != "step", "--sched", schedule, "step"},
		{"--lr-gamma", s.lrGamma.known && schedule != "step" && schedule != "plateau", "--sched", schedule, "step or plateau"},
		{"--lr-patience", s.lrPatience.known && schedule != "plateau", "--sched", schedule, "plateau"},
	} {
		if unused.given {
			return refuse(unused.flag, "leave it out, or give "+unused.by+" "+unused.wants, "has no meaning with %s %s", unused.by, unused.is)
		}
	}
	if w := r.Schedule.Warmup; w > 0 && w >= float64(r.Epochs) {
		return refuse("--warmup-epochs", "use fewer, or more --epochs", "%g epochs of warm-up do not fit the %d of the run", w, r.Epochs)
	}
	if low, lr := r.Schedule.Min, r.Optimizer.Rate(); low > lr {
		return refuse("--lr-min", "use a lower one, or a higher --lr", "%g is above the learning rate %g", low, lr)
	}
	return nil
}

// paramGroups reads PATTERN=RATE, PATTERN=RATE:DECAY or PATTERN=RATE:DECAY:EPOCHS, with
// commas between them.
func paramGroups() reader[[]optim.Group] {
	const most = 1e6
	factor := func(s string) (float64, bool) {
		x, err := strconv.ParseFloat(s, 64)
		return x, err == nil && 0 <= x && x <= most
	}
	return reader[[]optim.Group]{
		kind: "groups",
		want: "none, or a list of NAME=RATE, NAME=RATE:DECAY or NAME=RATE:DECAY:EPOCHS, such as fc*=10:0,conv1.*=0.1: names may have *, " +
			"RATE and DECAY are factors of --lr and --weight-decay, and in EPOCHS, more than 0, the rate falls to 0 in a straight line",
		read: func(s string) (groups []optim.Group, ok bool) {
			if s == "none" {
				return nil, true
			}
			for _, part := range strings.Split(s, ",") {
				name, factors, _ := strings.Cut(part, "=")
				group := optim.Group{Match: strings.TrimSpace(name), Decay: 1}
				to := []*float64{&group.LR, &group.Decay, &group.Epochs}
				numbers := strings.Split(factors, ":")
				if group.Match == "" || len(numbers) > len(to) {
					return nil, false
				}
				for i, text := range numbers {
					if *to[i], ok = factor(text); !ok {
						return nil, false
					}
				}
				groups = append(groups, group)
			}
			return groups, true
		},
		show: func(groups []optim.Group) string {
			if groups == nil {
				return "none"
			}
			shown := make([]string, len(groups))
			for i, g := range groups {
				shown[i] = fmt.Sprintf("%s=%v:%v", g.Match, g.LR, g.Decay)
				if g.Epochs > 0 {
					shown[i] += fmt.Sprintf(":%v", g.Epochs)
				}
			}
			return strings.Join(shown, ",")
		},
	}
}
