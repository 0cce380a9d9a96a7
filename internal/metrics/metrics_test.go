package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/fault"
)

// golden is an entry of testdata/goldens.json, made by make_goldens.py.
type golden struct {
	Name     string
	Logits   []float64
	Labels   []int32
	Positive *int
	Want     json.RawMessage
}

func TestAgainstScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens []golden
	if err := json.Unmarshal(text, &goldens); err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		t.Run(g.Name, func(t *testing.T) {
			var want any
			if err := json.Unmarshal(g.Want, &want); err != nil {
				t.Fatal(err)
			}
			var head Report
			if err := json.Unmarshal(g.Want, &head); err != nil {
				t.Fatal(err)
			}
			wide, err := reportOf(g, g.Logits, head)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "", tree(t, wide), want)

			logits := make([]float32, len(g.Logits))
			for i, z := range g.Logits {
				logits[i] = float32(z)
			}
			narrow, err := reportOf(g, logits, head)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(tree(t, narrow), tree(t, wide)) {
				t.Error("float32 logits give other figures than the same float64 logits")
			}
		})
	}
}

func reportOf[F Float](g golden, logits []F, head Report) (*Report, error) {
	if g.Positive == nil {
		return Classify(logits, g.Labels, head.Classes)
	}
	return Binary(logits, g.Labels, head.Classes, *g.Positive, float64(head.Binary.Threshold))
}

// tree is v as encoding/json reads it back.
func tree(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// compare reports where two JSON trees differ; numbers may by 1e-12.
func compare(t *testing.T, at string, got, want any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		if len(g) != len(w) {
			t.Errorf("%s has keys of %v, want those of %v", at, g, w)
			return
		}
		for k := range w {
			compare(t, at+"."+k, g[k], w[k])
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s = %v, want %v", at, got, want)
			return
		}
		for i := range w {
			compare(t, fmt.Sprintf("%s[%d]", at, i), g[i], w[i])
		}
	case float64:
		g, ok := got.(float64)
		if !ok || !(math.Abs(g-w) <= 1e-12*max(1, math.Abs(w))) {
			t.Errorf("%s = %v, want %v", at, got, want)
		}
	default:
		if got != want {
			t.Errorf("%s = %v, want %v", at, got, want)
		}
	}
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("c%d", i)
	}
	return list
}

func draw(r *rand.Rand, samples, classes int) (logits []float32, labels []int32) {
	for range samples {
		labels = append(labels, r.Int32N(int32(classes)))
		for range classes {
			logits = append(logits, float32(r.IntN(17)-8)/2)
		}
	}
	return logits, labels
}

func TestOrderOfSamplesDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, classes := range []int{1, 2, 3, 11} {
		logits, labels := draw(r, 200, classes)
		var shuffledLogits []float32
		var shuffledLabels []int32
		for _, i := range r.Perm(len(labels)) {
			shuffledLabels = append(shuffledLabels, labels[i])
			shuffledLogits = append(shuffledLogits, logits[i*classes:(i+1)*classes]...)
		}
		evaluate := Classify[float32]
		if classes == 2 {
			evaluate = func(logits []float32, labels []int32, classes []string) (*Report, error) {
				return Binary(logits, labels, classes, 1, 0.4)
			}
		}
		a, err := evaluate(logits, labels, names(classes))
		if err != nil {
			t.Fatal(err)
		}
		b, err := evaluate(shuffledLogits, shuffledLabels, names(classes))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprintf("%d classes", classes), tree(t, b), tree(t, a))
	}
}

func TestFiguresHangTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		classes := 1 + r.IntN(9)
		logits, labels := draw(r, 1+r.IntN(60), classes)
		rep, err := Classify(logits, labels, names(classes))
		if err != nil {
			t.Fatal(err)
		}
		if d := rep.Top1 - rep.Weighted.Recall; math.Abs(float64(d)) > 1e-12 {
			t.Errorf("top1 %v is not the weighted recall %v", rep.Top1, rep.Weighted.Recall)
		}
		if rep.Top5 < rep.Top1 || classes <= 5 && rep.Top5 != 1 {
			t.Errorf("top5 is %v with top1 %v and %d classes", rep.Top5, rep.Top1, classes)
		}
		if i := rep.Intervals["top1"]; !(0 <= i[0] && i[0] <= rep.Top1 && rep.Top1 <= i[1] && i[1] <= 1) {
			t.Errorf("the interval %v does not hold %v", i, rep.Top1)
		}
		total := 0
		for c, row := range rep.Confusion {
			sum := 0
			for _, n := range row {
				sum += n
			}
			if sum != rep.PerClass[c].Support {
				t.Errorf("row %d of the confusion matrix sums to %d, support is %d", c, sum, rep.PerClass[c].Support)
			}
			total += sum
		}
		if total != rep.Samples || rep.Samples != len(labels) {
			t.Errorf("%d samples give %d, of which %d in the confusion matrix", len(labels), rep.Samples, total)
		}
	}
}

