package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
)

func testGrammar() grammar {
	c := &console{out: io.Discard, err: io.Discard, env: lookup(nil)}
	return newFrame(newSettings(c), nil).grammar()
}

func TestArgv(t *testing.T) {
	g := testGrammar()
	for _, row := range []struct{ in, want string }{
		{"", ""},
		{"train", "train"},
		{"train digits", "train digits"},
		{"-device cpu train", "train --device cpu"},
		{"--device=cpu train digits", "train --device=cpu digits"},
		{"train -device=cpu -epochs=5 digits", "train --device=cpu --epochs=5 digits"},
		{"train -lr -0.5", "train --lr -0.5"},
		{"-lr train train", "train --lr train"},
		{"train -data -", "train --data -"},
		{"train -b 128", "train --batch-size 128"},
		{"train -b=128", "train --batch-size=128"},
		{"train -b128 -e5", "train --batch-size=128 --epochs=5"},
		{"train -b-1", "train --batch-size=-1"},
		{"train -b1e3", "train --batch-size=1e3"},
		{"train -o runs2", "train --output runs2"},
		{"-v train", "train --verbose"},
		{"train -vv", "train --verbose --verbose"},
		{"-qv train -h", "train --quiet --verbose --help"},
		{"val m digits", "eval m digits"},
		{"-seed 1 data -data-dir d get -mirror u cifar10", "data get --seed 1 --data-dir d --mirror u cifar10"},
		{"train --wd 0 -weight-decay=1", "train --weight-decay 0 --weight-decay=1"},
		{"predict m -", "predict m -"},
		{"predict -- m -x.png", "predict -- m -x.png"},
		{"predict m -- -device", "predict m -- -device"},
		{"-- train x", "train -- x"},
		{"help train", "help train"},
		{"completion bash", "completion bash"},
		{"__complete train --ep", "__complete train --ep"},
	} {
		got, err := g.normalise(strings.Fields(row.in))
		if err != nil {
			t.Errorf("%q: %v", row.in, err)
			continue
		}
		if diff := cmp.Diff(strings.Fields(row.want), got, cmp.Transformer("joined", func(s []string) string {
			return strings.Join(s, " ")
		})); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", row.in, diff)
		}
	}
}

func TestArgvRefuses(t *testing.T) {
	g := testGrammar()
	for _, row := range []struct {
		in   []string
		want string
	}{
		{[]string{"train", "--epoch", "3"}, `unknown flag: "--epoch"; did you mean --epochs?`},
		{[]string{"train", "-devise", "cpu"}, `unknown flag: "-devise"; did you mean --device?`},
		{[]string{"train", "--batch_size=4"}, `unknown flag: "--batch_size=4"; did you mean --batch-size?`},
		{[]string{"train", "--out", "x"}, `unknown flag: "--out"; did you mean --output?`},
		{[]string{"-d", "cpu", "train"}, `unknown flag: "-d"; see`},
		{[]string{"train", "-oruns"}, `unknown flag: "-oruns"; see`},
		{[]string{"train", "-einf"}, `unknown flag: "-einf"; see`},
		{[]string{"train", "-vb128"}, `unknown flag: "-vb128"; see`},
		{[]string{"train", "-5"}, `unknown flag: "-5"; see`},
		{[]string{"train", "---epochs", "1"}, `unknown flag: "---epochs"; did you mean --epochs?`},
		{[]string{"train", "--=x"}, `unknown flag: "--=x"; see`},
		{[]string{"train", "-=x"}, `unknown flag: "-=x"; see`},
		{[]string{"train", "-é"}, `unknown flag: "-é"; see`},
		{[]string{"train", "-\x1b[31m"}, `unknown flag: "-\x1b[31m"; see`},
		{[]string{"train", "--" + strings.Repeat("a", 1<<20)}, `a"…; see`},
		{[]string{"train", "--epochs"}, `--epochs: needs a value`},
		{[]string{"-b"}, `--batch-size: needs a value`},
		{[]string{"trian"}, `unknown command: "trian"; did you mean train?`},
		{[]string{"Train"}, `unknown command: "Train"; did you mean train?`},
		{[]string{"digits"}, `unknown command: "digits"; see`},
		{[]string{""}, `unknown command; see`},
		{[]string{"data", "gte"}, `unknown data command: "gte"; did you mean get?`},
		{[]string{"data", "cifar10"}, `unknown data command: "cifar10"; use one of get`},
	} {
		got, err := g.normalise(row.in)
		if err == nil {
			t.Errorf("%.60q is accepted as %q", row.in, got)
			continue
		}
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), row.want) || len(err.Error()) > 400 {
			t.Errorf("%.60q: kind %d, %.500q\nwant %q", row.in, fault.KindOf(err), err, row.want)
		}
	}
}

// Whatever is typed, the argv step does not panic; and what it returns holds
// only flags that pflag knows and stays as it is when read again.
func FuzzArgv(f *testing.F) {
	for _, seed := range []string{
		"train\x00digits", "-lr\x00-0.5\x00train", "-vv\x00-b128\x00-e5", "--\x00-x", "-\x00--=\x00---",
		"data\x00-data-dir\x00get\x00get", "-b\x00--", "val\x00-wd=1", "-bé", "__complete\x00-x",
	} {
		f.Add(seed)
	}
	g := testGrammar()
	f.Fuzz(func(t *testing.T, line string) {
		first, err := g.normalise(strings.Split(line, "\x00"))
		if err != nil {
			return
		}
		again, err := g.normalise(first)
		if err != nil || !slices.Equal(first, again) {
			t.Errorf("%q becomes %q, and that %q (%v)", line, first, again, err)
		}
	})
}

func TestNearest(t *testing.T) {
	names := []string{"epochs", "device", "data", "data-dir", "lr"}
	for word, want := range map[string]string{
		"epoch": "epochs", "Epochs": "epochs", "peochs": "epochs", "devise": "device", "dta": "data",
		"data_dir": "data-dir", "l": "", "": "", "resnet": "", "dat": "data",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
