package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withTrain runs a command line of train whose body is body, and returns the
// exit code and what went to stderr.
func withTrain(t *testing.T, argv, env []string, body func(*settings) error) (code int, stdout, stderr string) {
	t.Helper()
	table := slices.Clone(commands)
	t.Cleanup(func() { commands = table })
	commands = slices.Clone(commands)
	commands[0].run = func(_ context.Context, s *settings, _ []string) error { return body(s) }
	var out, errs bytes.Buffer
	code = call(t.Context(), argv, env, &out, &errs)
	return code, out.String(), errs.String()
}

// The first source that has a value decides.
func TestPrecedence(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("batch-size: 16\nepochs: 7\nwd: 0.25\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const recipe = 99
	for _, row := range []struct {
		name   string
		argv   []string
		env    []string
		want   int
		origin string
	}{
		{"recipe", nil, nil, recipe, "recipe"},
		{"config", []string{"-config", config}, nil, 16, "config file"},
		{"config named by environment", nil, []string{"IMGCLS_CONFIG=" + config}, 16, "config file"},
		{"environment", nil, []string{"IMGCLS_BATCH_SIZE=8"}, 8, "IMGCLS_BATCH_SIZE"},
		{"environment before config", []string{"-config", config}, []string{"IMGCLS_BATCH_SIZE=8"}, 8, "IMGCLS_BATCH_SIZE"},
		{"empty environment", []string{"-config", config}, []string{"IMGCLS_BATCH_SIZE="}, 16, "config file"},
		{"flag", []string{"-config", config, "-b4"}, []string{"IMGCLS_BATCH_SIZE=8"}, 4, "flag"},
		{"auto asks the recipe", []string{"-config", config, "-b", "auto"}, nil, recipe, "recipe"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, _, stderr := withTrain(t, append([]string{"train"}, row.argv...), row.env, func(s *settings) error {
				if got := s.batchSize.settle(recipe); got != row.want {
					t.Errorf("batch size %d, want %d", got, row.want)
				}
				yaml, err := s.recorded()
				if err != nil || !strings.Contains(string(yaml), "# "+row.origin+"\n") {
					t.Errorf("no origin %q in\n%s", row.origin, yaml)
				}
				return err
			})
			if code != 0 || stderr != "" {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
		})
	}
}

// config.yaml of a run gives the same settings when read back, with the flags
// that only say where and how to show left to the new run.
func TestRecordedRepeats(t *testing.T) {
	dir := t.TempDir()
	argv := []string{
		"train", "-data", "- # [ü] \xff:", "-mean", "0.1, 0.2,0.3", "-std", "0.5", "-lr", "1e-7", "-nesterov",
		"-e3", "-name", "first", "-overwrite", "-q", "-weights", "null", "-output", "true", "-seed", "7",
	}
	var first []byte
	code, _, stderr := withTrain(t, argv, nil, func(s *settings) (err error) {
		s.batchSize.settle(4)
		first, err = s.recorded()
		return err
	})
	if code != 0 {
		t.Fatal(code, stderr)
	}
	for _, absent := range []string{"name:", "overwrite:", "quiet:", "config:", "data-dir:", "format:"} {
		if strings.Contains(string(first), absent) {
			t.Errorf("config.yaml has %s\n%s", absent, first)
		}
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, first, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = withTrain(t, []string{"train", "-config", config}, nil, func(s *settings) error {
		if s.data.value != "- # [ü] \xff:" || s.weights.value != "null" || s.output != "true" {
			t.Errorf("texts changed: %q, %q, %q", s.data.value, s.weights.value, s.output)
		}
		if !slices.Equal(s.mean.value, []float64{0.1, 0.2, 0.3}) || s.lr.value != 1e-7 || !s.nesterov.value || s.seed != 7 {
			t.Errorf("numbers changed: %v %v %v %v", s.mean, s.lr, s.nesterov, s.seed)
		}
		if s.batchSize.value != 4 || s.epochs.value != 3 || s.name.known || s.quiet {
			t.Errorf("settings changed: %v %v %v %v", s.batchSize, s.epochs, s.name, s.quiet)
		}
		return nil
	})
	if code != 0 {
		t.Error(code, stderr)
	}
}

func TestConfigRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	for _, row := range []struct{ text, want string }{
		{"epoch: 3\n", `line 1: "epoch" is no setting; did you mean epochs?`},
		{"seed: 1\nconfig: x\n", `line 2: "config" is no setting`},
		{"epochs: 0\n", `line 1: epochs: "0" is not a whole number from 1 to 100000`},
		{"epochs: 1\nepochs: 2\n", `line 2: epochs stands here a second time`},
		{"wd: 1\nweight-decay: 2\n", `line 2: weight-decay stands here a second time`},
		{"epochs:\n", "the value of epochs is neither"},
		{"epochs: {a: 1}\n", "the value of epochs is neither"},
		{"mean: [[1], 2]\n", "the value of mean is neither"},
		{"a: &a 1\nepochs: *a\n", `line 1: "a" is no setting`},
		{"seed: &a 1\nepochs: *a\n", "the value of epochs is neither"},
		{"- epochs\n", "is no mapping"},
		{"epochs\n", "is no mapping"},
		{"epochs: 1\n---\nepochs: 2\n", "more than one"},
		{"epochs: [1\n", "line "},
		{"data: \"a\\x1b[31m\"\n", `data: "a\x1b[31m" is not a text`},
		{"data: " + strings.Repeat("x", 5000) + "\n", `x"… is not a text of 1 to 4096 bytes`},
		{"data: " + strings.Repeat("x", 2<<20) + "\n", "is larger than 1048576 bytes"},
		{strings.Repeat("[", 20000), "max depth"},
	} {
		if err := os.WriteFile(path, []byte(row.text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := withTrain(t, []string{"train", "-config", path}, nil, func(*settings) error {
			t.Errorf("%.40q is accepted", row.text)
			return nil
		})
		if code != 2 || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 || len(stderr) > 700 {
			t.Errorf("%.40q: exit code %d, %.800q\nwant %q", row.text, code, stderr, row.want)
		}
	}
}

// Values keep their meaning through show and read, and the bounds hold.
func TestReaders(t *testing.T) {
	for _, row := range []struct {
		flag     string
		accepted []string
		refused  []string
	}{
		{"epochs", []string{"1", "100000", "auto"}, []string{"0", "-1", "1e9", "100001", "1.0", "", " 1", "99999999999999999999"}},
		{"batch-size", []string{"1", "1048576"}, []string{"0", "1048577"}},
		{"lr", []string{"0.001", "1e-300", "1000000"}, []string{"0", "-1", "NaN", "Inf", "-Inf", "abc", "1e7", "1e999", ""}},
		{"momentum", []string{"0", "0.999"}, []string{"1", "-0.1", "nan"}},
		{"weight-decay", []string{"0", "0.0005"}, []string{"-1", "inf"}},
		{"opt", []string{"sgd", "adamw", "muon", "auto"}, []string{"", "adam", "SGD"}},
		{"sched", []string{"constant", "step", "cosine", "linear", "onecycle"}, []string{"none", "poly"}},
		{"warmup-epochs", []string{"0", "0.5", "auto"}, []string{"-1", "nan"}},
		{"param-group", []string{"none", "auto", "fc*=10", "fc*=10:0,conv1.*=0.1:1", "[ab]*=1", "a=1:0.5:3"}, []string{"", "fc", "=1", "fc=", "fc=-1", "fc=nan", "fc=1:", "fc=1:x", "a=1,,b=1", "a=1:1:", "a=1:1:1:1"}},
		{"threads", []string{"0", "4096"}, []string{"-1", "4097", "100000"}},
		{"seed", []string{"0", "9007199254740991"}, []string{"-1", "9007199254740992"}},
		{"mean", []string{"0", "0.5,0.5,-0.5", "auto"}, []string{"", ",", "1,,2", "NaN", "1;2", strings.Repeat("1,", 16) + "1"}},
		{"std", []string{"0.5", "1,2,3"}, []string{"0", "-1", "1,0"}},
		{"nesterov", []string{"true", "false", "auto"}, []string{"yes", ""}},
		{"progress", []string{"auto", "none"}, []string{"", "Bar", "fancy"}},
		{"verbose", []string{"0", "3"}, []string{"4", "-1", "x"}},
		{"data", []string{"a b", "ü", "-"}, []string{"", "a\nb", "\x1b[31m", "a\x00", strings.Repeat("x", 1<<20)}},
		{"name", []string{"a", "a.b-c_d 2"}, []string{"", ".", "..", "a/b", `a\b`, "../x", ".x", "a\n", "latest", " a", "c:"}},
	} {
		s := newSettings(&console{env: lookup(nil)})
		flag := s.flagSet().Lookup(row.flag)
		for _, text := range row.accepted {
			if err := flag.Value.Set(text); err != nil {
				t.Errorf("--%s %q is refused: not %v", row.flag, text, err)
			}
			shown := flag.Value.String()
			if err := flag.Value.Set(shown); err != nil || flag.Value.String() != shown {
				t.Errorf("--%s %q: %q is shown and read as %q (%v)", row.flag, text, shown, flag.Value, err)
			}
		}
		before := flag.Value.String()
		for _, text := range row.refused {
			if err := flag.Value.Set(text); err == nil || flag.Value.String() != before {
				t.Errorf("--%s %.40q: error %v, value %.40q", row.flag, text, err, flag.Value)
			}
		}
	}
}

// Every command that a row names exists, so that a flag cannot be lost by a
// slip in the table.
func TestTableOfFlags(t *testing.T) {
	names := map[string]bool{everywhere: true}
	for _, c := range commands {
		names[c.name] = true
		for _, sub := range c.subs {
			names[sub.name] = true
		}
	}
	for _, r := range newSettings(&console{}).rows {
		for _, on := range strings.Fields(r.on) {
			if !names[on] {
				t.Errorf("--%s: no command %q", r.name, on)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	if !isMount("/") && filepath.Separator == '/' && fileExists("/proc/self/mountinfo") {
		t.Error("/ is a mount")
	}
	if isMount(t.TempDir()) {
		t.Error("a plain folder is no mount")
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if got := defaultDataDir(); got == "" {
		t.Error("no folder for data without HOME")
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
