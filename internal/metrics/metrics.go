// Package metrics turns the logits of a classifier and the true classes into
// the figures that `imgcls eval` prints.
//
// All figures are float64 and add up in sample order, so that the same logits
// give the same bits on every processor; exponentials and logarithms come from
// package elementary. Where a definition of scikit-learn exists it is followed:
// precision, recall and F1, their macro and weighted averages with
// zero_division=0, balanced accuracy, log loss, ROC-AUC and average precision.
//
// A figure that has no value (0/0, the AUC of one class) is NaN in Go and null
// in JSON. In an average over classes it counts as 0.
//
// A sample with a logit that is NaN or infinite has no prediction. It counts as
// wrong: it is a sample, its class supports it, but it stands in no column of
// the confusion matrix. Loss, log loss, Brier score, calibration error and the
// AUCs are undefined once there is such a sample.
package metrics

import (
	"fmt"
	"math"

	"imgcls/internal/elementary"
	"imgcls/internal/fault"
)

// A Report holds the figures of one evaluation under the keys that
// `eval --format json` prints.
type Report struct {
	Samples int    `json:"samples"`
	Loss    Figure `json:"loss"` // mean cross-entropy, natural logarithm
	Top1    Figure `json:"top1"`
	Top5    Figure `json:"top5"` // the true class is among the min(5, classes) highest

	// TopK holds Top1 and Top5 under "1" and "5".
	TopK map[string]Figure `json:"topk"`

	// Classes are the names in the order of the logits.
	Classes []string `json:"classes"`

	// Confusion counts samples by true class (row) and prediction (column).
	Confusion [][]int      `json:"confusion"`
	PerClass  []ClassScore `json:"per_class"`

	// Macro is the mean over all classes, Weighted the mean over samples.
	Macro    Average `json:"macro"`
	Weighted Average `json:"weighted"`

	// BalancedAccuracy is the mean recall of the classes that have samples.
	BalancedAccuracy Figure `json:"balanced_accuracy"`

	// LogLoss is Loss with the probability of the true class held between
	// 2⁻⁵² and 1 − 2⁻⁵², as scikit-learn does.
	LogLoss Figure `json:"log_loss"`

	// Brier is the mean over samples of the sum over classes of (p − y)²,
	// from 0 to 2.
	Brier Figure `json:"brier"`

	// ECE is the expected calibration error of the highest class in 15 bins
	// of equal width, each with its upper bound.
	ECE Figure `json:"ece"`

	// Intervals holds the 95 % Wilson interval of "top1".
	Intervals map[string][2]Figure `json:"intervals"`

	// Binary is there for a binary task.
	Binary *BinaryScore `json:"binary,omitempty"`

	// NonFinite counts the samples with a logit that is NaN or infinite.
	NonFinite int `json:"-"`
}

// A ClassScore holds the figures of one class against the rest.
type ClassScore struct {
	Class     string `json:"class"`
	Precision Figure `json:"precision"`
	Recall    Figure `json:"recall"`
	F1        Figure `json:"f1"`
	Support   int    `json:"support"` // samples of this class
}

// An Average holds means over classes.
type Average struct {
	Precision Figure `json:"precision"`
	Recall    Figure `json:"recall"`
	F1        Figure `json:"f1"`
}

// A BinaryScore holds the figures of the positive class of a binary task.
type BinaryScore struct {
	Positive  string `json:"positive"`
	Threshold Figure `json:"threshold"`
	ROCAUC    Figure `json:"roc_auc"`
	PRAUC     Figure `json:"pr_auc"` // average precision
	Precision Figure `json:"precision"`
	Recall    Figure `json:"recall"`
	F1        Figure `json:"f1"`
}

// Classify returns the figures of logits, which are [len(labels),
// len(classes)] row by row. The prediction is the highest logit, the lower
// class where two are equal. A label outside the classes is an error, and so
// is an empty set.
func Classify[F Float](logits []F, labels []int32, classes []string) (*Report, error) {
	return measure(logits, labels, classes, func(row []F, _ []float64) int { return ArgMax(row) })
}