// TestEqualClasses has two classes of one name whose logits are always equal:
// the lower one is predicted, and they are not merged.
func TestEqualClasses(t *testing.T) {
	rep, err := Classify([]float32{1, 3, 3, 1, 3, 3}, []int32{1, 2}, []string{"a", "b", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]int{{0, 0, 0}, {0, 1, 0}, {0, 1, 0}}; !reflect.DeepEqual(rep.Confusion, want) {
		t.Errorf("confusion is %v, want %v", rep.Confusion, want)
	}
	if rep.Top1 != 0.5 {
		t.Errorf("top1 is %v, want 0.5", rep.Top1)
	}
}

func TestTopFiveTies(t *testing.T) {
	rep, err := Classify(make([]float64, 2*6), []int32{4, 5}, names(6))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Top5 != 0.5 || rep.TopK["5"] != 0.5 || rep.Top1 != 0 {
		t.Errorf("six equal logits give top5 %v and top1 %v, want 0.5 and 0", rep.Top5, rep.Top1)
	}
}

func TestNonFiniteSampleIsWrong(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		rep, err := Binary([]float64{0, 1, 2, 1, bad, 9, 0, 3}, []int32{1, 0, 1, 1}, names(2), 1, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		if rep.NonFinite != 1 || rep.Samples != 4 || rep.Top1 != 0.75 || rep.Top5 != 0.75 {
			t.Errorf("%v: %d of %d not finite, top1 %v, top5 %v", bad, rep.NonFinite, rep.Samples, rep.Top1, rep.Top5)
		}
		if want := [][]int{{1, 0}, {0, 2}}; !reflect.DeepEqual(rep.Confusion, want) {
			t.Errorf("%v: confusion is %v, want %v", bad, rep.Confusion, want)
		}
		if p := rep.PerClass[1]; p.Support != 3 || p.Precision != 1 || p.Recall != Figure(2./3) {
			t.Errorf("%v: the class of the bad sample has %+v", bad, p)
		}
		text, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"loss", "log_loss", "brier", "ece", "roc_auc", "pr_auc"} {
			if !strings.Contains(string(text), `"`+key+`":null`) {
				t.Errorf("%v: %s is not null in %s", bad, key, text)
			}
		}
	}
}

// TestFarLogits has finite logits whose differences overflow.
func TestFarLogits(t *testing.T) {
	rep, err := Classify([]float64{math.MaxFloat64, -math.MaxFloat64}, []int32{1}, names(2))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Loss.Defined() || rep.Top1 != 0 || math.Abs(float64(rep.LogLoss)+math.Log(0x1p-52)) > 1e-12 {
		t.Errorf("loss %v, log loss %v, top1 %v", rep.Loss, rep.LogLoss, rep.Top1)
	}
}

// TestBits pins every bit of the figures of drawn logits.
func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	logits, labels := draw(r, 300, 2)
	rep, err := Binary(logits, labels, names(2), 1, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	b := rep.Binary
	got := []Figure{rep.Loss, rep.LogLoss, rep.Brier, rep.ECE, rep.Macro.F1, rep.Weighted.F1,
		rep.Intervals["top1"][0], b.ROCAUC, b.PRAUC}
	want := []Figure{
		1.71588195101655, 1.71588195101655, 0.8854465252170208, 0.4122178074906952, 0.4462729051770148,
		0.44587914368736287, 0.39143715496049114, 0.44118039494751826, 0.4555563026958543,
	}
	if !slices.Equal(got, want) {
		t.Errorf("figures are %#v, want %#v", got, want)
	}
}

func TestErrors(t *testing.T) {
	one := []float32{1, 2}
	classify := func(logits []float32, labels []int32, classes int) error {
		_, err := Classify(logits, labels, names(classes))
		return err
	}
	binary := func(classes, positive int, threshold float64) error {
		_, err := Binary(make([]float32, classes), []int32{0}, names(classes), positive, threshold)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
		text string
	}{
		{"no samples", classify(nil, nil, 2), fault.Data, "no samples"},
		{"no classes", classify(nil, []int32{0}, 0), fault.Data, "no classes"},
		{"high label", classify(one, []int32{2}, 2), fault.Data, "label 2 of sample 0 is outside 0…1"},
		{"negative label", classify(one, []int32{-1}, 2), fault.Data, "label -1"},
		{"too few logits", classify(one, []int32{0, 1}, 2), fault.Bug, "2 logits"},
		{"part of a row", classify([]float32{1, 2, 3}, []int32{0}, 2), fault.Bug, "3 logits"},
		{"three classes", binary(3, 1, 0.5), fault.Usage, "needs 2 classes, not 3"},
		{"positive class", binary(2, 2, 0.5), fault.Bug, "not 2"},
		{"high threshold", binary(2, 1, 1.5), fault.Usage, "1.5 is not"},
		{"low threshold", binary(2, 1, -0.1), fault.Usage, "-0.1 is not"},
		{"NaN threshold", binary(2, 1, math.NaN()), fault.Usage, "NaN is not"},
	} {
		if c.err == nil || fault.KindOf(c.err) != c.kind || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: error %v, want kind %d with %q", c.name, c.err, c.kind, c.text)
		}
	}
}
