package metrics

import "math"

// sums is what is added up over the samples of an evaluation.
type sums struct {
	loss, logLoss, brier float64
	calibration          calibration
	top5, nonFinite      int
	support              []int   // samples by true class
	confusion            [][]int // [true][predicted], finite samples only
}

func newSums(classes int) *sums {
	s := &sums{support: make([]int, classes), confusion: make([][]int, classes)}
	for i := range s.confusion {
		s.confusion[i] = make([]int, classes)
	}
	return s
}

// report makes the sums into figures.
func (s *sums) report(classes []string) *Report {
	samples, right := 0, 0
	for c := range classes {
		samples += s.support[c]
		right += s.confusion[c][c]
	}
	top1, top5 := ratio(right, samples), ratio(s.top5, samples)
	mean := func(sum float64) Figure {
		if s.nonFinite > 0 {
			return undefined
		}
		return Figure(sum / float64(samples))
	}
	r := &Report{
		Samples: samples, NonFinite: s.nonFinite, Classes: classes, Confusion: s.confusion,
		Top1: top1, Top5: top5, TopK: map[string]Figure{"1": top1, "5": top5},
		Loss: mean(s.loss), LogLoss: mean(s.logLoss), Brier: mean(s.brier), ECE: mean(s.calibration.gap()),
		Intervals: map[string][2]Figure{"top1": wilson(right, samples)},
		PerClass:  s.perClass(classes),
	}
	r.Macro, r.Weighted, r.BalancedAccuracy = averages(r.PerClass)
	return r
}

// perClass returns the figures of each class from the confusion matrix.
func (s *sums) perClass(classes []string) []ClassScore {
	scores := make([]ClassScore, len(classes))
	for c, name := range classes {
		predicted := 0
		for y := range classes {
			predicted += s.confusion[y][c]
		}
		right := s.confusion[c][c]
		scores[c] = ClassScore{
			Class: name, Support: s.support[c],
			Precision: ratio(right, predicted),
			Recall:    ratio(right, s.support[c]),
			F1:        ratio(2*right, predicted+s.support[c]),
		}
	}
	return scores
}

// averages returns the means over all classes, over samples, and of the recall
// over the classes that have samples.
func averages(scores []ClassScore) (macro, weighted Average, balanced Figure) {
	samples, supported := 0, 0
	for _, c := range scores {
		macro.add(c, 1)
		weighted.add(c, c.Support)
		samples += c.Support
		if c.Support > 0 {
			supported++
			balanced += c.Recall
		}
	}
	macro.divide(len(scores))
	weighted.divide(samples)
	return macro, weighted, balanced / Figure(supported)
}

// add adds the figures of a class, times its weight; one without value is 0.
func (a *Average) add(c ClassScore, weight int) {
	a.Precision += Figure(c.Precision.orZero() * Figure(weight))
	a.Recall += Figure(c.Recall.orZero() * Figure(weight))
	a.F1 += Figure(c.F1.orZero() * Figure(weight))
}

func (a *Average) divide(by int) {
	a.Precision /= Figure(by)
	a.Recall /= Figure(by)
	a.F1 /= Figure(by)
}

// calibration sorts predictions by confidence; bin b holds the confidences in
// (b/15, (b+1)/15].
type calibration struct {
	confidence [15]float64 // summed
	right      [15]int
}

func (c *calibration) add(confidence float64, right bool) {
	b := max(int(math.Ceil(confidence*15))-1, 0)
	c.confidence[b] += confidence
	if right {
		c.right[b]++
	}
}

// gap is the sum over the bins of |confidence − accuracy| times their size.
func (c *calibration) gap() float64 {
	sum := 0.0
	for b, v := range c.confidence {
		sum += math.Abs(v - float64(c.right[b]))
	}
	return sum
}