// Binary is Classify for two classes of which one is positive: the score of a
// sample is the softmax probability of that class, and a sample is predicted
// positive when its score is at least the threshold, from 0 to 1. Top1, the
// confusion matrix and all that follows from them use that prediction.
func Binary[F Float](logits []F, labels []int32, classes []string, positive int, threshold float64) (*Report, error) {
	if len(classes) != 2 {
		return nil, fault.New(fault.Usage, "binary task", "", "evaluate it as a task of several classes", "needs 2 classes, not %d", len(classes))
	}
	if positive != 0 && positive != 1 {
		return nil, fmt.Errorf("metrics: the positive class is 0 or 1, not %d", positive)
	}
	if !(threshold >= 0 && threshold <= 1) {
		return nil, fault.New(fault.Usage, "threshold", "", "give one in that range", "%v is not a number from 0 to 1", threshold)
	}
	scores := make([]float64, 0, len(labels))
	r, err := measure(logits, labels, classes, func(_ []F, p []float64) int {
		scores = append(scores, p[positive])
		if p[positive] >= threshold {
			return positive
		}
		return 1 - positive
	})
	if err != nil {
		return nil, err
	}
	c := r.PerClass[positive]
	r.Binary = &BinaryScore{
		Positive: c.Class, Threshold: Figure(threshold),
		ROCAUC: undefined, PRAUC: undefined,
		Precision: c.Precision, Recall: c.Recall, F1: c.F1,
	}
	if r.NonFinite == 0 {
		r.Binary.ROCAUC, r.Binary.PRAUC = areas(scores, labels, int32(positive))
	}
	return r, nil
}

// measure goes through the samples once; predict chooses the class of a row
// of finite logits whose softmax is p.
func measure[F Float](logits []F, labels []int32, classes []string, predict func(row []F, p []float64) int) (*Report, error) {
	if err := check(len(logits), labels, len(classes)); err != nil {
		return nil, err
	}
	s := newSums(len(classes))
	p := make([]float64, len(classes))
	for i, label := range labels {
		row := logits[i*len(p) : (i+1)*len(p)]
		y := int(label)
		s.support[y]++
		if !Finite(row) {
			s.nonFinite++
			continue
		}
		highest, sum := softmax(p, row)
		s.loss += elementary.Log(sum) + (highest - float64(row[y]))
		s.logLoss -= elementary.Log(min(max(p[y], 0x1p-52), 1-0x1p-52))
		s.brier += brier(p, y)
		top := ArgMax(row)
		s.calibration.add(p[top], top == y)
		if rank(row, y) < 5 {
			s.top5++
		}
		s.confusion[y][predict(row, p)]++
	}
	return s.report(classes), nil
}

// check tells whether the sizes belong together and every label is a class.
func check(logits int, labels []int32, classes int) error {
	switch {
	case classes == 0:
		return fault.New(fault.Data, "evaluation", "", "name at least one class", "there are no classes")
	case len(labels) == 0:
		return fault.New(fault.Data, "evaluation", "", "choose another split or data set", "there are no samples")
	case logits%classes != 0 || logits/classes != len(labels):
		return fmt.Errorf("metrics: %d logits are not %d samples of %d classes", logits, len(labels), classes)
	}
	for i, y := range labels {
		if y < 0 || int(y) >= classes {
			return fault.New(fault.Data, "evaluation", "", "the classes of the data must be those of the model",
				"label %d of sample %d is outside 0…%d", y, i, classes-1)
		}
	}
	return nil
}

// brier is the squared distance of the probabilities from the true class.
func brier(p []float64, y int) float64 {
	sum := 0.0
	for c, v := range p {
		if c == y {
			v = 1 - v
		}
		sum += float64(v * v)
	}
	return sum
}

// wilson is the 95 % Wilson score interval of k successes in n.
func wilson(k, n int) [2]Figure {
	const z = 1.959963984540054 // the normal quantile of 0.975
	size := float64(n)
	share := float64(k) / size
	spread := float64(share*(1-share))/size + z*z/4/size/size
	scale := 1 + z*z/size
	middle := (share + z*z/2/size) / scale
	half := z * math.Sqrt(spread) / scale
	interval := [2]Figure{Figure(middle - half), Figure(middle + half)}
	if k == 0 {
		interval[0] = 0
	}
	if k == n {
		interval[1] = 1
	}
	return interval
}
